import type { Cancel, Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError, causeOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config, ServerConfig, Source } from '../config/config.ts';
import { detectEngine } from '../engine/detect.ts';
import type { Engine } from '../engine/engine.ts';
import type { Owner } from '../engine/labels.ts';
import { ProcessEngine } from '../engine/process-engine.ts';
import { sweep } from '../engine/sweep.ts';

const retryMs = 3000;
/** A container whose client outlived our predecessor can appear after the first sweep: look again soon, then now and then. */
const sweepAtMs = [2000, 2000, 4000];
const reconcileMs = 30_000;

interface Surroundings {
  readonly owner: Owner;
  readonly held: ReadonlySet<string>;
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Log;
}

/** The engines of a bridge: found when they are there, swept before use, reconciled ever after. */
export class Engines {
  readonly #wanted: Config['engine'];
  readonly #around: Surroundings;
  #process: ProcessEngine | undefined;
  #needsContainers = false;
  readonly #found = deferred<Engine>();
  #container: Engine | undefined;
  #failure: BridgeError | undefined;
  #stopLooking: Cancel = () => undefined;
  #stopReconciling: Cancel | undefined;
  #isOpen = false;
  #isLooking = false;
  #isClosed = false;

  constructor(config: Config, around: Surroundings) {
    this.#wanted = config.engine;
    this.#around = around;
    this.need(config.servers.values());
  }

  /** The container engine, once it is found. */
  get container(): Engine | undefined {
    return this.#container;
  }

  /** Why there is no container engine; undefined when there is one, or none is needed. */
  get missing(): string | undefined {
    if (!this.#needsContainers) return undefined;
    if (this.#container) return this.#failure && messageOf(this.#failure);
    return this.#failure === undefined ? 'the container engine is being looked for' : messageOf(this.#failure);
  }

  /** Finds, sweeps, and goes on looking when there is none. Resolves after the first try. */
  async open(): Promise<void> {
    this.#isOpen = true;
    if (this.#process) await this.#sweep(this.#process);
    if (!this.#needsContainers) this.#reconcileAfter(0);
    else if (!this.#isLooking) await this.#find();
  }

  /** What these servers need is there from now on, or is being looked for. What others needed before stays. */
  need(servers: Iterable<ServerConfig>): void {
    const enabled = [...servers].filter(({ disabled }) => !disabled);
    this.#needsContainers = enabled.some(({ source }) => source.kind !== 'command');
    if (!this.#process && enabled.some(({ source }) => source.kind === 'command')) {
      this.#process = new ProcessEngine(this.#around.environment, this.#around.clock);
      if (this.#isOpen) void this.#reconcile(this.#process);
    }
    if (this.#isOpen && this.#needsContainers && !this.#isLooking) void this.#find();
  }

  /** @throws {BridgeError} `ENGINE_UNAVAILABLE` */
  for(source: Source): Promise<Engine> {
    if (source.kind === 'command' && this.#process) return Promise.resolve(this.#process);
    if (this.#container) return Promise.resolve(this.#container);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // Still looking for the first time: a matter of a second.
    return this.#found.promise;
  }

  all(): Engine[] {
    return [this.#process, this.#container].filter((engine) => engine !== undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#stopLooking();
    this.#stopReconciling?.();
  }

  async #find(): Promise<void> {
    const { environment, clock, log } = this.#around;
    this.#isLooking = true;
    try {
      const { engine, skipped } = await detectEngine(this.#wanted, environment, clock);
      await this.#sweep(engine);
      this.#container = engine;
      this.#failure = undefined;
      log.info(
        { engine: engine.kind, version: engine.version, ...(skipped.length > 0 ? { skipped } : {}) },
        'engine found',
      );
      this.#found.resolve(engine);
      if (!this.#stopReconciling) this.#reconcileAfter(0);
    } catch (error) {
      const isNews = this.#failure === undefined;
      this.#failure =
        error instanceof BridgeError ? error : new BridgeError('ENGINE_UNAVAILABLE', 'Cannot use the engine');
      if (isNews) {
        log.error({ error: messageOf(error) }, 'no container engine; looking for it again every 3 s');
        this.#found.promise.catch(() => undefined);
        this.#found.reject(this.#failure);
      }
      this.#stopLooking = this.#later(retryMs, () => this.#find());
    }
  }

  /** @throws {BridgeError} `ENGINE_UNAVAILABLE` */
  async #sweep(engine: Engine): Promise<void> {
    const { owner, held, log } = this.#around;
    await sweep(engine, owner, (name) => held.has(name), log);
  }

  #reconcileAfter(round: number): void {
    // An engine that has gone away is asked more often.
    const ms = this.#failure ? retryMs : (sweepAtMs[round] ?? reconcileMs);
    this.#stopReconciling = this.#later(ms, async () => {
      for (const engine of this.all()) await this.#reconcile(engine);
      this.#reconcileAfter(round + 1);
    });
  }

  async #reconcile(engine: Engine): Promise<void> {
    try {
      await this.#sweep(engine);
      if (engine === this.#container) this.#failure = undefined;
    } catch (error) {
      this.#around.log.warn(
        { engine: engine.kind, error: messageOf(error), ...causeOf(error) },
        'could not reconcile with the engine',
      );
      if (engine === this.#container && error instanceof BridgeError) this.#failure = error;
    }
  }

  #later(ms: number, run: () => Promise<void>): Cancel {
    return this.#isClosed ? () => undefined : this.#around.clock.after(ms, () => void run());
  }
}
