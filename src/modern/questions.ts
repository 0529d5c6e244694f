import { BridgeError } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Abilities, Id, Request } from '../jsonrpc/message.ts';
import { memberTexts, objectText, RawJson } from '../jsonrpc/raw-json.ts';
import { objectIn, paramsOf, textOf } from '../relay/rewrite.ts';

/** What a legacy server has asked and its client has not answered. */
interface Question {
  readonly id: Id;
  readonly idText: string;
  readonly method: string;
  /** As it stands in `inputRequests`. */
  readonly text: string;
}

/** An answer for the server, on one line. */
export interface Reply {
  readonly key: string;
  readonly text: string;
}

/** Questions of one call that may wait at once. */
const maxQuestions = 100;
/** What they may have in all: nobody knows for how long they wait. */
const maxBytes = 4 * 1024 * 1024;

/**
 * What a legacy server asks while it works on one request: as requests to the client in its own revision, as members of
 * `inputRequests` in 2026-07-28.
 *
 * @see MCP 2026-07-28, Multi Round-Trip Requests, "Core Types"
 */
export class Questions {
  readonly #abilities: Abilities;
  readonly #open = new Map<string, Question>();
  /** What the server wanted and the client cannot do, as capabilities. */
  #missing: Record<string, object> = {};
  #count = 0;
  #bytes = 0;

  constructor(abilities: Abilities) {
    this.#abilities = abilities;
  }

  get size(): number {
    return this.#open.size;
  }

  /** What the server could not ask for; undefined when that is nothing. */
  get missing(): Readonly<Record<string, object>> | undefined {
    return Object.keys(this.#missing).length > 0 ? this.#missing : undefined;
  }

  /** @returns the answer in the client's place, when it must not see the question */
  ask(message: Request, bytes: Bytes): string | undefined {
    const needed = neededFor(message.method, paramsOf(bytes));
    if (!needed) return refusal(message.idText, `Method not found: "${message.method.slice(0, 100)}" is not offered`);
    if (!this.#abilities[needed.ability]) {
      Object.assign(this.#missing, needed.capability);
      const [name = ''] = Object.keys(needed.capability);
      return refusal(message.idText, `Method not found: the client has no capability "${name}"`);
    }
    if (this.#open.size === 0) this.#bytes = 0;
    if (this.#open.size >= maxQuestions || this.#bytes + bytes.length > maxBytes)
      return refusal(message.idText, 'Too much waits for the client');
    this.#count += 1;
    this.#bytes += bytes.length;
    const { id, idText, method } = message;
    this.#open.set(`${nameOf(method)}-${this.#count}`, { id, idText, method, text: inputText(method, bytes) });
    return undefined;
  }

  /** The server does not wait for an answer any more. */
  withdraw(id: Id | undefined): void {
    for (const [key, question] of this.#open) if (question.id === id) this.#open.delete(key);
  }

  /** All that wait, as `inputRequests`. */
  text(): string {
    return objectText(Object.fromEntries([...this.#open].map(([key, { text }]) => [key, new RawJson(text)])));
  }

  /**
   * Reads a client's `inputResponses`. What nobody asked for is left out; what is missing waits on.
   *
   * @param text as the client wrote it; undefined when there are none
   * @throws {BridgeError} `INPUT_INVALID`
   */
  read(text: string | undefined): Reply[] {
    if (text === undefined) return [];
    if (!text.startsWith('{')) throw invalid('"inputResponses" is no object');
    return [...memberTexts(text)].flatMap(([key, response]) => {
      const question = this.#open.get(key);
      if (!question) return [];
      if (!isAnswer(question.method, objectIn(response))) throw invalid(`"${key}" is no answer to ${question.method}`);
      return [{ key, text: `{"jsonrpc":"2.0","id":${question.idText},"result":${response}}` }];
    });
  }

  /** An answer was given to the server. */
  settle({ key }: Reply): void {
    this.#open.delete(key);
  }

  /** The answers to all that wait when nobody will come back. */
  giveUp(): string[] {
    const answers = [...this.#open.values()].map(({ idText, method }) =>
      method === 'elicitation/create'
        ? `{"jsonrpc":"2.0","id":${idText},"result":{"action":"cancel"}}`
        : refusal(idText, 'The client did not come back with its input', -32_603),
    );
    this.#open.clear();
    return answers;
  }
}

interface Need {
  readonly ability: keyof Abilities;
  readonly capability: Readonly<Record<string, object>>;
}

/** @see MCP 2026-07-28, "Client Features" */
function neededFor(method: string, params: ReadonlyMap<string, string>): Need | undefined {
  switch (method) {
    case 'roots/list':
      return { ability: 'roots', capability: { roots: {} } };
    case 'sampling/createMessage':
      return params.has('tools')
        ? { ability: 'samplingTools', capability: { sampling: { tools: {} } } }
        : { ability: 'sampling', capability: { sampling: {} } };
    case 'elicitation/create':
      return textOf(params.get('mode')) === 'url'
        ? { ability: 'url', capability: { elicitation: { url: {} } } }
        : { ability: 'form', capability: { elicitation: {} } };
    default:
      return undefined;
  }
}

function nameOf(method: string): string {
  return method.split('/', 1)[0] ?? method;
}

/** What 2026-07-28 does not know any more is left out: how to tell progress, and by which id to tell the outcome. */
function inputText(method: string, bytes: Bytes): string {
  const left = new Set(['_meta', 'elicitationId', 'task']);
  const params = [...paramsOf(bytes)].filter(([name]) => !left.has(name));
  const members = Object.fromEntries(params.map(([name, text]) => [name, new RawJson(text)]));
  return objectText({ method, params: params.length > 0 ? new RawJson(objectText(members)) : undefined });
}

function isAnswer(method: string, response: ReadonlyMap<string, string>): boolean {
  switch (method) {
    case 'roots/list':
      return response.get('roots')?.startsWith('[') === true;
    case 'sampling/createMessage':
      return response.has('content') && textOf(response.get('role')) !== undefined;
    default:
      return ['accept', 'decline', 'cancel'].includes(textOf(response.get('action')) ?? '');
  }
}

function refusal(idText: string, message: string, code = -32_601): string {
  return `{"jsonrpc":"2.0","id":${idText},"error":${JSON.stringify({ code, message })}}`;
}

function invalid(why: string): BridgeError {
  return new BridgeError('INPUT_INVALID', `Cannot go on with the request: ${why}`);
}
