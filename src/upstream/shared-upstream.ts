import type { Clock } from '../base/clock.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import { errorMessage } from '../jsonrpc/error-message.ts';
import type { Envelope, Id, Notification, Request, Response } from '../jsonrpc/message.ts';
import { renumber } from '../jsonrpc/renumber.ts';
import { splice, type Span } from '../jsonrpc/splice.ts';
import { endError, garbledAnswer } from './end-error.ts';
import type { Receiver, Upstream, UpstreamEnd } from './upstream.ts';

const resourceUpdated = 'notifications/resources/updated';

/** One of the clients of a shared upstream. */
export interface SharedClient {
  /** The answer to a call of its, or progress on one, with the id or token that it had given itself. */
  onMessage(message: Response | Notification, bytes: Bytes): void;
  /** A call of its gets no answer any more. */
  onFailed(id: Id, error: BridgeError): void;
  /** What the server says that can be meant for this client only. @param cause the newest of its calls */
  onAside(message: Request | Notification, bytes: Bytes, from: SharedUpstream, cause: Id): void;
}

interface Call {
  readonly client: SharedClient;
  readonly request: Request;
  /** The progress token as the client wrote it. */
  readonly tokenText: string | undefined;
}

/** The answer to a request of Gangway's own. */
export interface OwnAnswer {
  readonly message: Response;
  readonly bytes: Bytes;
}

interface Surroundings {
  readonly maxLineBytes: number;
  /** No call is worked on for longer than this, in milliseconds. */
  readonly maxCallTimeMs: number;
  readonly clock: Clock;
  /** What the server says to all of its clients, or takes back of what it has asked one of them. */
  readonly onBroadcast: (notification: Notification, bytes: Bytes, from: SharedUpstream) => void;
  /** It asked something that any of several calls may be behind; it was refused. */
  readonly onAmbiguous?: (calls: readonly Request[]) => void;
}

/** Requests of Gangway's own that may wait for an answer. */
const maxOwn = 10_000;

/**
 * An upstream that many clients use at once. Each call gets an id of this upstream, which is its progress token as
 * well; what comes back gets the client's own again, digit for digit. All other bytes pass as they are.
 */
export class SharedUpstream implements Receiver {
  readonly upstream: Upstream;
  /** Resolves when it answers nothing any more, to what its calls got. */
  readonly ended: Promise<BridgeError>;
  readonly #around: Surroundings;
  readonly #calls = new Map<number, Call>();
  /** Clients that gave calls up, and until when the server may still be at these: the oldest first. */
  readonly #gaveUp = new Map<SharedClient, number>();
  readonly #own = new Map<number, Deferred<OwnAnswer>>();
  readonly #ended = deferred<BridgeError>();
  #end: BridgeError | undefined;
  #lastId = 0;
  #messages = 0;
  #unexpected = 0;

  constructor(upstream: Upstream, around: Surroundings) {
    this.upstream = upstream;
    this.ended = this.#ended.promise;
    this.#around = around;
    upstream.attach(this);
  }

  /** Whether a call would be lost on it. */
  get hasEnded(): boolean {
    return this.#end !== undefined || this.upstream.exit !== undefined;
  }

  /** Whether nothing that it says now can be about a call that there was. */
  get isQuiet(): boolean {
    return this.#calls.size === 0 && !this.#isLeftOver(undefined);
  }

  /** Messages that came from it so far: as long as their number grows, it lives. */
  get messages(): number {
    return this.#messages;
  }

  /** Messages that belonged to nothing, or could not be told whose they are. */
  get unexpected(): number {
    return this.#unexpected;
  }

