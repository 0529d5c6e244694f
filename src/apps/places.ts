import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { PoolConfig } from '../config/config.ts';
import { Waiters } from '../pool/waiters.ts';

interface Rules {
  readonly concurrency: number;
  /** How many may wait, and how long; may change. */
  readonly pool: () => Pick<PoolConfig, 'queue' | 'acquireTimeoutMs'>;
  readonly clock: Clock;
}

/** So many requests go to an app at once; more wait in a line with a bound. */
export class Places {
  readonly #rules: Rules;
  readonly #line: Waiters<void>;
  #taken = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
    this.#line = new Waiters<void>(rules.clock, {
      inLineMs: () => rules.pool().acquireTimeoutMs,
      totalMs: () => rules.pool().acquireTimeoutMs,
      served: () => 0,
      late: (waitedMs) => {
        const sentence = `Cannot ask the app: ${rules.concurrency} requests are under way, and none ended in ${waitedMs} ms`;
        return new BridgeError('ACQUIRE_TIMEOUT', sentence, { waitedMs });
      },
    });
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /**
   * Takes a place; it has to be released.
   *
   * @param signal gives the wait up
   * @param client clients are served in turns
   * @throws {BridgeError} `POOL_FULL`, `ACQUIRE_TIMEOUT`
   */
  async take(signal: AbortSignal, client: string): Promise<void> {
    signal.throwIfAborted();
    const { concurrency, pool } = this.#rules;
    if (this.#taken < concurrency) {
      this.#taken += 1;
      return;
    }
    const { queue: limit } = pool();
    const turn = this.#line.join(signal, client);
    if (this.#line.length > limit) {
      const sentence = `Cannot ask the app: ${limit} requests wait for it already`;
      this.#line.shorten(client, new BridgeError('POOL_FULL', sentence, { limit }));
    }
    await turn;
  }

  /** Gives a place back: to the next in line, if there is one. */
  release(): void {
    const next = this.#line.head();
    if (next) next.resolve();
    else this.#taken -= 1;
  }
}
