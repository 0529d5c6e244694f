import type { Exchange } from '../relay/exchange.ts';
import type { InFlight } from '../relay/route.ts';

/** The requests of one session that are under way, by id and by progress token, in the order in which they began. */
export class Calls implements InFlight {
  readonly #byId = new Map<string, Exchange>();
  readonly #byToken = new Map<string, Exchange>();

  get size(): number {
    return this.#byId.size;
  }

  /** @returns why it cannot be added: its id or its token is in use */
  add(exchange: Exchange): 'id' | 'progress token' | undefined {
    if (this.#byId.has(exchange.key)) return 'id';
    if (exchange.tokenKey !== undefined && this.#byToken.has(exchange.tokenKey)) return 'progress token';
    this.#byId.set(exchange.key, exchange);
    if (exchange.tokenKey !== undefined) this.#byToken.set(exchange.tokenKey, exchange);
    return undefined;
  }

  remove(exchange: Exchange): void {
    this.#byId.delete(exchange.key);
    if (exchange.tokenKey !== undefined) this.#byToken.delete(exchange.tokenKey);
  }

  byId(key: string): Exchange | undefined {
    return this.#byId.get(key);
  }

  byToken(key: string): Exchange | undefined {
    return this.#byToken.get(key);
  }

  newest(): Exchange | undefined {
    let last: Exchange | undefined;
    for (const exchange of this.#byId.values()) last = exchange;
    return last;
  }

  all(): Exchange[] {
    return [...this.#byId.values()];
  }
}
