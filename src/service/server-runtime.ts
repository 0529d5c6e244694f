import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Engine, LaunchSpec } from '../engine/engine.ts';
import type { Budget } from '../pool/budget.ts';
import type { StartGate, StartPriority, Turn } from '../pool/start-gate.ts';
import { startUpstream, type StartContext } from '../upstream/start.ts';
import type { Served } from '../legacy/registry.ts';
import type { ChannelLease } from '../relay/channel.ts';
import type { Engines } from './engines.ts';
import type { Runtime } from './runtimes.ts';
import type { LogBook } from './server-logs.ts';
import { supplyFor, type Supply } from './supply.ts';

interface Surroundings {
  readonly engines: Pick<Engines, 'for' | 'refusal'>;
  readonly gate: StartGate;
  /** Shared by the pools of all servers. */
  readonly budget: Budget;
  readonly context: StartContext;
  readonly logs: LogBook;
  readonly clock: Clock;
  readonly log: Log;
  /** Lines of a pull or a build, for people. */
  readonly onProgress: (server: string, line: string) => void;
}

/** One configured server at work: its image, its pool, and how a start of it goes. */
export class ServerRuntime implements Served, Runtime {
  /** The same object for as long as it lives, by which its sessions are known; what `resize` changes, changes in it. */
  readonly config: ServerConfig;
  readonly #supply: Supply;
  readonly #around: Surroundings;

  constructor(config: ServerConfig, around: Surroundings) {
    this.config = { ...config };
    this.#around = around;
    this.#supply = supplyFor(this.config, {
      start: (priority, isWanted) => this.#start(priority, isWanted),
      clock: around.clock,
      log: around.log.child({ server: config.name }),
      budget: around.budget,
    });
  }

  get waiting(): number {
    return this.#supply.waiting;
  }

  get shortage(): number {
    return this.#supply.shortage;
  }

  lease(signal: AbortSignal, client: string): Promise<ChannelLease> {
    // A container that is ready may hang with its engine.
    const refusal = this.#around.engines.refusal(this.config.source);
    return refusal ? Promise.reject(refusal) : this.#supply.lease(signal, client);
  }

  /**
   * Gets the image and fills the pool. Resolves when the first container runs.
   *
   * @throws {BridgeError} what kept the image or its server away; it is tried again, and at once when a client comes
   */
  async open(): Promise<void> {
    if (this.config.disabled) return;
    const { engines } = this.#around;
    await this.#prepare(await engines.for(this.config.source));
    await this.#supply.fill();
  }

  /** Takes nothing new; what is under way may end. */
  drain(): void {
    this.#supply.drain();
  }

  /** New sizes and time-outs, in place. @param config differs from what it was made from in nothing else */
  resize(config: ServerConfig): void {
    Object.assign(this.config, config);
    this.#supply.resize(config);
  }

  /** Serves nobody new from now on. Its sessions go on, and nothing is kept ready for others. */
  retire(): void {
    const disabled: ServerConfig['disabled'] = { code: 'SERVER_UNKNOWN', reason: 'the configuration has changed' };
    Object.assign(this.config, { disabled });
    this.#supply.retire();
  }

  /** Whether it has no container, in whatever state. */
  get isEmpty(): boolean {
    return this.#supply.containers === 0;
  }

  /** See `Supply`. */
  get unexpected(): number {
    return this.#supply.unexpected;
  }

  stats(): ReturnType<Supply['stats']> {
    return this.#supply.stats();
  }

  /** Puts new containers in the place of those that stand ready. Nobody loses one that is in use. */
  recycle(): void {
    this.#supply.recycle();
  }

  async #start(priority: StartPriority, isWanted: () => boolean): Promise<Turn> {
    const { engines, gate, context, logs, clock } = this.#around;
    const engine = await engines.for(this.config.source);
    const { startTimeoutMs } = this.config;
    const source = await withDeadline(this.#prepare(engine), startTimeoutMs, clock, () => {
      return new BridgeError('IMAGE_PULLING', 'Cannot start the server yet: its image is still on its way');
    });
    return gate.start(priority, () => {
      if (!isWanted()) throw new BridgeError('DRAINING', 'Cannot start the server: it is not wanted any more');
      const upstream = startUpstream(engine, this.config, source, context);
      logs.of(this.config.name).add(upstream);
      return upstream;
    });
  }

  #prepare(engine: Engine): Promise<LaunchSpec['source']> {
    const { source, pull, name } = this.config;
    return engine.prepare(source, pull, (line) => {
      this.#around.onProgress(name, line);
    });
  }
}
