import type { Clock } from '../base/clock.ts';
import { Backoff } from './backoff.ts';

export type Circuit = 'closed' | 'open' | 'half-open';

/** So many failures within the window open the circuit. */
const failuresToOpen = 5;
const windowMs = 60_000;
/** After so long without a failure, all of them are forgotten. */
const forgetMs = 5 * 60_000;

/**
 * Whether a server that keeps failing is left alone. Every failure makes the back-off longer; too many at a time open
 * the circuit: nothing is started until the back-off is over. Then it is half-open, and what is tried next decides.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  /** When the last failures were, the latest last; no more of them than it takes to open. */
  #failedAt: number[] = [];
  #isTripped = false;

  constructor(clock: Clock, random: () => number = Math.random) {
    this.#clock = clock;
    this.#backoff = new Backoff(clock, random);
  }

  get circuit(): Circuit {
    this.#forget();
    if (!this.#isTripped) return 'closed';
    return this.#backoff.isOver() ? 'half-open' : 'open';
  }

  /** What is left of the back-off, in milliseconds; 0 when it is over. */
  get remainingMs(): number {
    this.#forget();
    return this.#backoff.remainingMs;
  }

  fail(): void {
    this.#forget();
    this.#failedAt = [...this.#failedAt, this.#clock.now()].slice(-failuresToOpen);
    this.#backoff.fail();
    // A half-open one opens again with a single failure: only a success closes it.
    const [first = -Infinity] = this.#failedAt;
    if (this.#failedAt.length === failuresToOpen && this.#clock.now() - first <= windowMs) this.#isTripped = true;
  }

  /** Waits a moment, without holding it against anybody. */
  pause(): void {
    this.#backoff.pause();
  }

  /** Closes the circuit: nothing that was counts any more. */
  reset(): void {
    this.#failedAt = [];
    this.#isTripped = false;
    this.#backoff.succeed();
  }

  #forget(): void {
    const last = this.#failedAt.at(-1);
    if (last !== undefined && this.#clock.now() - last >= forgetMs) this.reset();
  }
}
