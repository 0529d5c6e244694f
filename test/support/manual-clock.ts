import type { Cancel, Clock } from '../../src/base/clock.ts';

interface Timer {
  due: number;
  readonly everyMs: number | undefined;
  readonly run: () => void;
}

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now: number;
  /** Armed timers, in the order in which they were set. */
  readonly #timers = new Set<Timer>();

  constructor(now = 0) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Cancel {
    return this.#arm({ due: this.#now + ms, everyMs: undefined, run });
  }

  every(ms: number, run: () => void): Cancel {
    return this.#arm({ due: this.#now + ms, everyMs: ms, run });
  }

  /** Timers that are armed. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on: runs what falls due in its order, each with all that follows from it. */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    await settle();
    for (let timer = this.#next(target); timer; timer = this.#next(target)) {
      this.#now = Math.max(this.#now, timer.due);
      if (timer.everyMs === undefined) this.#timers.delete(timer);
      else timer.due += timer.everyMs;
      timer.run();
      await settle();
    }
    this.#now = target;
  }

  #arm(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  #next(target: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (timer.due <= target && (!first || timer.due < first.due)) first = timer;
    return first;
  }
}

/** Lets everything happen that needs no time: microtasks, ticks, streams in memory. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve));
}
