import type { Cancel, Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Notification, Request, Response } from '../jsonrpc/message.ts';
import { memberTexts, objectText, RawJson } from '../jsonrpc/raw-json.ts';
import { LogLevels } from '../relay/log-levels.ts';
import { changed, messageOf, objectIn, paramsOf } from '../relay/rewrite.ts';
import { dress } from './dress.ts';
import type { ClaimedRequest, Incoming } from './incoming.ts';
import { Questions } from './questions.ts';
import { bindingOf, type Parked, type Rounds } from './rounds.ts';
import type { Seat } from './seat.ts';

interface Surroundings {
  readonly rounds: Rounds<Dialogue>;
  readonly clock: Clock;
  /** `inputTimeoutMs`: how long a client has to come back. */
  readonly server: Pick<ServerConfig, 'name' | 'inputTimeoutMs'>;
}

/** The request that it is about, as its client sees it. */
interface Asking {
  /** Whether a client waits for it now. */
  readonly isWaitedFor: boolean;
  /** Something that comes before the answer. */
  deliver(bytes: Bytes): void;
  /** The client has to answer something first: this POST is over, the request is not. @param result the whole result */
  interrupt(result: string): void;
  /** Its client is back. @param answer tells the server what the client answered */
  goOn(incoming: Incoming, answer: () => void): Promise<void>;
  /** An error of Gangway's own in place of an answer. */
  fail(error: BridgeError): void;
  /** Nobody will come back for it: the server may still end it in order. */
  abandon(): void;
}

/** What a server asks one after the other without waiting arrives within this time, in milliseconds. */
const gatherMs = 10;

/**
 * What a legacy server says while it works on one request, in the words of 2026-07-28: results are dressed, questions
 * become rounds, errors get the numbers of the revision.
 */
export class Dialogue implements Parked {
  readonly #seat: Seat;
  readonly #request: ClaimedRequest;
  readonly #serverInfo: string;
  /** The POST that began it: most calls never need it again, and one that waits for its client does not keep it. */
  #first: Incoming | undefined;
  #binding = '';
  readonly #around: Surroundings;
  /** There are some when the server has asked anything. */
  #asked: Questions | undefined;
  #call: Asking | undefined;
  #stopGathering: Cancel | undefined;
  /** Until when the client has to answer what it was asked; undefined when it has answered everything. */
  #answerBy: number | undefined;
  /** The client is back, and what it answered has yet to reach the server. */
  #isWaking = false;
  #isAbandoned = false;

  /** @param incoming the request that it is about. @param serverInfo who the server is, as JSON */
  constructor(seat: Seat, incoming: Incoming, serverInfo: string, around: Surroundings) {
    this.#seat = seat;
    this.#request = incoming.request;
    this.#first = incoming;
    this.#serverInfo = serverInfo;
    this.#around = around;
  }

  begin(call: Asking): void {
    this.#call = call;
  }

  /** A question of the server. */
  ask(message: Request, bytes: Bytes): void {
    const refusal = this.#questions.ask(message, bytes);
    if (refusal !== undefined) this.#tell(refusal);
    else if (this.#isAbandoned) this.#giveUp();
    else this.#stopGathering ??= this.#around.clock.after(gatherMs, () => {
      this.#stopGathering = undefined;
      if (this.#call?.isWaitedFor === true && !this.#isWaking) this.#interrupt();
    }); // prettier-ignore
  }

  /** A notification that is no progress. */
  hear(message: Notification, bytes: Bytes): void {
    if (message.method === 'notifications/cancelled') this.#questions.withdraw(message.requestId);
    else if (message.method === 'notifications/message' && this.#wants(message.level)) this.#call?.deliver(bytes);
  }

  /** The client is back with its input. @throws {BridgeError} `INPUT_INVALID`: it may try again */
  goOn(incoming: Incoming): void {
    const replies = this.#questions.read(paramsOf(incoming.bytes).get('inputResponses'));
    this.#around.rounds.remove(this);
    this.#isWaking = true;
    void this.#call?.goOn(incoming, () => {
      this.#isWaking = false;
      for (const reply of replies) {
        this.#questions.settle(reply);
        this.#tell(reply.text);
      }
      if (this.#questions.size > 0) this.#interrupt();
      else this.#answerBy = undefined;
    });
  }

  /** The call is over, whatever became of it. */
  close(): void {
    this.#stopGathering?.();
    this.#around.rounds.remove(this);
  }

  onExpired(): void {
    this.#isAbandoned = true;
    this.#giveUp();
    this.#call?.abandon();
  }

