import { Bytes } from './bytes.ts';
import { Slot } from './members.ts';
import { Kind, Scanner, type ScanFault, type ScanLimits } from './scan.ts';
import type { Span } from './splice.ts';

/** A JSON-RPC id or a progress token as JSON.parse gives it: `1` and `"1"` are two different ones, also as keys of a `Map`. */
export type Id = string | number;

/** Where the values stand in the bytes that are rewritten when many clients share a server. */
export interface Spans {
  readonly id?: Span | undefined;
  /** Of the progress token. */
  readonly token?: Span | undefined;
  /** Of `params.requestId`. */
  readonly requestId?: Span | undefined;
  /** Of the id of a subscription: in the `_meta` of a notification, or of a result. */
  readonly subscriptionId?: Span | undefined;
}

/** A request. `idText` is the id as it stood in the bytes, so that an answer of our own has it digit for digit. */
export interface Request {
  readonly kind: 'request';
  readonly id: Id;
  readonly idText: string;
  readonly method: string;
  /** What progress on it will be reported under. */
  readonly progressToken: Id | undefined;
  /** Whether it asks for a task instead of an answer. @see MCP 2025-11-25, Tasks */
  readonly isTask: boolean;
  /** `params.taskId`: the task that it asks about. */
  readonly taskId: string | undefined;
  /** The task that it belongs to. */
  readonly relatedTask: string | undefined;
  /** `params.uri`: the resource that it is about. */
  readonly uri: string | undefined;
  /** `params.level`: how much is to be logged. */
  readonly level: string | undefined;
  /** Whether it asks for a later page of a list. */
  readonly hasCursor: boolean;
  /** What it says of itself; undefined when it says nothing of a revision, as those before 2026-07-28. */
  readonly claim?: Claim | undefined;
  readonly spans: Spans;
}

/**
 * What a request of revision 2026-07-28 says of itself, where those before have a session.
 *
 * @see MCP 2026-07-28, Base Protocol, "Per-request protocol fields"
 */
export interface Claim {
  /** `_meta["io.modelcontextprotocol/protocolVersion"]`; undefined when it is no text. */
  readonly revision: string | undefined;
  /** What its client can be asked; undefined when it does not say. */
  readonly abilities: Abilities | undefined;
  /** Whether it knows tasks, which can take the place of a result. @see MCP 2026-07-28, extension "Tasks" */
  readonly hasTasks: boolean;
  /** The least grave of what is to be logged; undefined when nothing is. */
  readonly logLevel: string | undefined;
  /** `params.name`: the tool or prompt. */
  readonly name: string | undefined;
  /** Whether it goes on with a request that needed input. @see MCP 2026-07-28, "Multi Round-Trip Requests" */
  readonly isRetry: boolean;
}

export interface Notification {
  readonly kind: 'notification';
  readonly method: string;
  /** `params.progressToken`: whose progress it reports. */
  readonly progressToken: Id | undefined;
  /** `params.requestId`: which request it cancels. */
  readonly requestId: Id | undefined;
  /** The task that it belongs to. */
  readonly relatedTask: string | undefined;
  /** `params.uri`: the resource that it is about. */
  readonly uri: string | undefined;
  /** `params.level`: how grave it is. */
  readonly level: string | undefined;
  /** The request for a subscription that it belongs to. @see MCP 2026-07-28, Subscriptions */
  readonly subscriptionId?: Id | undefined;
  /** `params.taskId` and `params.status`: the task that it tells of, and how far that is. */
  readonly taskId?: string | undefined;
  readonly taskStatus?: string | undefined;
  readonly spans: Spans;
}

export interface Response {
  readonly kind: 'response';
  readonly id: Id;
  readonly isError: boolean;
  /** `result.protocolVersion`, as in the answer to `initialize`. */
  readonly protocolVersion: string | undefined;
  /** `error.code`. */
  readonly errorCode?: number | undefined;
  /** What there is in a result that is an object. */
  readonly result?: ResultFacts | undefined;
  readonly spans: Spans;
}

/** What a client can be asked while a request of it is worked on. @see MCP 2026-07-28, "Client Features" */
export interface Abilities {
  readonly roots: boolean;
  readonly sampling: boolean;
  /** Sampling with tools. */
  readonly samplingTools: boolean;
  /** Elicitation by a form, and by the address of a page. */
  readonly form: boolean;
  readonly url: boolean;
}

