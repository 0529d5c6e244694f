import { BridgeError } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Id, Notification, Request, Response } from '../jsonrpc/message.ts';
import { memberTexts, RawJson } from '../jsonrpc/raw-json.ts';
import { splice } from '../jsonrpc/splice.ts';
import type { LegacyClient } from './legacy-client.ts';
import type { BothEnds } from './reverse-ends.ts';
import { readQuestions, type Question } from './reverse-questions.ts';
import { changedIn, messageOf, objectIn, withParam } from './rewrite.ts';

/** A request of the client that has no answer yet. */
interface Call {
  readonly request: Request;
  /** To send it again; undefined when the server must not ask for more. */
  readonly bytes: Bytes | undefined;
  /** Its id on the way to the server, a new one in each round. */
  wireId: Id;
  rounds: number;
  /** `requestState` of the last round, as it was written. */
  state: string | undefined;
  /** The round that waits for the client. */
  round: Round | undefined;
}

interface Round {
  /** Questions without an answer, by their ids. */
  readonly open: Map<Id, Question>;
  /** By key, as they were written. */
  readonly answers: Map<string, string>;
}

const maxRounds = 20;
/** Of one round: a session remembers no more than a thousand of all its calls. */
const maxQuestions = 100;

/**
 * The requests of a client of an older revision on a server of 2026-07-28. What the server needs to know before it can
 * answer is asked as older revisions ask it; with the answers, the request is sent again.
 *
 * @see MCP 2026-07-28, Multi Round-Trip Requests
 */
export class ReverseCalls {
  readonly #client: LegacyClient;
  readonly #ends: BothEnds;
  readonly #calls = new Map<Id, Call>();
  /** Those that the server works on. */
  readonly #byWireId = new Map<Id, Call>();
  /** Calls whose questions the client has, by the ids of the questions. */
  readonly #asking = new Map<Id, Call>();

  constructor(client: LegacyClient, ends: BothEnds) {
    this.#client = client;
    this.#ends = ends;
  }

  send(request: Request, bytes: Bytes): void {
    const kept = canNeedInput(request) ? bytes.kept() : undefined;
    const call: Call = { request, bytes: kept, wireId: request.id, rounds: 0, state: undefined, round: undefined };
    this.#calls.set(request.id, call);
    this.#byWireId.set(request.id, call);
    this.#ends.toServer(this.#client.dress(bytes));
  }

  /** The server answers. @returns whether it answers one of these */
  onResponse(response: Response, bytes: Bytes): boolean {
    const call = this.#byWireId.get(response.id);
    if (!call) return false;
    const type = response.result?.type ?? 'complete';
    if (response.isError || type === 'complete') this.#finish(call, response, bytes);
    else if (type === 'input_required' && call.bytes) this.#ask(call, bytes);
    else this.#fail(call, unknownType(call.request.method, type));
    return true;
  }

  /** The client answers a question. */
  answer({ id }: Response, bytes: Bytes): void {
    const call = this.#asking.get(id);
    const question = call?.round?.open.get(id);
    if (!call?.round || !question) return;
    this.#asking.delete(id);
    call.round.open.delete(id);
    const answer = memberTexts(bytes.toString()).get('result') ?? question.onError;
    if (answer === undefined) {
      this.#fail(call, failed(call, `the client answered "${question.method}" with an error`));
      return;
    }
    call.round.answers.set(question.key, answer);
    if (call.round.open.size === 0) this.#sendAgain(call, call.round.answers);
  }

  /** The client gives a request up. */
  cancel(notification: Notification, bytes: Bytes): void {
    const call = notification.requestId === undefined ? undefined : this.#calls.get(notification.requestId);
    if (!call) return;
    this.#forget(call);
    if (call.round) this.#withdraw(call);
    else if (call.wireId === call.request.id) this.#ends.toServer({ bytes, envelope: notification });
    else this.#ends.toServer(withParam(bytes, 'requestId', call.wireId));
  }

  /**
   * Forgets a call that the server will not answer.
   *
   * @returns the client's id, and whether the server has seen the call before; undefined when it is none of these
   */
  lose(wireId: Id): { readonly id: Id; readonly wasSent: boolean } | undefined {
    const call = this.#byWireId.get(wireId);
    if (!call) return undefined;
    this.#forget(call);
    return { id: call.request.id, wasSent: call.rounds > 0 };
  }

