import type { Clock } from '../base/clock.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import type { ContainerRecord } from './engine.ts';

const intervalMs = 300;

/**
 * Tells when containers run, by asking the engine for its list: one question serves all that are starting, and none
 * is asked while nothing starts. (Neither client says on its own when the process inside has begun.)
 */
export class RunningWatch {
  readonly #list: () => Promise<ContainerRecord[]>;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Deferred<void>>();
  #isAsking = false;

  constructor(list: () => Promise<ContainerRecord[]>, clock: Clock) {
    this.#list = list;
    this.#clock = clock;
  }

  /** Resolves once the container runs, or `stop` was called for it. Never rejects. */
  wait(name: string): Promise<void> {
    const done = deferred();
    this.#waiting.set(name, done);
    this.#askLater();
    return done.promise;
  }

  /** It runs, or has ended: no need to ask for it any more. */
  stop(name: string): void {
    this.#waiting.get(name)?.resolve();
    this.#waiting.delete(name);
  }

  #askLater(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#clock.after(intervalMs, () => {
      void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    if (this.#waiting.size > 0) {
      // An engine that fails to answer is asked again; the caller's own deadline bounds the wait.
      const records = await this.#list().catch((): ContainerRecord[] => []);
      for (const { name, state } of records) if (state === 'running') this.stop(name);
    }
    this.#isAsking = false;
    if (this.#waiting.size > 0) this.#askLater();
  }
}