/** What a result says of itself, and where it can be told more. @see MCP 2026-07-28, Base Protocol, "ResultType" */
export interface ResultFacts {
  readonly type: string | undefined;
  /** Whether a tool failed. */
  readonly isToolError: boolean;
  /** The task that takes its place, or that it tells of. */
  readonly taskId: string | undefined;
  /** How far that task is. */
  readonly taskStatus?: string | undefined;
  readonly hasTtl: boolean;
  /** `ttlMs`; undefined when it is no integer. */
  readonly ttlMs?: number | undefined;
  readonly hasCacheScope: boolean;
  readonly hasMeta: boolean;
  readonly hasServerInfo: boolean;
  /** The first byte of the object. */
  readonly at: number;
  /** The first byte of its `_meta`; undefined when that is no object. */
  readonly metaAt: number | undefined;
}

/** What the relay must know of a message; the rest of its bytes passes by unread. */
export type Envelope =
  | Request
  | Notification
  | Response
  /** An error whose id could not be told (`null` or absent): it belongs to no request. */
  | { readonly kind: 'stray-error' };

/** Several messages in one array. @see MCP 2025-03-26, Base Protocol, "Batching" */
export interface Batch {
  readonly kind: 'batch';
  readonly elements: readonly Bytes[];
}

/** Why bytes are not a message. */
export interface Refusal {
  readonly kind: 'malformed' | 'invalid' | 'ambiguous' | 'too-complex';
  readonly reason: string;
  /** The id as it was written, when it was read before the fault. */
  readonly idText: string;
  /** The request that it was to answer, when that can be told. */
  readonly answers: Id | undefined;
}

/** Clients are not trusted: what they send must mean the same to every reader, and cost none of them much. */
export const clientLimits: ScanLimits = { depth: 64, keys: 10_000, elements: 200_000, isStrict: true };
/** A server may answer with whatever its client can read; but each level costs some memory. */
export const serverLimits: ScanLimits = { depth: 1_000_000, keys: Infinity, elements: Infinity, isStrict: false };

/** Ids are kept for as long as their requests: a text as long as a message would fill the memory. */
const maxIdLength = 1024;
/** So many bytes can stand for the longest id. */
const maxIdBytes = 6 * maxIdLength + 2;

export function isRefusal(read: Envelope | Batch | Refusal): read is Refusal {
  return 'reason' in read;
}

/** Reads one message that is there as a whole. Never throws. */
export function readMessage(bytes: Bytes, limits: ScanLimits): Envelope | Batch | Refusal {
  const scanner = new Scanner(limits);
  for (const part of bytes.parts) scanner.push(part);
  return takeMessage(scanner, bytes);
}

/**
 * The message that a scanner has seen: a JSON text in UTF-8 that is a single JSON-RPC 2.0 object, or an array.
 *
 * @param bytes all that was pushed
 * @returns a `Refusal` that says what was wrong; never throws
 * @see JSON-RPC 2.0, 4 and 5; MCP 2025-11-25, Base Protocol, "Messages": an id is a string or an integer, never null
 */
export function takeMessage(scanner: Scanner, bytes: Bytes): Envelope | Batch | Refusal {
  const fault = scanner.end();
  if (fault !== undefined) {
    const { idText, answers } = subjectOf(scanner, bytes);
    // What is no JSON, or could be read in two ways, has no id that both ends agree on.
    const isCertain = fault === 'too-deep' || fault === 'too-many';
    return { ...describeFault(fault, scanner.isUtf8), idText: isCertain ? idText : 'null', answers };
  }
  const refuse = (reason: string): Refusal => ({ kind: 'invalid', reason, ...subjectOf(scanner, bytes) });
  if (scanner.topKind === Kind.array) return takeBatch(scanner, bytes, refuse);
  if (scanner.topKind !== Kind.object) return refuse('wanted an object');
  if (textIn(scanner, Slot.jsonrpc, bytes) !== '2.0') return refuse('wanted "jsonrpc": "2.0"');
  return scanner.kind(Slot.method) === Kind.absent
    ? readResponse(scanner, bytes, refuse)
    : readCall(scanner, bytes, refuse);
}

type Refuse = (reason: string) => Refusal;

const wantedId = 'wanted "id" to be a text of at most 1024 characters or an integer';

