import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import { idKey, type Envelope } from '../jsonrpc/message.ts';
import type { Lease } from '../pool/pool.ts';
import type { Receiver, Upstream, UpstreamEnd } from '../upstream/upstream.ts';
import { Exchange, type RequestEnvelope } from '../relay/exchange.ts';
import { oneLine } from '../jsonrpc/one-line.ts';
import type { Reply, Stream } from '../relay/reply.ts';
import { route, type Destination } from '../relay/route.ts';
import { BackPressure } from './back-pressure.ts';
import { Calls } from './calls.ts';
import { garbledError, pendingError, retireReason, type CloseReason } from './session-end.ts';
import { StandaloneStreams } from './standalone-streams.ts';

export type SessionState = 'initializing' | 'open' | 'closed';

interface Surroundings {
  readonly id: string;
  readonly server: ServerConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly onClosed: (session: Session) => void;
}

/** Requests of a client that may be under way at once. */
const maxCalls = 1000;
/** Requests of a server that may wait for its client's answer. */
const maxQuestions = 1000;

/**
 * One client's MCP session on one upstream of its own. Messages pass through as bytes, both ways; the session looks at
 * ids, methods and tokens to know which stream each belongs to, and makes sure that every request gets one answer.
 *
 * @see MCP 2025-11-25, Transports, "Streamable HTTP"
 */
export class Session implements Receiver {
  readonly id: string;
  readonly server: ServerConfig;
  readonly #lease: Lease;
  readonly #upstream: Upstream;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onClosed: (session: Session) => void;
  readonly #calls = new Calls();
  readonly #standalone = new StandaloneStreams();
  readonly #backPressure: BackPressure;
  /** Requests of the server that the client has not answered, and the exchange whose stream they went to. */
  readonly #questions = new Map<string, Exchange | undefined>();
  readonly #openedAt: number;
  #state: SessionState = 'initializing';
  #lastActiveAt: number;
  #callCount = 0;
  #unexpected = 0;

