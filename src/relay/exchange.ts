import { errorMessage } from '../jsonrpc/error-message.ts';
import { idKey, type Envelope } from '../jsonrpc/message.ts';
import type { Reply } from './reply.ts';

export type RequestEnvelope = Extract<Envelope, { kind: 'request' }>;

/** After this long without a word, a response becomes a stream, so that idle time-outs on the way do not fire. */
const silentMs = 10_000;

interface Limits {
  /** Without a sign of life, in milliseconds. */
  readonly callTimeoutMs: number;
  /** In all, in milliseconds. */
  readonly maxCallTimeMs: number;
}

/**
 * One request of a client and its one answer. The form of the answer is chosen late: a single JSON document when the
 * response is the first thing that the server says, a stream when something comes before it.
 */
export class Exchange {
  readonly key: string;
  readonly idText: string;
  readonly method: string;
  /** Key of the progress token, when the client gave one. */
  readonly tokenKey: string | undefined;
  readonly reply: Reply;
  readonly #startedAt: number;
  readonly #limits: Limits;
  /** Requests that the server put to the client on this stream and that have no answer yet, by id. */
  readonly #questions = new Set<string>();
  #lastSignAt: number;
  #isStream = false;
  #isDone = false;

  constructor(request: RequestEnvelope, reply: Reply, now: number, limits: Limits) {
    this.key = idKey(request.id);
    this.idText = request.idText;
    this.method = request.method;
    this.tokenKey = request.progressToken === undefined ? undefined : idKey(request.progressToken);
    this.reply = reply;
    this.#startedAt = now;
    this.#lastSignAt = now;
    this.#limits = limits;
  }

  /** Whether anything was sent to the client already. */
  get isStream(): boolean {
    return this.#isStream;
  }

  /**
   * Something that comes before the answer.
   *
   * @returns false when the client reads slower than the server writes
   */
  deliver(message: Buffer): boolean {
    if (this.#isDone || !this.reply.isOpen) return true;
    this.#isStream = true;
    return this.reply.event(message);
  }

  /** The answer. @returns false when the client reads slower than the server writes */
  finish(message: Buffer): boolean {
    if (this.#isDone) return true;
    this.#isDone = true;
    if (!this.reply.isOpen) return true;
    if (!this.#isStream) return this.reply.json(message);
    const isFast = this.reply.event(message);
    this.reply.end();
    return isFast;
  }

  /** An answer of our own, under the caller's id. */
  fail(error: unknown): void {
    this.finish(errorMessage(error, this.idText));
  }

  /** A refusal with an HTTP status: nothing reached a server that could answer. On an open stream, an error message. */
  refuse(error: unknown): void {
    if (this.#isStream) {
      this.fail(error);
      return;
    }
    if (this.#isDone) return;
    this.#isDone = true;
    if (this.reply.isOpen) this.reply.refuse(error, this.idText);
  }

  /** No answer will come: the client cancelled the request. */
  abandon(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    if (!this.reply.isOpen) return;
    if (!this.#isStream) this.reply.openStream();
    this.reply.end();
  }

  /** Progress for this request: the server is alive. */
  touch(now: number): void {
    this.#lastSignAt = now;
  }

  /** The server asks the client something; until it is answered, only the whole time counts. */
  ask(questionKey: string): void {
    this.#questions.add(questionKey);
  }

  /** The answer to a question is not waited for any more. */
  forget(questionKey: string): void {
    this.#questions.delete(questionKey);
  }

  /** @returns whether the question was one of this exchange */
  answer(questionKey: string, now: number): boolean {
    if (!this.#questions.delete(questionKey)) return false;
    this.touch(now);
    return true;
  }

  /** Turns a silent response into a stream after a while. */
  keepAlive(now: number): void {
    if (this.#isStream || this.#isDone || !this.reply.isOpen || now - this.#startedAt < silentMs) return;
    this.#isStream = true;
    this.reply.openStream();
  }

  isLate(now: number): boolean {
    const { callTimeoutMs, maxCallTimeMs } = this.#limits;
    if (now - this.#startedAt >= maxCallTimeMs) return true;
    return this.#questions.size === 0 && now - this.#lastSignAt >= callTimeoutMs;
  }

  /** How long it has been under way, in milliseconds. */
  age(now: number): number {
    return now - this.#startedAt;
  }
}
