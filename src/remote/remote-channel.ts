import type { Clock } from '../base/clock.ts';
import { settlesWithin } from '../base/deadline.ts';
import { messageOf, type BridgeError, type ErrorData } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Redactor } from '../base/redact.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import {
  isRefusal,
  type Envelope,
  type Id,
  type Notification,
  type Request,
  type Response,
} from '../jsonrpc/message.ts';
import type { Channel, ChannelReceiver } from '../relay/channel.ts';
import { discard } from './discard.ts';
import { Listening } from './listening.ts';
import type { Read } from './message-reader.ts';
import { RemoteCall } from './remote-call.ts';
import { RemoteError, sessionLost } from './remote-error.ts';
import type { RemoteHttp } from './remote-http.ts';
import { isLost, RemoteSession } from './remote-session.ts';
import { Valve } from './valve.ts';

interface Surroundings {
  readonly http: RemoteHttp;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly log: Log;
  /** The longest message that the server may send. */
  readonly maxLineBytes: number;
  /** Something went wrong, for people. */
  readonly onTrouble: (error: BridgeError) => void;
}

/** So many bytes may be on their way to the server; each message counts for something, however small. */
const maxPendingBytes = 8 * 1024 * 1024;
const messageBytes = 1024;
/** How long a server may take to accept what it need not answer. */
const tellMs = 10_000;
/** Requests wait so long until the server is listened to. */
const listenMs = 1000;

/**
 * A client's session at a server that speaks Streamable HTTP already: its own `initialize` begins one there, and all
 * that the two say passes as bytes.
 *
 * A notification is accepted before anything that was sent after it leaves, as it would be on one connection.
 */
