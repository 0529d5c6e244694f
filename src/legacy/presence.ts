import type { Clock } from '../base/clock.ts';

/** When others wait: how long a client that closed its last stream has to come back, and one without a stream to speak. */
const leftMs = 2000;
const quietMs = 30_000;

/** When a client was last heard of. */
export class Presence {
  readonly #clock: Clock;
  #heardAt: number;
  /** When a GET stream of its closed last. */
  #leftAt: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#heardAt = clock.now();
  }

  /** It sent something, or was answered. */
  heard(): void {
    this.#heardAt = this.#clock.now();
  }

  /** A GET stream of its closed. */
  left(): void {
    this.#leftAt = this.#clock.now();
  }

  /** Since it was heard, in milliseconds. */
  idleMs(now: number): number {
    return now - this.#heardAt;
  }

  /** For how long it seems to be gone, in milliseconds, provided that no stream of its is open; undefined when it does not. */
  goneMs(now: number): number | undefined {
    const sinceMs = now - Math.max(this.#heardAt, this.#leftAt ?? 0);
    return sinceMs >= (this.#leftAt === undefined ? quietMs : leftMs) ? sinceMs : undefined;
  }
}