function readCall(scanner: Scanner, bytes: Bytes, refuse: Refuse): Envelope | Refusal {
  const method = textIn(scanner, Slot.method, bytes);
  const paramsKind = scanner.kind(Slot.params);
  if (method === undefined || method === '') return refuse('wanted "method" to be a text');
  if (paramsKind !== Kind.absent && paramsKind !== Kind.object) return refuse('wanted "params" to be an object');
  if (hasAnswer(scanner)) return refuse('got "method" together with "result" or "error"');
  const relatedTask = textIn(scanner, Slot.relatedTask, bytes);
  const subject = { uri: textIn(scanner, Slot.uri, bytes), level: textIn(scanner, Slot.level, bytes) };
  if (scanner.kind(Slot.id) === Kind.absent) {
    const progressToken = idIn(scanner, Slot.progressToken, bytes);
    const requestId = idIn(scanner, Slot.requestId, bytes);
    const spans = {
      id: undefined,
      token: spanOf(scanner, Slot.progressToken),
      requestId: spanOf(scanner, Slot.requestId),
      subscriptionId: spanOf(scanner, Slot.subscriptionId),
    };
    const subscriptionId = idIn(scanner, Slot.subscriptionId, bytes);
    const told = { taskId: textIn(scanner, Slot.taskId, bytes), taskStatus: textIn(scanner, Slot.taskStatus, bytes) };
    const belongsTo = { relatedTask, subscriptionId, ...told, ...subject };
    return { kind: 'notification', method, progressToken, requestId, ...belongsTo, spans };
  }
  const id = idIn(scanner, Slot.id, bytes);
  if (id === undefined) return refuse(wantedId);
  return {
    kind: 'request',
    id,
    idText: scanner.raw(Slot.id, bytes),
    method,
    progressToken: idIn(scanner, Slot.metaToken, bytes),
    isTask: scanner.kind(Slot.task) === Kind.object,
    taskId: textIn(scanner, Slot.taskId, bytes),
    relatedTask,
    ...subject,
    hasCursor: scanner.kind(Slot.cursor) !== Kind.absent,
    claim: scanner.kind(Slot.claimedVersion) === Kind.absent ? undefined : readClaim(scanner, bytes),
    spans: { id: spanOf(scanner, Slot.id), token: spanOf(scanner, Slot.metaToken) },
  };
}

function readClaim(scanner: Scanner, bytes: Bytes): Claim {
  const [hasState, hasInput] = [Slot.requestState, Slot.inputResponses].map(
    (slot) => scanner.kind(slot) !== Kind.absent,
  );
  return {
    revision: textIn(scanner, Slot.claimedVersion, bytes),
    abilities: scanner.kind(Slot.capabilities) === Kind.object ? readAbilities(scanner) : undefined,
    hasTasks: scanner.kind(Slot.tasks) === Kind.object,
    logLevel: textIn(scanner, Slot.logLevel, bytes),
    name: textIn(scanner, Slot.name, bytes),
    isRetry: hasState === true || hasInput === true,
  };
}

function readAbilities(scanner: Scanner): Abilities {
  const is = (slot: number): boolean => scanner.kind(slot) === Kind.object;
  const url = is(Slot.elicitationUrl);
  return {
    roots: is(Slot.roots),
    sampling: is(Slot.sampling),
    samplingTools: is(Slot.samplingTools),
    // With nothing in it, it means forms.
    form: is(Slot.elicitation) && (is(Slot.elicitationForm) || !url),
    url,
  };
}

function readResponse(scanner: Scanner, bytes: Bytes, refuse: Refuse): Envelope | Refusal {
  const isError = scanner.kind(Slot.error) !== Kind.absent;
  if (isError === (scanner.kind(Slot.result) !== Kind.absent)) {
    return refuse('wanted "method", or one of "result" and "error"');
  }
  if (isError && scanner.kind(Slot.error) !== Kind.object) return refuse('wanted "error" to be an object');
  const id = idIn(scanner, Slot.id, bytes);
  if (id !== undefined) {
    const protocolVersion = textIn(scanner, Slot.protocolVersion, bytes);
    const facts = isError
      ? { errorCode: numberIn(scanner, Slot.errorCode, bytes) }
      : { result: readResult(scanner, bytes) };
    const subscriptionId = spanOf(scanner, Slot.resultSubscription);
    return {
      kind: 'response',
      id,
      isError,
      protocolVersion,
      ...facts,
      spans: { id: scanner.span(Slot.id), subscriptionId },
    };
  }
  return isError && isNoId(scanner, bytes) ? { kind: 'stray-error' } : refuse(wantedId);
}

