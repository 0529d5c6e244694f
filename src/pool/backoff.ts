import type { Clock } from '../base/clock.ts';

const firstMs = 500;
const longestMs = 60_000;

/** Waits longer after each failure in a row: 0.5 s, doubled, up to a minute, with jitter so that servers spread out. */
export class Backoff {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #until = -Infinity;

  constructor(clock: Clock, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  isOver(): boolean {
    return this.remainingMs === 0;
  }

  /** In milliseconds. */
  get remainingMs(): number {
    return Math.max(0, this.#until - this.#clock.now());
  }

  fail(): void {
    const wait = Math.min(longestMs, firstMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#until = this.#clock.now() + wait * (0.5 + this.#random() / 2);
  }

  /** Waits a moment, without holding it against anybody. */
  pause(): void {
    this.#until = Math.max(this.#until, this.#clock.now() + firstMs);
  }

  succeed(): void {
    this.#failures = 0;
    this.#until = -Infinity;
  }
}