  /** Sends a client's request. @returns its id here, to cancel it by */
  call(client: SharedClient, request: Request, bytes: Bytes): number {
    const id = this.#nextId();
    const renumbered = renumber(request, bytes, id);
    this.#calls.set(id, { client, request, tokenText: renumbered.tokenText });
    this.upstream.send(renumbered.bytes);
    if (this.#end) this.#fail(id, this.#end);
    return id;
  }

  /**
   * Forgets a call and tells the server. What still comes for it goes nowhere.
   *
   * @param notice the notification that says so, and where the request's id stands in it
   */
  cancel(id: number, notice: { readonly bytes: Bytes; readonly span: Span }): void {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    this.#giveUp(call.client);
    this.send(splice(notice.bytes, [{ span: notice.span, text: String(id) }]));
  }

  /**
   * Asks something of Gangway's own.
   *
   * @throws {BridgeError} `UPSTREAM_BUSY`: nothing was sent; and when the server ends before it answers
   */
  ask(method: string, params: object = {}): Promise<OwnAnswer> {
    if (this.#end) return Promise.reject(this.#end);
    if (this.upstream.isBusy || this.#own.size >= maxOwn) {
      return Promise.reject(new BridgeError('UPSTREAM_BUSY', `Cannot ask "${method}": the server does not keep up`));
    }
    const id = this.#nextId();
    const answer = deferred<OwnAnswer>();
    // Whoever asks may have stopped to wait.
    answer.promise.catch(() => undefined);
    this.#own.set(id, answer);
    this.upstream.send(Bytes.from(JSON.stringify({ jsonrpc: '2.0', id, method, params })));
    return answer.promise;
  }

  /** Asks whether it lives: any word of it is an answer. */
  ping(): void {
    void this.ask('ping').catch(() => undefined);
  }

  /** Sends what is no request. A server that does not read cannot be told: what waits for it would fill the memory. */
  send(bytes: Bytes): void {
    if (!this.upstream.isBusy) this.upstream.send(bytes);
  }

  onMessage(message: Envelope, bytes: Bytes): void {
    this.#messages += 1;
    if (message.kind === 'response') this.#onResponse(message, bytes);
    else if (message.kind === 'request') this.#onRequest(message, bytes);
    else if (message.kind === 'notification') this.#onNotification(message, bytes);
    else this.#unexpected += 1;
  }

  onGarbled(id: Id): void {
    this.#messages += 1;
    if (typeof id !== 'number' || !this.#fail(id, garbledAnswer())) this.#unexpected += 1;
  }

  onEnd(end: UpstreamEnd): void {
    const error = endError(end, this.#around.maxLineBytes, this.upstream);
    this.#end = error;
    for (const id of [...this.#calls.keys(), ...this.#own.keys()]) this.#fail(id, error);
    this.#ended.resolve(error);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** @returns whether anybody waits for this answer */
  #fail(id: number, error: BridgeError): boolean {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.client.onFailed(call.request.id, error);
    this.#own.get(id)?.reject(error);
    return this.#own.delete(id) || call !== undefined;
  }

  #giveUp(client: SharedClient): void {
    const now = this.#around.clock.now();
    this.#gaveUp.delete(client);
    this.#gaveUp.set(client, now + this.#around.maxCallTimeMs);
    for (const [oldest, until] of this.#gaveUp) {
      if (until > now) return;
      this.#gaveUp.delete(oldest);
    }
  }

  #onResponse(message: Response, bytes: Bytes): void {
    const id = typeof message.id === 'number' ? message.id : 0;
    const call = this.#calls.get(id);
    const { id: span } = message.spans;
    if (call && span) {
      this.#calls.delete(id);
      const { request } = call;
      const answer = addressed(message, bytes, request, span);
      call.client.onMessage(answer.message, answer.bytes);
      return;
    }
    const own = this.#own.get(id);
    if (!own) this.#unexpected += 1;
    this.#own.delete(id);
    own?.resolve({ message, bytes: bytes.kept() });
  }

  /** A question to a client: whom it is for can only be told when all calls that it can be about are of one. */
  #onRequest(message: Request, bytes: Bytes): void {
    if (message.method === 'ping') {
      this.send(Bytes.from(`{"jsonrpc":"2.0","id":${message.idText},"result":{}}`));
      return;
    }
    const only = this.#onlyClient();
    if (only) {
      only.client.onAside(message, bytes, this, only.request.id);
      return;
    }
    this.#around.onAmbiguous?.([...this.#calls.values()].map(({ request }) => request));
    const why = this.#calls.size === 0 ? 'none has a call under way' : 'several have calls under way';
    const sentence = `Cannot ask a client: ${why} on this shared server; wanted sharing: session`;
    this.send(Bytes.of(errorMessage(new BridgeError('NOT_SHARED', sentence), message.idText)));
  }

  #onNotification(message: Notification, bytes: Bytes): void {
    if (message.method === 'notifications/progress') {
      this.#onProgress(message, bytes);
      return;
    }
    if (message.method === 'notifications/cancelled') {
      this.#around.onBroadcast(message, bytes, this);
      return;
    }
    if (isForAll(message)) {
      this.#around.onBroadcast(message, forAll(message), this);
      return;
    }
    const only = this.#onlyClient();
    if (only) only.client.onAside(message, bytes, this, only.request.id);
    else this.#unexpected += 1;
  }

  #onProgress(message: Notification, bytes: Bytes): void {
    const { progressToken: token } = message;
    const call = typeof token === 'number' ? this.#calls.get(token) : undefined;
    const { token: span } = message.spans;
    if (call?.tokenText === undefined || !span) {
      this.#unexpected += 1;
      return;
    }
    const { progressToken } = call.request;
    call.client.onMessage({ ...message, progressToken }, splice(bytes, [{ span, text: call.tokenText }]));
  }

  /** The client that has all the calls under way here, with the newest of them. */
  #onlyClient(): Call | undefined {
    let newest: Call | undefined;
    for (const call of this.#calls.values()) {
      if (newest && newest.client !== call.client) return undefined;
      newest = call;
    }
    return this.#isLeftOver(newest?.client) ? undefined : newest;
  }

  /** Whether it may still be at what other clients gave up. */
  #isLeftOver(except: SharedClient | undefined): boolean {
    const now = this.#around.clock.now();
    for (const [client, until] of this.#gaveUp) if (client !== except && until > now) return true;
    return false;
  }
}

/** What concerns everybody who uses a server. */
function isForAll({ method }: Notification): boolean {
  return method.endsWith('/list_changed') || method === resourceUpdated;
}

/** What everybody may read of it: a server could have put something of one client beside it, such as its `_meta`. */
function forAll({ method, uri }: Notification): Bytes {
  const params = method === resourceUpdated && uri !== undefined ? { params: { uri } } : {};
  return Bytes.from(JSON.stringify({ jsonrpc: '2.0', method, ...params }));
}

/** An answer under the id that a client gave, and where things stand in it then. */
function addressed(
  message: Response,
  bytes: Bytes,
  { id, idText }: Request,
  span: Span,
): { readonly message: Response; readonly bytes: Bytes } {
  const shift = Buffer.byteLength(idText) - (span[1] - span[0]);
  const move = (at: number): number => (at > span[0] ? at + shift : at);
  const { result } = message;
  const isMoved = result !== undefined && shift !== 0 && result.at > span[0];
  const moved = isMoved && {
    result: { ...result, at: move(result.at), metaAt: result.metaAt === undefined ? undefined : move(result.metaAt) },
  };
  return { message: { ...message, id, ...moved }, bytes: splice(bytes, [{ span, text: idText }]) };
}