function readResult(scanner: Scanner, bytes: Bytes): ResultFacts | undefined {
  if (scanner.kind(Slot.result) !== Kind.object) return undefined;
  const has = (slot: number): boolean => scanner.kind(slot) !== Kind.absent;
  return {
    type: textIn(scanner, Slot.resultType, bytes),
    isToolError: scanner.kind(Slot.toolError) === Kind.literal && scanner.raw(Slot.toolError, bytes) === 'true',
    taskId: textIn(scanner, Slot.resultTask, bytes),
    taskStatus: textIn(scanner, Slot.resultStatus, bytes),
    hasTtl: has(Slot.ttl),
    ttlMs: numberIn(scanner, Slot.ttl, bytes),
    hasCacheScope: has(Slot.cacheScope),
    hasMeta: has(Slot.resultMeta),
    hasServerInfo: has(Slot.serverInfo),
    at: scanner.span(Slot.result)[0],
    metaAt: scanner.kind(Slot.resultMeta) === Kind.object ? scanner.span(Slot.resultMeta)[0] : undefined,
  };
}

function hasAnswer(scanner: Scanner): boolean {
  return scanner.kind(Slot.result) !== Kind.absent || scanner.kind(Slot.error) !== Kind.absent;
}

function isNoId(scanner: Scanner, bytes: Bytes): boolean {
  const kind = scanner.kind(Slot.id);
  return kind === Kind.absent || (kind === Kind.literal && scanner.raw(Slot.id, bytes) === 'null');
}

function spanOf(scanner: Scanner, slot: number): Span | undefined {
  return scanner.kind(slot) === Kind.absent ? undefined : scanner.span(slot);
}

function takeBatch(scanner: Scanner, bytes: Bytes, refuse: Refuse): Batch | Refusal {
  const elements = scanner.elements().map(([start, end]) => Bytes.of(bytes.slice(start, end)));
  return elements.length === 0 ? refuse('got an empty array, wanted a message') : { kind: 'batch', elements };
}

function describeFault(fault: ScanFault, isUtf8: boolean): Pick<Refusal, 'kind' | 'reason'> {
  const { depth, keys, elements } = clientLimits;
  switch (fault) {
    case 'malformed':
      return { kind: 'malformed', reason: isUtf8 ? 'wanted one JSON text' : 'wanted UTF-8' };
    case 'ambiguous':
      return { kind: 'ambiguous', reason: 'got a key twice, or one that differs only in case' };
    case 'too-deep':
      return { kind: 'too-complex', reason: `wanted at most ${depth} levels of nesting` };
    case 'too-many':
      return { kind: 'too-complex', reason: `wanted at most ${keys} keys in an object, ${elements} elements in an array` }; // prettier-ignore
  }
}

/** What can be told of a message that is none. */
function subjectOf(scanner: Scanner, bytes: Bytes): Pick<Refusal, 'idText' | 'answers'> {
  const id = idIn(scanner, Slot.id, bytes);
  const isAnswer = scanner.kind(Slot.method) === Kind.absent && hasAnswer(scanner);
  return { idText: id === undefined ? 'null' : scanner.raw(Slot.id, bytes), answers: isAnswer ? id : undefined };
}

/** A text or an integer; undefined for anything else. */
function idIn(scanner: Scanner, slot: number, bytes: Bytes): Id | undefined {
  const text = textIn(scanner, slot, bytes);
  if (text !== undefined) return text.length <= maxIdLength ? text : undefined;
  return numberIn(scanner, slot, bytes);
}

/** An integer; undefined for anything else. */
function numberIn(scanner: Scanner, slot: number, bytes: Bytes): number | undefined {
  if (scanner.kind(slot) !== Kind.number) return undefined;
  const number = scanner.size(slot) <= maxIdBytes ? Number(scanner.raw(slot, bytes)) : NaN;
  return Number.isInteger(number) ? number : undefined;
}

/** A text as it reads; undefined for anything else, and for a longer one than anybody needs. */
function textIn(scanner: Scanner, slot: number, bytes: Bytes): string | undefined {
  if (scanner.kind(slot) !== Kind.text || scanner.size(slot) > maxIdBytes) return undefined;
  const text = scanner.raw(slot, bytes);
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);
}
