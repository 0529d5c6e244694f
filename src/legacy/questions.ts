import type { Id } from '../jsonrpc/message.ts';
import type { Exchange } from '../relay/exchange.ts';

/** Requests of a server that may wait for its client's answer. */
const maxQuestions = 1000;

/** Requests of the server that the client has not answered, by id, and the exchange whose stream they went to. */
export class Questions {
  readonly #asked = new Map<Id, Exchange | undefined>();

  /** A server that asks and asks forgets its oldest questions. */
  ask(id: Id, exchange: Exchange | undefined): void {
    this.#asked.set(id, exchange);
    exchange?.ask(id);
    if (this.#asked.size <= maxQuestions) return;
    for (const [oldest, asked] of this.#asked) {
      asked?.forget(oldest);
      this.#asked.delete(oldest);
      return;
    }
  }

  has(id: Id): boolean {
    return this.#asked.has(id);
  }

  /** The answer was passed on: another one would be one too many. */
  answer(id: Id, now: number): void {
    this.#asked.get(id)?.answer(id, now);
    this.#asked.delete(id);
  }
}
