import { deferred } from '../base/deferred.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id } from '../jsonrpc/message.ts';
import type { Receiver, Upstream } from '../upstream/upstream.ts';

/** What a server says to a question: nothing when it ends before. */
export type Answer =
  | { readonly kind: 'result'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly kind: 'error'; readonly code?: unknown; readonly data?: unknown }
  | { readonly kind: 'nothing' };

/** A question, and its answer as soon as there is one. */
export interface Question {
  /** Resolves when there is an answer. Never rejects. */
  readonly answered: Promise<Answer>;
  readonly answer: Answer | undefined;
}

/** A server that is asked a question or two, and is then of no use to anybody else. */
export class Witness implements Receiver {
  readonly #upstream: Upstream;
  readonly #open = new Map<Id, (answer: Answer) => void>();
  #hasEnded = false;
  #lastId = 0;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
    upstream.attach(this);
  }

  ask(method: string, params: object): Question {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve } = deferred<Answer>();
    let answer: Answer | undefined;
    this.#open.set(id, (given) => {
      answer = given;
      resolve(given);
    });
    if (this.#hasEnded) this.#answer(id, { kind: 'nothing' });
    else this.#upstream.send(Bytes.from(JSON.stringify({ jsonrpc: '2.0', id, method, params })));
    return {
      answered: promise,
      get answer() {
        return answer;
      },
    };
  }

  /** What it says beside its answers is nobody's business. */
  onMessage(message: Envelope, bytes: Bytes): void {
    if (message.kind === 'response' && this.#open.has(message.id)) this.#answer(message.id, readAnswer(bytes));
  }

  onGarbled(id: Id): void {
    this.#answer(id, { kind: 'error' });
  }

  onEnd(): void {
    this.#hasEnded = true;
    for (const id of [...this.#open.keys()]) this.#answer(id, { kind: 'nothing' });
  }

  #answer(id: Id, answer: Answer): void {
    const give = this.#open.get(id);
    this.#open.delete(id);
    give?.(answer);
  }
}

function readAnswer(bytes: Bytes): Answer {
  const { result, error } = JSON.parse(bytes.toString()) as { readonly result?: unknown; readonly error?: unknown };
  if (isRecord(result)) return { kind: 'result', result };
  return isRecord(error) ? { kind: 'error', code: error['code'], data: error['data'] } : { kind: 'error' };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