  /** The answer of the server as its client is to see it, or an error in its place. */
  answer(message: Response, bytes: Bytes, { method }: Request): Answer | BridgeError {
    const missing = this.#asked?.missing;
    const hasFailed = message.isError || message.result?.isToolError === true;
    if (missing && hasFailed) return capabilityMissing(missing);
    if (message.isError) return this.#errorOf(message, bytes);
    if (!message.result) return { message, bytes };
    return { message, bytes: dress(bytes, message.result, method, this.#serverInfo) };
  }

  get #questions(): Questions {
    this.#asked ??= new Questions(this.#request.claim.abilities ?? unable);
    return this.#asked;
  }

  #interrupt(): void {
    if (this.#questions.size === 0) return;
    const { rounds, clock, server } = this.#around;
    // Coming back without an answer wins no time: others wait for the container.
    this.#answerBy ??= clock.now() + server.inputTimeoutMs;
    if (this.#first) this.#binding = bindingOf(this.#first, server.name);
    this.#first = undefined;
    const requestState = rounds.park(this, this.#binding, this.#answerBy - clock.now());
    if (requestState === undefined) {
      this.#isAbandoned = true;
      this.#giveUp();
      this.#call?.fail(new BridgeError('ROUNDS_FULL', 'Cannot ask the client: too many calls wait for input already'));
      return;
    }
    this.#call?.interrupt(inputRequired(this.#questions.text(), this.#serverInfo, requestState));
  }

  #giveUp(): void {
    for (const answer of this.#questions.giveUp()) this.#tell(answer);
  }

  #tell(text: string): void {
    const { bytes, envelope } = messageOf(text);
    this.#seat.channel.send(bytes, envelope);
  }

  #wants(level: string | undefined): boolean {
    const { logLevel } = this.#request.claim;
    return logLevel !== undefined && LogLevels.isAtLeast(level, logLevel);
  }

  /** @see MCP 2026-07-28, Base Protocol, "Error Codes" */
  #errorOf(message: Response, bytes: Bytes): Answer | BridgeError {
    const { errorCode: code } = message;
    if (code === resourceNotFound) return renumbered(bytes, -32_602);
    const round = code === urlElicitationRequired ? this.#urlRound(bytes) : undefined;
    return round ?? (isReserved(code) ? renumbered(bytes, -32_603) : { message, bytes });
  }

  /** A server that ended the call until somebody has been at a page: it is called anew when the client comes back. */
  #urlRound(bytes: Bytes): Answer | BridgeError | undefined {
    const error = objectIn(memberTexts(bytes.toString()).get('error'));
    const { elicitations } = JSON.parse(error.get('data') ?? '{}') as { readonly elicitations?: unknown };
    if (!Array.isArray(elicitations) || elicitations.length === 0) return undefined;
    if (this.#request.claim.abilities?.url !== true) return capabilityMissing({ elicitation: { url: {} } });
    const requests = Object.fromEntries(
      (elicitations as readonly Readonly<Record<string, unknown>>[]).map(({ message, url }, i) => [
        `elicitation-${i + 1}`,
        { method: 'elicitation/create', params: { mode: 'url', message, url } },
      ]),
    );
    const result = inputRequired(JSON.stringify(requests), this.#serverInfo, undefined);
    const answer = messageOf(`{"jsonrpc":"2.0","id":${this.#request.idText},"result":${result}}`);
    return answer.envelope.kind === 'response' ? { message: answer.envelope, bytes: answer.bytes } : undefined;
  }
}

/** An answer, as bytes and as what is known of it. */
interface Answer {
  readonly message: Response;
  readonly bytes: Bytes;
}

const unable = { roots: false, sampling: false, samplingTools: false, form: false, url: false };

/** Numbers of 2025-11-25 that 2026-07-28 has others for, or none. */
const resourceNotFound = -32_002;
const urlElicitationRequired = -32_042;

/** What only the specification may give a meaning to; a legacy server means something else. */
function isReserved(code: number | undefined): boolean {
  return code !== undefined && code <= -32_020 && code >= -32_099;
}

function renumbered(bytes: Bytes, code: number): Answer {
  const members = memberTexts(bytes.toString());
  const error = changed(objectIn(members.get('error')), 'code', code);
  const { bytes: text, envelope } = messageOf(changed(members, 'error', new RawJson(error)));
  if (envelope.kind !== 'response') throw new TypeError('Not an answer');
  return { message: envelope, bytes: text };
}

function inputRequired(inputRequests: string, serverInfo: string, requestState: string | undefined): string {
  return objectText({
    resultType: 'input_required',
    inputRequests: new RawJson(inputRequests),
    requestState,
    _meta: new RawJson(`{"io.modelcontextprotocol/serverInfo":${serverInfo}}`),
  });
}

function capabilityMissing(requiredCapabilities: Readonly<Record<string, object>>): BridgeError {
  const names = Object.keys(requiredCapabilities).join(', ');
  const sentence = `Cannot finish the request: the server needs a client that has declared ${names}`;
  return new BridgeError('CAPABILITY_MISSING', sentence, {}, { peerData: { requiredCapabilities } });
}
