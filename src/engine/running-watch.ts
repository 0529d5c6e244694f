import type { Clock } from '../base/clock.ts';
import type { ContainerRecord } from './engine.ts';
import type { Fates } from './fates.ts';

/**
 * Tells when containers run, by asking the engine for its list: one question serves all that are starting, and none
 * is asked while nothing starts. For an engine that says nothing by itself, and for the day when it has fallen silent.
 */
export class RunningWatch {
  readonly #list: () => Promise<ContainerRecord[]>;
  readonly #fates: Fates;
  readonly #intervalMs: number;
  readonly #clock: Clock;
  #isAsking = false;

  constructor(list: () => Promise<ContainerRecord[]>, fates: Fates, intervalMs: number, clock: Clock) {
    this.#list = list;
    this.#fates = fates;
    this.#intervalMs = intervalMs;
    this.#clock = clock;
  }

  /** Asks from now on, until everything that was expected runs. */
  begin(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#clock.after(this.#intervalMs, () => {
      void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    if (this.#fates.starting().length > 0) {
      // An engine that fails to answer is asked again; the caller's own deadline bounds the wait.
      const records = await this.#list().catch((): ContainerRecord[] => []);
      for (const { name, state } of records) if (state === 'running') this.#fates.runs(name);
    }
    this.#isAsking = false;
    if (this.#fates.starting().length > 0) this.begin();
  }
}
