import { Bytes } from '../jsonrpc/bytes.ts';
import { errorMessage } from '../jsonrpc/error-message.ts';
import type { Id, Request } from '../jsonrpc/message.ts';
import type { Reply } from './reply.ts';

export interface ExchangeLimits {
  /** Without a sign of life, in milliseconds. */
  readonly callTimeoutMs: number;
  /** In all, in milliseconds. */
  readonly maxCallTimeMs: number;
  /** After this long without a word, a response becomes a stream, in milliseconds. */
  readonly silentMs: number;
}

/** One request of a client and its one answer. */
export class Exchange {
  readonly request: Request;
  readonly reply: Reply;
  readonly #startedAt: number;
  readonly #limits: ExchangeLimits;
  /** Requests that the server put to the client on this stream and that have no answer yet; most exchanges have none. */
  #questions: Set<Id> | undefined;
  #lastSignAt: number;
  #isDone = false;

  constructor(request: Request, reply: Reply, now: number, limits: ExchangeLimits) {
    this.request = request;
    this.reply = reply;
    this.#startedAt = now;
    this.#lastSignAt = now;
    this.#limits = limits;
  }

  /**
   * Something that comes before the answer.
   *
   * @returns false when the client reads slower than the server writes
   */
  deliver(message: Bytes): boolean {
    return this.#isDone || !this.reply.isOpen || this.reply.event(message);
  }

  /** The answer. @returns false when the client reads slower than the server writes */
  finish(message: Bytes): boolean {
    if (this.#isDone) return true;
    this.#isDone = true;
    return !this.reply.isOpen || this.reply.answer(message, this.request.idText);
  }

  /** An answer of our own, under the caller's id. */
  fail(error: unknown): void {
    this.finish(Bytes.of(errorMessage(error, this.request.idText)));
  }

  /** A refusal with an HTTP status: nothing reached a server that could answer. On an open stream, an error message. */
  refuse(error: unknown): void {
    if (this.reply.isStream) {
      this.fail(error);
      return;
    }
    if (this.#isDone) return;
    this.#isDone = true;
    if (this.reply.isOpen) this.reply.refuse(error, this.request.idText);
  }

  /** No answer will come: the client cancelled the request. */
  abandon(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    if (this.reply.isOpen) this.reply.close();
  }

  /** Progress for this request: the server is alive. */
  touch(now: number): void {
    this.#lastSignAt = now;
  }

  /** The server asks the client something; until it is answered, only the whole time counts. */
  ask(question: Id): void {
    this.#questions ??= new Set();
    this.#questions.add(question);
  }

  /** The answer to a question is not waited for any more. */
  forget(question: Id): void {
    this.#questions?.delete(question);
  }

  /** @returns whether the question was one of this exchange */
  answer(question: Id, now: number): boolean {
    if (!this.#questions?.delete(question)) return false;
    this.touch(now);
    return true;
  }

  /**
   * Turns a silent response into a stream after a while: nothing on the way takes it for dead, and a client that can
   * resume learns the id to resume by.
   */
  keepAlive(now: number): void {
    if (this.#isDone || this.reply.isStream || now - this.#startedAt < this.#limits.silentMs) return;
    if (this.reply.isOpen) this.reply.openStream();
  }

  isLate(now: number): boolean {
    const { callTimeoutMs, maxCallTimeMs } = this.#limits;
    if (now - this.#startedAt >= maxCallTimeMs) return true;
    return !this.#questions?.size && now - this.#lastSignAt >= callTimeoutMs;
  }

  /** How long it has been under way, in milliseconds. */
  age(now: number): number {
    return now - this.#startedAt;
  }
}
