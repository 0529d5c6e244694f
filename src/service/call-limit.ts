import type { Clock } from '../base/clock.ts';

/** So often, at the most, is counted anew, in milliseconds. */
const recountMs = 1;

/**
 * Lets a number of requests be under way at once. To count them takes longer than one request should pay for, so
 * what is known is an upper bound, which grows with each request and is set right only when it reaches the limit.
 */
export class CallLimit {
  readonly #limit: () => number;
  readonly #count: () => number;
  readonly #clock: Clock;
  #atMost = 0;
  #countedAt = -Infinity;

  /**
   * @param limit how many may be under way, as the configuration says now
   * @param count how many are under way at this moment
   */
  constructor(limit: () => number, count: () => number, clock: Clock) {
    this.#limit = limit;
    this.#count = count;
    this.#clock = clock;
  }

  get limit(): number {
    return this.#limit();
  }

  /** @returns whether so many more may be under way; then they count */
  take(wanted: number): boolean {
    if (!this.#hasRoom(wanted)) this.#recount();
    if (!this.#hasRoom(wanted)) return false;
    this.#atMost += wanted;
    return true;
  }

  #hasRoom(wanted: number): boolean {
    return this.#atMost + wanted <= this.limit;
  }

  #recount(): void {
    const now = this.#clock.now();
    if (now - this.#countedAt < recountMs) return;
    this.#countedAt = now;
    this.#atMost = this.#count();
  }
}
