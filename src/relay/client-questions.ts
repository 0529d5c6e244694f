import { z } from 'zod';
import { Bytes } from '../jsonrpc/bytes.ts';
import type { Id, Notification, Request, Response } from '../jsonrpc/message.ts';
import { renumber } from '../jsonrpc/renumber.ts';
import { splice } from '../jsonrpc/splice.ts';

/** What a client has to be able to do for a question. @see MCP 2025-11-25, "Client Features" */
const capabilityOf: ReadonlyMap<string, string> = new Map([
  ['sampling/createMessage', 'sampling'],
  ['elicitation/create', 'elicitation'],
  ['roots/list', 'roots'],
]);

const all: Readonly<Record<string, unknown>> = Object.fromEntries([...capabilityOf.values()].map((name) => [name, {}]));

/** Questions to one client that may wait for its answer. */
const maxQuestions = 1000;

const initialize = z.object({ params: z.object({ capabilities: z.record(z.string(), z.unknown()) }) });

/** Who asks: one of several that speak to the same client. */
export interface Asker {
  readonly hasEnded: boolean;
  /** Gets the answer, with the id that it had given. */
  send(bytes: Bytes): void;
}

interface Question {
  readonly from: Asker;
  /** As the server wrote them. */
  readonly id: Id;
  readonly idText: string;
  readonly tokenText: string | undefined;
}

/**
 * What the containers of a shared server, or the servers of a group, ask one client. Two of them may use the same id:
 * the client sees ids of its channel, and each answer goes back to who asked, with the id that it had given.
 */
export class ClientQuestions {
  readonly #open = new Map<number, Question>();
  #capabilities: Readonly<Record<string, unknown>> = {};
  #lastId = 0;

  /** The client's `initialize` says what it can be asked. */
  learn(bytes: Bytes): void {
    const read = initialize.safeParse(JSON.parse(bytes.toString()));
    this.#capabilities = read.success ? read.data.params.capabilities : {};
  }

  /** Whoever gets them decides by himself. */
  allowAll(): void {
    this.#capabilities = all;
  }

  /**
   * What a container says, as the client is to see it.
   *
   * @returns undefined when the client must not see it: the container was answered in its place
   */
  translate(
    message: Request | Notification,
    bytes: Bytes,
    from: Asker,
  ): { readonly message: Request | Notification; readonly bytes: Bytes } | undefined {
    if (message.kind === 'request') return this.#ask(message, bytes, from);
    if (message.method !== 'notifications/cancelled') return { message, bytes };
    const { requestId } = message;
    const [id] = [...this.#open].find(([, question]) => question.from === from && question.id === requestId) ?? [];
    const { requestId: span } = message.spans;
    if (id === undefined || !span) return undefined;
    this.#open.delete(id);
    return { message: { ...message, requestId: id }, bytes: splice(bytes, [{ span, text: String(id) }]) };
  }

  /** The client's answer goes back to who asked. */
  answer(message: Response, bytes: Bytes): void {
    const question = typeof message.id === 'number' ? this.#open.get(message.id) : undefined;
    const { id: span } = message.spans;
    if (!question || !span) return;
    this.#open.delete(message.id as number);
    question.from.send(splice(bytes, [{ span, text: question.idText }]));
  }

  /** The client's progress on a question. */
  progress(message: Notification, bytes: Bytes): void {
    const { progressToken: token } = message;
    const question = typeof token === 'number' ? this.#open.get(token) : undefined;
    const { token: span } = message.spans;
    if (question?.tokenText === undefined || !span) return;
    question.from.send(splice(bytes, [{ span, text: question.tokenText }]));
  }

  /** The client is gone: nobody must wait for it. */
  abandon(): void {
    for (const question of this.#open.values()) refuse(question.from, question.idText, -32_603, 'The client is gone');
    this.#open.clear();
  }

  #ask(request: Request, bytes: Bytes, from: Asker): ReturnType<ClientQuestions['translate']> {
    const needed = capabilityOf.get(request.method);
    if (needed !== undefined && this.#capabilities[needed] === undefined) {
      refuse(from, request.idText, -32_601, `Method not found: the client has no capability "${needed}"`);
      return undefined;
    }
    if (this.#open.size >= maxQuestions) this.#forgetEnded();
    if (this.#open.size >= maxQuestions) {
      refuse(from, request.idText, -32_603, `The client has ${maxQuestions} questions to answer already`);
      return undefined;
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const { bytes: renumbered, tokenText } = renumber(request, bytes, id);
    this.#open.set(id, { from, id: request.id, idText: request.idText, tokenText });
    const progressToken = tokenText === undefined ? undefined : id;
    return { message: { ...request, id, idText: String(id), progressToken }, bytes: renumbered };
  }

  /** Nobody waits for the answers to what containers asked that have ended since. */
  #forgetEnded(): void {
    for (const [id, { from }] of this.#open) if (from.hasEnded) this.#open.delete(id);
  }
}

/** Answers a container in the place of a client. */
function refuse(from: Asker, idText: string, code: number, message: string): void {
  from.send(Bytes.from(`{"jsonrpc":"2.0","id":${idText},"error":${JSON.stringify({ code, message })}}`));
}