  constructor(lease: Lease, around: Surroundings) {
    this.id = around.id;
    this.server = around.server;
    this.#lease = lease;
    this.#upstream = lease.upstream;
    this.#clock = around.clock;
    this.#onClosed = around.onClosed;
    this.#openedAt = around.clock.now();
    this.#lastActiveAt = this.#openedAt;
    this.#log = around.log;
    this.#backPressure = new BackPressure(lease.upstream, around.clock);
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /** Hands the client's own `initialize` to the untouched upstream, byte for byte. */
  begin(request: RequestEnvelope, bytes: Buffer, reply: Reply): void {
    const { startTimeoutMs } = this.server;
    const limits = { callTimeoutMs: startTimeoutMs, maxCallTimeMs: startTimeoutMs };
    this.#calls.add(new Exchange(request, reply, this.#clock.now(), limits));
    reply.onClose(() => {
      // The client does not know the session's id yet: nobody could ever use it.
      if (this.#state === 'initializing') this.close('client-vanished');
    });
    this.#upstream.send(oneLine(bytes));
    this.#upstream.attach(this);
  }

  /**
   * A request of the client; its answer goes to `reply`.
   *
   * @throws {BridgeError} `SESSION_EXISTS`, `DUPLICATE_ID`, `UPSTREAM_BUSY`: nothing was sent
   */
  request(request: RequestEnvelope, bytes: Buffer, reply: Reply): void {
    if (request.method === 'initialize') {
      throw new BridgeError('SESSION_EXISTS', 'Cannot initialize: this session is open already');
    }
    if (this.#calls.size >= maxCalls) {
      throw new BridgeError('UPSTREAM_BUSY', `Cannot send the request: ${maxCalls} are under way in this session`);
    }
    const exchange = new Exchange(request, reply, this.#clock.now(), this.server);
    const taken = this.#calls.add(exchange);
    if (taken) throw new BridgeError('DUPLICATE_ID', `Cannot send the request: its ${taken} is in use by another one`);
    try {
      this.#upstream.send(oneLine(bytes));
    } catch (error) {
      this.#calls.remove(exchange);
      throw error;
    }
    this.#lastActiveAt = this.#clock.now();
    this.#callCount += 1;
  }

  /**
   * A notification or a response of the client.
   *
   * @throws {BridgeError} `UPSTREAM_BUSY`: nothing was sent
   */
  accept(message: Exclude<Envelope, { kind: 'request' }>, bytes: Buffer): void {
    this.#lastActiveAt = this.#clock.now();
    if (message.kind === 'stray-error') return;
    if (message.kind === 'response') {
      this.#answerQuestion(idKey(message.id), bytes);
      return;
    }
    this.#upstream.send(oneLine(bytes));
    if (message.method === 'notifications/cancelled') this.#cancel(message.params?.['requestId']);
  }

  /** A GET stream. An open one does not keep an idle session alive. */
  listen(stream: Stream): void {
    if (!this.#standalone.add(stream)) this.#backPressure.hold(stream);
  }

  /** Ends what is overdue. Called a few times a second. */
  tick(now: number): void {
    this.#backPressure.cutStalled(now);
    for (const exchange of this.#calls.all()) {
      exchange.keepAlive(now);
      if (exchange.isLate(now)) this.#timeOut(exchange, now);
    }
    const { idleTimeoutMs, maxAgeMs } = this.server.pool;
    if (now - this.#openedAt >= maxAgeMs) this.close('too-old');
    else if (this.#calls.size === 0 && now - this.#lastActiveAt >= idleTimeoutMs) this.close('idle');
  }

  /** Ends the session: every open request is answered, every stream ends, the container goes. Any number of times. */
  close(reason: CloseReason): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    for (const exchange of this.#calls.all()) this.#failPending(exchange, reason, wasOpen);
    this.#standalone.endAll();
    this.#onClosed(this);
    void this.#lease.release(retireReason(reason, wasOpen));
    this.#log.info(
      {
        reason,
        seconds: Math.round((this.#clock.now() - this.#openedAt) / 100) / 10,
        calls: this.#callCount,
        ...(this.#unexpected > 0 ? { unexpectedMessages: this.#unexpected } : {}),
        ...(this.#upstream.noiseLines > 0 ? { noiseLines: this.#upstream.noiseLines } : {}),
        ...(reason === 'upstream-ended' || reason === 'start-failed' ? this.#upstream.describeExit() : {}),
      },
      wasOpen ? 'session closed' : 'session not opened',
    );
  }

  onMessage(message: Envelope, bytes: Buffer): void {
    const destination = route(message, this.#calls);
    if (message.kind === 'request') this.#remember(idKey(message.id), undefined);
    switch (destination.to) {
      case 'answer':
        this.#deliverAnswer(destination.exchange, message, bytes);
        return;
      case 'stream':
        this.#deliverToStream(destination, message, bytes);
        return;
      case 'get':
        this.#hold(this.#standalone.deliver(bytes));
        return;
      case 'nobody':
        this.#unexpected += 1;
    }
  }

  onEnd(end: UpstreamEnd): void {
    const error = garbledError(end, this.server.maxLineBytes, this.#upstream);
    if (error) this.#failAll(error);
    this.close(this.#state === 'initializing' ? 'start-failed' : 'upstream-ended');
  }

  #deliverAnswer(exchange: Exchange, message: Envelope, bytes: Buffer): void {
    this.#calls.remove(exchange);
    this.#lastActiveAt = this.#clock.now();
    const isInitialized = this.#state === 'initializing' && message.kind === 'response' && message.result !== undefined;
    const isRefused = this.#state === 'initializing' && !isInitialized;
    if (isInitialized) this.#open(message.result);
    if (!exchange.finish(bytes)) this.#backPressure.hold(exchange.reply);
    if (isRefused) this.close('refused');
  }

  #deliverToStream(destination: Extract<Destination, { to: 'stream' }>, message: Envelope, bytes: Buffer): void {
    const { exchange } = destination;
    if (message.kind === 'notification' && message.method === 'notifications/progress')
      exchange.touch(this.#clock.now());
    if (!exchange.reply.isOpen && message.kind === 'request') {
      // Its client is gone from that stream; a question there would never be heard.
      this.#hold(this.#standalone.deliver(bytes));
      return;
    }
    if (message.kind === 'request') {
      const key = idKey(message.id);
      this.#remember(key, exchange);
      exchange.ask(key);
    }
    if (!exchange.deliver(bytes)) this.#backPressure.hold(exchange.reply);
  }

  #hold(stream: Stream | undefined): void {
    if (stream) this.#backPressure.hold(stream);
  }

  #open(result: unknown): void {
    this.#state = 'open';
    const version = (result as { protocolVersion?: unknown } | null)?.protocolVersion;
    this.#log.info(
      {
        container: this.#upstream.name,
        warm: this.#lease.wasWarm,
        ms: Math.round(this.#clock.now() - this.#openedAt),
        protocol: typeof version === 'string' ? version.slice(0, 32) : undefined,
      },
      'session opened',
    );
  }

  /** A server that asks and asks forgets its oldest questions. */
  #remember(key: string, exchange: Exchange | undefined): void {
    this.#questions.set(key, exchange);
    if (this.#questions.size <= maxQuestions) return;
    for (const [oldest, asked] of this.#questions) {
      asked?.forget(oldest);
      this.#questions.delete(oldest);
      break;
    }
  }

  #answerQuestion(key: string, bytes: Buffer): void {
    if (!this.#questions.has(key)) {
      // Answered already, or never asked: a server must not get it.
      this.#unexpected += 1;
      return;
    }
    this.#upstream.send(oneLine(bytes));
    this.#questions.get(key)?.answer(key, this.#clock.now());
    this.#questions.delete(key);
  }

  #cancel(requestId: unknown): void {
    if (typeof requestId !== 'string' && typeof requestId !== 'number') return;
    const exchange = this.#calls.byId(idKey(requestId));
    if (!exchange || exchange.method === 'initialize') return;
    this.#calls.remove(exchange);
    exchange.abandon();
  }

  #timeOut(exchange: Exchange, now: number): void {
    this.#lastActiveAt = now;
    const waitedMs = Math.round(exchange.age(now));
    if (this.#state === 'initializing') {
      const data = { ...this.#upstream.describeExit(), waitedMs };
      const sentence = `Cannot start the server: it did not answer "initialize" within ${waitedMs} ms`;
      exchange.refuse(new BridgeError('READY_TIMEOUT', sentence, data));
      this.close('start-failed');
      return;
    }
    this.#calls.remove(exchange);
    exchange.fail(
      new BridgeError('CALL_TIMEOUT', `Cannot answer the request: the server took longer than ${waitedMs} ms`, {
        waitedMs,
      }),
    );
    const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${exchange.idText},"reason":"timeout"}}`;
    try {
      this.#upstream.send(Buffer.from(cancel));
    } catch {
      // UPSTREAM_BUSY: it does not read, so it cannot be told.
    }
  }

  #failPending(exchange: Exchange, reason: CloseReason, wasOpen: boolean): void {
    this.#calls.remove(exchange);
    const error = pendingError(reason, wasOpen, this.#upstream);
    if (wasOpen) exchange.fail(error);
    else exchange.refuse(error);
  }

  #failAll(error: BridgeError): void {
    for (const exchange of this.#calls.all()) {
      this.#calls.remove(exchange);
      if (this.#state === 'initializing') exchange.refuse(error);
      else exchange.fail(error);
    }
  }
}