  /** The client's id of a call that the server works on. */
  idOf(wireId: Id): Id | undefined {
    return this.#byWireId.get(wireId)?.request.id;
  }

  /** Nobody waits for any of them any more. */
  clear(): void {
    for (const calls of [this.#calls, this.#byWireId, this.#asking]) calls.clear();
  }

  #finish(call: Call, response: Response, bytes: Bytes): void {
    this.#forget(call);
    const { id: span } = response.spans;
    const isFirst = call.wireId === call.request.id;
    if (isFirst || !span) this.#ends.toClient({ bytes, envelope: response });
    else this.#ends.toClient(messageOf(splice(bytes, [{ span, text: call.request.idText }]).toString()));
  }

  #ask(call: Call, bytes: Bytes): void {
    const result = objectIn(memberTexts(bytes.toString()).get('result'));
    const questions = readQuestions(result, () => this.#ends.nextId());
    this.#byWireId.delete(call.wireId);
    call.rounds += 1;
    const problem = this.#problem(call, questions);
    if (problem !== undefined) {
      this.#fail(call, failed(call, problem));
      return;
    }
    call.state = result.get('requestState');
    if (questions?.length) this.#put(call, questions);
    else this.#sendAgain(call, questions && new Map());
  }

  #problem({ rounds }: Call, questions: readonly Question[] = []): string | undefined {
    if (rounds > maxRounds) return `the server asked for more input after ${maxRounds} rounds`;
    if (questions.length > maxQuestions) return `the server asked more than ${maxQuestions} things at once`;
    const unknown = questions.find(({ method, mode }) => !this.#client.canAnswer(method, mode));
    return unknown && `the server asked for "${unknown.method.slice(0, 100)}", which the client does not offer`;
  }

  #put(call: Call, questions: readonly Question[]): void {
    const round = { open: new Map(questions.map((question) => [question.id, question])), answers: new Map() };
    call.round = round;
    for (const { id } of questions) this.#asking.set(id, call);
    for (const { id, text } of questions) {
      // The client may have answered an earlier one with an error meanwhile.
      if (this.#asking.has(id)) this.#ends.toClient(messageOf(text), call.request.id);
    }
  }

  #sendAgain(call: Call, answers: ReadonlyMap<string, string> | undefined): void {
    if (!call.bytes) return;
    const { state } = call;
    call.round = undefined;
    call.wireId = this.#ends.nextId();
    this.#byWireId.set(call.wireId, call);
    const inputResponses = answers && new RawJson(changedIn(answers, {}));
    const requestState = state === undefined ? undefined : new RawJson(state);
    this.#ends.toServer(this.#client.dress(call.bytes, { id: call.wireId, params: { inputResponses, requestState } }));
  }

  #fail(call: Call, error: BridgeError): void {
    this.#forget(call);
    this.#withdraw(call);
    this.#ends.fail(call.request.id, error, true);
  }

  #forget(call: Call): void {
    this.#calls.delete(call.request.id);
    this.#byWireId.delete(call.wireId);
  }

  #withdraw({ request, round }: Call): void {
    for (const id of round?.open.keys() ?? []) {
      this.#asking.delete(id);
      const params = { requestId: id, reason: 'The request that it belongs to has ended' };
      const text = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
      this.#ends.toClient(messageOf(text), request.id);
    }
  }
}

/** @see MCP 2026-07-28, Multi Round-Trip Requests, "Supported Requests" */
function canNeedInput({ method }: Request): boolean {
  return method === 'tools/call' || method === 'prompts/get' || method === 'resources/read';
}

function unknownType(method: string, type: string): BridgeError {
  const sentence = `Cannot relay the server’s answer to "${method.slice(0, 100)}": its resultType is "${type.slice(0, 100)}"`;
  return new BridgeError('UPSTREAM_GARBLED', sentence);
}

function failed({ request }: Call, why: string): BridgeError {
  return new BridgeError('INPUT_FAILED', `Cannot finish "${request.method}": ${why}`);
}
