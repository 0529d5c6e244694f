import { deferred, type Deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Notification, Request, Response } from '../jsonrpc/message.ts';
import { renumber } from '../jsonrpc/renumber.ts';
import { splice, type Span } from '../jsonrpc/splice.ts';
import { endError, garbledAnswer } from './end-error.ts';
import { restored } from './restored.ts';
import type { Receiver, Upstream, UpstreamEnd } from './upstream.ts';

/** One of the clients of a shared upstream. */
export interface SharedClient {
  /** The answer to a call of its, or what is told of one, with the id or token that it had given itself. */
  onMessage(message: Response | Notification, bytes: Bytes): void;
  /** A call of its gets no answer any more. */
  onFailed(id: Id, error: BridgeError): void;
  /** What the server says that can be meant for this client only. @param cause the newest of its calls */
  onAside(message: Request | Notification, bytes: Bytes, from: SharedUpstream, cause: Id): void;
}

/** A client's request that a shared upstream works on. */
export interface SharedCall {
  readonly client: SharedClient;
  readonly request: Request;
  /** The progress token as the client wrote it. */
  readonly tokenText: string | undefined;
}

/** What becomes of that which a shared upstream says by itself. */
export interface Asides {
  /** Whether nothing that it says now can be about a call that there was. */
  readonly isQuiet: boolean;
  /** A call was given up: the server may be at it for a while yet. */
  onGivenUp(call: SharedCall): void;
  /** @returns whether it could be told whose it is */
  onRequest(message: Request, bytes: Bytes): boolean;
  /** Anything but progress. @returns whether it could be told whose it is */
  onNotification(message: Notification, bytes: Bytes): boolean;
}

/** What the revisions of the protocol do in different ways on one channel that many share. */
export interface Wire {
  /** The question by which a server shows that it lives: any word of it is an answer. */
  readonly ping: { readonly method: string; readonly params: object };
  /** @param calls those under way, by their ids there */
  asides(shared: SharedUpstream, calls: Map<number, SharedCall>): Asides;
}

/** The answer to a request of Gangway's own. */
export interface OwnAnswer {
  readonly message: Response;
  readonly bytes: Bytes;
}

interface Surroundings {
  readonly maxLineBytes: number;
  readonly wire: Wire;
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
  readonly #calls = new Map<number, SharedCall>();
  readonly #asides: Asides;
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
    this.#asides = around.wire.asides(this, this.#calls);
    upstream.attach(this);
  }

  /** Whether a call would be lost on it. */
  get hasEnded(): boolean {
    return this.#end !== undefined || this.upstream.exit !== undefined;
  }

  /** Whether nothing that it says now can be about a call that there was. */
  get isQuiet(): boolean {
    return this.#asides.isQuiet;
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
    this.#asides.onGivenUp(call);
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
    const { method, params } = this.#around.wire.ping;
    void this.ask(method, params).catch(() => undefined);
  }

  /** Sends what is no request. A server that does not read cannot be told: what waits for it would fill the memory. */
  send(bytes: Bytes): void {
    if (!this.upstream.isBusy) this.upstream.send(bytes);
  }

  onMessage(message: Envelope, bytes: Bytes): void {
    this.#messages += 1;
    if (message.kind === 'response') this.#onResponse(message, bytes);
    else if (!this.#belongs(message, bytes)) this.#unexpected += 1;
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

  #onResponse(answer: Response, bytes: Bytes): void {
    const id = typeof answer.id === 'number' ? answer.id : 0;
    const call = this.#calls.get(id);
    if (call) {
      this.#calls.delete(id);
      const { message, bytes: own } = restored(call.request, answer, bytes);
      call.client.onMessage(message, own);
      return;
    }
    const own = this.#own.get(id);
    if (!own) this.#unexpected += 1;
    this.#own.delete(id);
    own?.resolve({ message: answer, bytes: bytes.kept() });
  }

  /** @returns whether anybody is meant by it */
  #belongs(message: Envelope, bytes: Bytes): boolean {
    if (message.kind === 'request') return this.#asides.onRequest(message, bytes);
    if (message.kind !== 'notification') return false;
    const isProgress = message.method === 'notifications/progress';
    return isProgress ? this.#onProgress(message, bytes) : this.#asides.onNotification(message, bytes);
  }

  #onProgress(message: Notification, bytes: Bytes): boolean {
    const { progressToken: token } = message;
    const call = typeof token === 'number' ? this.#calls.get(token) : undefined;
    const { token: span } = message.spans;
    if (call?.tokenText === undefined || !span) return false;
    const { progressToken } = call.request;
    call.client.onMessage({ ...message, progressToken }, splice(bytes, [{ span, text: call.tokenText }]));
    return true;
  }
}