export class RemoteChannel implements Channel {
  readonly name = 'remote';
  readonly #around: Surroundings;
  readonly #session: RemoteSession;
  readonly #valve = new Valve();
  readonly #listening: Listening;
  /** Requests that wait for an answer, by id; and all whose streams are open. */
  readonly #calls = new Map<Id, RemoteCall>();
  readonly #running = new Set<RemoteCall>();
  readonly #telling = new Set<AbortController>();
  #receiver: ChannelReceiver | undefined;
  /** Resolves when all notifications so far were accepted, or given up. */
  #told: Promise<void> = Promise.resolve();
  #initializeId: Id | undefined;
  #pendingBytes = 0;
  #noiseLines = 0;
  #lastError: BridgeError | undefined;
  /** Nothing goes out any more, and nothing comes in. */
  #isOver = false;
  #closed: Promise<void> | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#session = new RemoteSession(around.http, around.redactor, around.clock);
    this.#listening = new Listening({
      ...{ session: this.#session, clock: around.clock, valve: this.#valve, maxBytes: around.maxLineBytes },
      onRead: (read) => {
        this.#onRead(read);
      },
      onLost: () => {
        this.#lose();
      },
      onTrouble: (error) => {
        this.#known(error);
      },
    });
  }

  /** Events that were no messages. */
  get noiseLines(): number {
    return this.#noiseLines;
  }

  get isBusy(): boolean {
    return this.#pendingBytes > maxPendingBytes;
  }

  attach(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
  }

  send(bytes: Bytes, message: Envelope): void {
    if (this.#isOver) return;
    if (message.kind === 'request') void this.#request(message, bytes);
    else if (message.kind === 'notification') this.#notify(message, bytes);
    else if (message.kind === 'response') void this.#tell(bytes, this.#count(bytes));
  }

  pause(): void {
    this.#valve.close();
  }

  resume(): void {
    this.#valve.open();
  }

  /** Each request shows it; an idle server of somebody else is not asked. */
  isAlive(): boolean {
    return true;
  }

  describeExit(): ErrorData {
    return this.#lastError ? { remote: this.#lastError.code, ...this.#lastError.data } : {};
  }

  /** Ends the session at both ends. Resolves when the server knows, or has had time enough; never rejects. */
  close(): Promise<void> {
    const wasOver = this.#isOver;
    this.#stop();
    this.#closed ??= wasOver ? Promise.resolve() : this.#session.end();
    return this.#closed;
  }

  async #request(request: Request, bytes: Bytes): Promise<void> {
    const { id } = request;
    const call = new RemoteCall({
      ...{ session: this.#session, clock: this.#around.clock, valve: this.#valve, maxBytes: this.#around.maxLineBytes },
      onRead: (read) => {
        this.#onRead(read, id);
      },
    });
    if (request.method === 'initialize') this.#initializeId = id;
    this.#calls.set(id, call);
    this.#running.add(call);
    const onSent = this.#count(bytes);
    try {
      await this.#told;
      if (!call.isOver) await call.run(bytes, onSent);
    } catch (error) {
      this.#onFailed(id, call, error);
    } finally {
      onSent();
      this.#running.delete(call);
    }
  }

  #onFailed(id: Id, call: RemoteCall, error: unknown): void {
    if (this.#isOver || call.isOver) return;
    call.abort();
    const known = this.#known(error);
    // Cancelled meanwhile: another request may have its id.
    if (this.#calls.get(id) === call) {
      this.#calls.delete(id);
      this.#receiver?.onFailed(id, known, known.wasSent);
    }
    if (isLost(known)) this.#lose();
  }

  #notify(message: Notification, bytes: Bytes): void {
    const cancelled = this.#takeCancelled(message);
    const before = this.#told;
    const onSent = this.#count(bytes);
    this.#told = (async () => {
      await before;
      if (!this.#isOver) await this.#tell(bytes, onSent);
      cancelled?.abort();
      // What a server says by itself before anybody listens is lost.
      if (message.method === 'notifications/initialized')
        await settlesWithin(this.#listening.start(), listenMs, this.#around.clock);
    })();
  }

  /** Nobody waits for it any more; its stream stays until the server knows. */
  #takeCancelled({ method, requestId }: Notification): RemoteCall | undefined {
    if (method !== 'notifications/cancelled' || requestId === undefined) return undefined;
    if (requestId === this.#initializeId) return undefined;
    const call = this.#calls.get(requestId);
    this.#calls.delete(requestId);
    return call;
  }

  /** Sends what needs no answer. Resolves when it was accepted, or given up. */
  async #tell(bytes: Bytes, onSent: () => void): Promise<void> {
    const { clock } = this.#around;
    const limit = new AbortController();
    this.#telling.add(limit);
    const cancel = clock.after(tellMs, () => {
      limit.abort();
    });
    try {
      discard(await this.#session.post(bytes, limit.signal, onSent), clock);
    } catch (error) {
      if (isLost(error)) this.#lose();
      else if (!this.#isOver) this.#known(limit.signal.aborted ? notAccepted() : error);
    } finally {
      cancel();
      onSent();
      this.#telling.delete(limit);
    }
  }

  /** @returns what says that they have left */
  #count({ length }: Bytes): () => void {
    let counted = length + messageBytes;
    this.#pendingBytes += counted;
    return () => {
      this.#pendingBytes -= counted;
      counted = 0;
    };
  }

  #onRead({ message, bytes }: Read, cause?: Id): void {
    if (this.#isOver) return;
    if (isRefusal(message)) {
      this.#noiseLines += 1;
      if (message.answers === undefined) return;
      this.#settle(message.answers);
      this.#receiver?.onGarbled(message.answers);
      return;
    }
    if (message.kind === 'response') this.#onAnswer(message);
    this.#receiver?.onMessage(message, bytes, cause);
  }

  #onAnswer({ id, isError, protocolVersion }: Response): void {
    if (id === this.#initializeId && !isError) this.#session.open(protocolVersion);
    this.#settle(id);
  }

  #settle(id: Id): void {
    this.#calls.get(id)?.answered();
    this.#calls.delete(id);
  }

  /** The server has ended the session: so must the client's, which can then begin anew. */
  #lose(): void {
    if (this.#isOver) return;
    const error = this.#known(sessionLost(true));
    const pending = [...this.#calls.keys()];
    this.#stop();
    for (const id of pending) this.#receiver?.onFailed(id, error, true);
    this.#receiver?.onEnd({ reason: 'exited', exit: undefined });
  }

  #stop(): void {
    this.#isOver = true;
    this.#calls.clear();
    this.#listening.stop();
    for (const call of this.#running) call.abort();
    for (const limit of this.#telling) limit.abort();
    this.#valve.open();
  }

  /** Anything thrown, noted as what it means for this session. */
  #known(error: unknown): RemoteError {
    const known = error instanceof RemoteError ? error : new RemoteError('INTERNAL', 'Internal error', true);
    if (known !== error) this.#around.log.error({ error: messageOf(error) }, 'a fault while a remote server was asked');
    this.#lastError = known;
    // That a session ends is no fault.
    if (!isLost(known)) this.#around.onTrouble(known);
    return known;
  }
}

function notAccepted(): RemoteError {
  const sentence = `Cannot tell the remote server: it did not accept a notification or an answer within ${tellMs} ms`;
  return new RemoteError('CALL_TIMEOUT', sentence, true);
}
