import { BridgeError } from '../base/errors.ts';
import { sessionUnknown } from '../legacy/session-end.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import { errorMessage } from '../jsonrpc/error-message.ts';
import type { Session } from '../legacy/session.ts';
import type { Connection } from '../relay/reply.ts';

/** A client of the transport of 2024-11-05: one stream, and the session that lives on it once it has begun. */
export class SseClient {
  readonly server: string;
  readonly #stream: Connection;
  readonly #vanished = new AbortController();
  readonly #connections = new Set<StreamShare>();
  #session: Session | undefined;
  #isClaimed = false;

  constructor(server: string, stream: Connection) {
    this.server = server;
    this.#stream = stream;
  }

  /** Aborts when the client is gone. */
  get signal(): AbortSignal {
    return this.#vanished.signal;
  }

  /** @throws {BridgeError} `SESSION_REQUIRED` before `initialize` was answered; `SESSION_UNKNOWN` when it is over */
  get session(): Session {
    if (!this.#session || this.#session.state === 'initializing') {
      throw new BridgeError('SESSION_REQUIRED', 'No session: begin with "initialize"');
    }
    if (this.#session.state === 'closed') throw sessionUnknown();
    return this.#session;
  }

  set session(session: Session) {
    this.#session = session;
  }

  /** @throws {BridgeError} `SESSION_EXISTS` when `initialize` was sent already */
  claim(): void {
    if (this.#isClaimed) throw new BridgeError('SESSION_EXISTS', 'Cannot initialize: this session is open already');
    this.#isClaimed = true;
  }

  /** No session came about: it may be tried again. */
  release(): void {
    this.#isClaimed = false;
  }

  /** A share of the stream for one request. @param last with which the stream ends too */
  connection(last?: 'last'): Connection {
    const share = new StreamShare(this.#stream, (ended) => {
      this.#connections.delete(ended);
      if (last) this.#stream.end();
    });
    this.#connections.add(share);
    return share;
  }

  /** Hands a share of the stream to a request; one that is refused gives it back. */
  ask(request: (connection: Connection) => void): void {
    const connection = this.connection();
    try {
      request(connection);
    } catch (error) {
      connection.end();
      throw error;
    }
  }

  vanish(): void {
    this.#vanished.abort(new BridgeError('SESSION_UNKNOWN', 'The client closed the connection'));
    for (const share of [...this.#connections]) share.end();
    this.#session?.close('client-vanished');
  }
}

/** What one request sees of the stream that all share: everything is an event, without an id, and its end ends nothing. */
class StreamShare implements Connection {
  readonly #stream: Connection;
  readonly #onEnd: (share: StreamShare) => void;
  readonly #onClose: (() => void)[] = [];
  #isEnded = false;

  constructor(stream: Connection, onEnd: (share: StreamShare) => void) {
    this.#stream = stream;
    this.#onEnd = onEnd;
  }

  get isOpen(): boolean {
    return !this.#isEnded && this.#stream.isOpen;
  }

  get isClosed(): boolean {
    return this.#stream.isClosed;
  }

  json(message: Bytes): boolean {
    const isFast = this.#stream.event(message, '');
    this.end();
    return isFast;
  }

  openStream(): void {
    // It is open for as long as its client is there.
  }

  event(message: Bytes): boolean {
    return this.#stream.event(message, '');
  }

  /** Nobody resumes here: the end of the stream is the end of the session. */
  prime(): boolean {
    return true;
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd(this);
    // As with a connection, that is heard of a little later.
    queueMicrotask(() => {
      for (const closed of this.#onClose) closed();
    });
  }

  /** The POST was answered with 202 before anything could go wrong. */
  refuse(error: unknown, idText: string): void {
    this.json(Bytes.of(errorMessage(error, idText)));
  }

  destroy(): void {
    this.#stream.destroy();
  }

  onDrain(resume: () => void): void {
    this.#stream.onDrain(resume);
  }

  onClose(closed: () => void): void {
    this.#onClose.push(closed);
  }
}
