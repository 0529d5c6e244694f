import type { Exchange } from '../relay/exchange.ts';

/** Requests of a server that may wait for its client's answer. */
const maxQuestions = 1000;

/** Requests of the server that the client has not answered, by id, and the exchange whose stream they went to. */
export class Questions {
  readonly #asked = new Map<string, Exchange | undefined>();

  /** A server that asks and asks forgets its oldest questions. */
  ask(key: string, exchange: Exchange | undefined): void {
    this.#asked.set(key, exchange);
    exchange?.ask(key);
    if (this.#asked.size <= maxQuestions) return;
    for (const [oldest, asked] of this.#asked) {
      asked?.forget(oldest);
      this.#asked.delete(oldest);
      return;
    }
  }

  has(key: string): boolean {
    return this.#asked.has(key);
  }

  /** The answer was passed on: another one would be one too many. */
  answer(key: string, now: number): void {
    this.#asked.get(key)?.answer(key, now);
    this.#asked.delete(key);
  }
}
