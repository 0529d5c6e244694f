import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ProcessServer } from '../config/config.ts';
import type { LaunchSpec } from '../engine/engine.ts';
import { askEra, type Era } from '../modern/era.ts';
import type { AskOptions, Asking, Eras } from '../modern/eras.ts';
import { Urgency, type Disposables } from './disposables.ts';
import type { Launches } from './launches.ts';

interface Surroundings {
  readonly eras: Eras;
  readonly launches: Pick<Launches, 'source'>;
  readonly disposables: Disposables;
  readonly clock: Clock;
  readonly log: Log;
  /** A question begins, or ends: until then the pools of the server leave a place for a container. */
  readonly onAsking: (isAsking: boolean) => void;
  /** Something is known that was not. */
  readonly onKnown: () => void;
}

/** What one server speaks, as far as it is known. */
export class ServerEra {
  readonly #server: ProcessServer;
  readonly #around: Surroundings;
  /** A plain process may be another one for every new configuration. */
  readonly #own = randomUUID();
  #key = '';
  #asking = 0;

  constructor(server: ProcessServer, around: Surroundings) {
    this.#server = server;
    this.#around = around;
  }

  get known(): Era | undefined {
    return this.#around.eras.known(this.#key);
  }

  /** Finds out, for a client who waits. @throws {BridgeError} what keeps the server from starting */
  find(): Promise<Era> {
    const { known } = this;
    return known === undefined ? this.#ask({ isUrgent: true }) : Promise.resolve(known);
  }

  /** Finds out, for nobody in particular. Resolves when that is over. @param isAnew whether it may be something else now */
  async learn(isAnew = false): Promise<void> {
    try {
      await this.#ask({ isUrgent: false, isAnew });
    } catch (error) {
      this.#around.log.debug({ error: messageOf(error) }, 'it is not known what a server speaks');
    }
  }

  /** Nobody asks any more. */
  close(): void {
    this.#around.disposables.close();
    if (this.#server.source.kind === 'command') this.#around.eras.forget(this.#key);
  }

  async #ask(options: AskOptions): Promise<Era> {
    const { eras, launches, log } = this.#around;
    this.#count(1);
    try {
      const source = await launches.source(options.isAnew);
      const key = this.#keyOf(source);
      // The same image speaks what it spoke.
      const isAnew = options.isAnew === true && !(source.kind === 'image' && source.digest !== undefined);
      const era = await eras.find(key, (isUrgent) => this.#start(isUrgent), { ...options, isAnew });
      if (this.#key !== key || options.isAnew) log.info({ era }, 'it is known what a server speaks');
      this.#key = key;
      return era;
    } finally {
      this.#count(-1);
      this.#around.onKnown();
    }
  }

  #start(isUrgent: boolean): Asking {
    const { disposables, clock } = this.#around;
    const urgency = new Urgency(isUrgent);
    return {
      found: askEra({ start: () => disposables.start(urgency), limitMs: this.#server.startTimeoutMs, clock }),
      hurry: () => {
        urgency.hurry();
      },
    };
  }

  #count(change: 1 | -1): void {
    const before = this.#asking;
    this.#asking += change;
    if (before === 0 || this.#asking === 0) this.#around.onAsking(this.#asking > 0);
  }

  /** What decides what it speaks: its image, and how that is told to run. */
  #keyOf(source: LaunchSpec['source']): string {
    const { args, env } = this.#server;
    const what = source.kind === 'image' ? (source.digest ?? source.image) : [source, this.#own];
    return createHash('sha256')
      .update(JSON.stringify([what, args, env]))
      .digest('base64url');
  }
}
