import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { BridgeError, causeOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ProcessServer } from '../config/config.ts';
import type { Engine, LaunchSpec } from '../engine/engine.ts';
import type { StartGate, StartPriority, Turn } from '../pool/start-gate.ts';
import { startUpstream, type StartContext } from '../upstream/start.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Engines } from './engines.ts';
import type { LogBook } from './server-logs.ts';

export interface LaunchSurroundings {
  readonly engines: Pick<Engines, 'for' | 'refusal'>;
  readonly gate: StartGate;
  readonly context: StartContext;
  readonly logs: LogBook;
  readonly clock: Clock;
  readonly log: Log;
  /** Lines of a pull or a build, for people. */
  readonly onProgress: (server: string, line: string) => void;
}

/** How one server is started: its engine, its image, and its turn. */
export class Launches {
  readonly #server: ProcessServer;
  readonly #around: LaunchSurroundings;
  /** What it was last found to be started from. */
  #newest: LaunchSpec['source'] | undefined;

  constructor(server: ProcessServer, around: LaunchSurroundings) {
    this.#server = server;
    this.#around = around;
  }

  /** @throws {BridgeError} when it cannot be started, or relied upon, now: a container that is ready may hang with its engine */
  refuse(): void {
    const refusal = this.#around.engines.refusal(this.#server.source);
    if (refusal) throw refusal;
  }

  /**
   * Gets the image, as new as it can be.
   *
   * @returns whether it is another one than before
   * @throws {BridgeError} what kept it away
   */
  async prepare(): Promise<boolean> {
    const engine = await this.#around.engines.for(this.#server.source);
    const before = this.#newest;
    this.#newest = await this.#prepare(engine, 'renew');
    return !isDeepStrictEqual(this.#newest, before);
  }

  /** Has `replace` called, of a folder that is built once it was looked at again. */
  recycle(replace: () => void): void {
    if (this.#server.source.kind === 'build') void this.#lookAgain().finally(replace);
    else replace();
  }

  /** The same, only where a folder that is built has changed. Resolves when that is known. */
  async refresh(replace: () => void): Promise<void> {
    if (this.#server.source.kind === 'build' && (await this.#lookAgain())) replace();
  }

  /** What it would be started from now. @param isAnew its name may stand for something else. @throws {BridgeError} when that is not there */
  async source(isAnew = false): Promise<LaunchSpec['source']> {
    const { source } = this.#server;
    const engine = await this.#around.engines.for(source);
    return this.#prepared(engine, isAnew && source.kind === 'image' ? 'renew' : 'prepare');
  }

  /** @param isWanted asked when it is its turn */
  readonly start = (priority: StartPriority, isWanted: () => boolean): Promise<Turn> =>
    this.#start(priority, isWanted, (upstream) => {
      this.#around.logs.of(this.#server.name).add(upstream);
    });

  /** One that serves nobody: what it writes, and how it ends, is not what operators look for. */
  readonly startDisposable = (priority: StartPriority, isWanted: () => boolean): Promise<Turn> =>
    this.#start(priority, isWanted);

  async #start(
    priority: StartPriority,
    isWanted: () => boolean,
    onStarted?: (upstream: Upstream) => void,
  ): Promise<Turn> {
    const { engines, gate, context } = this.#around;
    const engine = await engines.for(this.#server.source);
    const source = await this.#prepared(engine);
    return gate.start(priority, () => {
      if (!isWanted()) throw new BridgeError('DRAINING', 'Cannot start the server: it is not wanted any more');
      const deaths = onStarted && context.deaths;
      const upstream = startUpstream(engine, this.#server, source, { ...context, deaths });
      onStarted?.(upstream);
      return upstream;
    });
  }

  /** Whether there is another image now; what keeps it away is for the log. */
  async #lookAgain(): Promise<boolean> {
    const { log } = this.#around;
    const { name: server } = this.#server;
    try {
      const isOther = await this.prepare();
      if (isOther) log.info({ server }, 'a server was built anew');
      return isOther;
    } catch (error) {
      const fields = { server, error: messageOf(error), ...causeOf(error) };
      log.error(fields, 'a server cannot be built anew: it goes on with the image that there was');
      return false;
    }
  }

  #prepared(engine: Engine, how: 'prepare' | 'renew' = 'prepare'): Promise<LaunchSpec['source']> {
    return withDeadline(this.#prepare(engine, how), this.#server.startTimeoutMs, this.#around.clock, () => {
      return new BridgeError('IMAGE_PULLING', 'Cannot start the server yet: its image is still on its way');
    });
  }

  #prepare(engine: Engine, how: 'prepare' | 'renew' = 'prepare'): Promise<LaunchSpec['source']> {
    const { source, pull, name } = this.#server;
    return engine[how](source, pull, (line) => {
      this.#around.onProgress(name, line);
    });
  }
}
