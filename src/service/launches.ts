import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { BridgeError } from '../base/errors.ts';
import type { ProcessServer } from '../config/config.ts';
import type { Engine, LaunchSpec } from '../engine/engine.ts';
import type { StartGate, StartPriority, Turn } from '../pool/start-gate.ts';
import { startUpstream, type StartContext } from '../upstream/start.ts';
import type { Engines } from './engines.ts';
import type { LogBook } from './server-logs.ts';

export interface LaunchSurroundings {
  readonly engines: Pick<Engines, 'for' | 'refusal'>;
  readonly gate: StartGate;
  readonly context: StartContext;
  readonly logs: LogBook;
  readonly clock: Clock;
  /** Lines of a pull or a build, for people. */
  readonly onProgress: (server: string, line: string) => void;
}

/** How one server is started: its engine, its image, and its turn. */
export class Launches {
  readonly #server: ProcessServer;
  readonly #around: LaunchSurroundings;

  constructor(server: ProcessServer, around: LaunchSurroundings) {
    this.#server = server;
    this.#around = around;
  }

  /** @throws {BridgeError} when it cannot be started, or relied upon, now: a container that is ready may hang with its engine */
  refuse(): void {
    const refusal = this.#around.engines.refusal(this.#server.source);
    if (refusal) throw refusal;
  }

  /** Gets the image. @throws {BridgeError} what kept it away */
  async prepare(): Promise<void> {
    await this.#prepare(await this.#around.engines.for(this.#server.source));
  }

  /** @param isWanted asked when it is its turn */
  readonly start = async (priority: StartPriority, isWanted: () => boolean): Promise<Turn> => {
    const { engines, gate, context, logs, clock } = this.#around;
    const engine = await engines.for(this.#server.source);
    const { startTimeoutMs } = this.#server;
    const source = await withDeadline(this.#prepare(engine), startTimeoutMs, clock, () => {
      return new BridgeError('IMAGE_PULLING', 'Cannot start the server yet: its image is still on its way');
    });
    return gate.start(priority, () => {
      if (!isWanted()) throw new BridgeError('DRAINING', 'Cannot start the server: it is not wanted any more');
      const upstream = startUpstream(engine, this.#server, source, context);
      logs.of(this.#server.name).add(upstream);
      return upstream;
    });
  };

  #prepare(engine: Engine): Promise<LaunchSpec['source']> {
    const { source, pull, name } = this.#server;
    return engine.prepare(source, pull, (line) => {
      this.#around.onProgress(name, line);
    });
  }
}
