import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Request, Response } from '../jsonrpc/message.ts';
import type { Channel, ChannelLease, ChannelReceiver } from '../relay/channel.ts';
import { Exchange } from '../relay/exchange.ts';
import type { Connection, Reply } from '../relay/reply.ts';
import { route } from '../relay/route.ts';
import { shareReply } from '../relay/shared-reply.ts';
import { endError, garbledAnswer, timeoutError } from '../upstream/end-error.ts';
import type { UpstreamEnd } from '../upstream/upstream.ts';
import type { Incoming } from './batch.ts';
import { callLimits, startLimits } from './call-limits.ts';
import { Calls } from './calls.ts';
import { Outbound } from './outbound.ts';
import { Presence } from './presence.ts';
import { ResumableStream } from './resumable-stream.ts';
import { cancelText, pendingError, retireReason, type CloseReason } from './session-end.ts';
import { describeEnd, describeStart } from './session-log.ts';
import { Streams } from './streams.ts';
import { hasBatches, hasPriming } from './versions.ts';

export type SessionState = 'initializing' | 'open' | 'closed';

interface Surroundings {
  readonly id: string;
  readonly server: ServerConfig;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether no new request is taken any more. */
  readonly isDraining: () => boolean;
  readonly onClosed: (session: Session) => void;
}

/**
 * One client's MCP session on an upstream of its own, or on its share of several. Messages pass through as bytes, both ways; the session looks at
 * ids, methods and tokens to know which stream each belongs to, and makes sure that every request gets one answer.
 *
 * @see MCP 2025-11-25, Transports, "Streamable HTTP"
 */
export class Session implements ChannelReceiver {
  readonly id: string;
  readonly server: ServerConfig;
  readonly #lease: ChannelLease;
  readonly #upstream: Channel;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #isDraining: () => boolean;
  readonly #onClosed: (session: Session) => void;
  readonly #calls = new Calls();
  readonly #streams: Streams;
  readonly #outbound: Outbound;
  readonly #presence: Presence;
  readonly #openedAt: number;
  #state: SessionState = 'initializing';
  /** What the two ends agreed on; undefined until they have. */
  #version: string | undefined;
  #callCount = 0;
  #unexpected = 0;

  constructor(lease: ChannelLease, around: Surroundings) {
    this.id = around.id;
    this.server = around.server;
    this.#lease = lease;
    this.#upstream = lease.upstream;
    this.#clock = around.clock;
    this.#isDraining = around.isDraining;
    this.#onClosed = around.onClosed;
    this.#log = around.log;
    this.#openedAt = around.clock.now();
    this.#presence = new Presence(around.clock);
    this.#streams = new Streams(around.server.replay, around.clock);
    this.#outbound = new Outbound(lease.upstream, around.clock);
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /** Messages that belonged to nothing: late, doubled or unknown answers. */
  get unexpected(): number {
    return this.#unexpected;
  }

  /** Whether it holds something of a server. */
  uses(server: ServerConfig): boolean {
    return this.server === server || this.#upstream.uses?.(server) === true;
  }

  /** A reply on a connection, which its client can come back to. */
  replyOn(connection: Connection): Reply {
    return new ResumableStream(connection, this.#streams);
  }

  /** Hands the client's own `initialize` on, byte for byte. */
  begin(request: Request, bytes: Bytes, reply: Reply): void {
    this.#calls.add(new Exchange(request, reply, this.#clock.now(), startLimits(this.server)));
    reply.onClose(() => {
      // The client does not know the session's id yet: nobody could ever use it.
      if (this.#state === 'initializing') this.close('client-vanished');
    });
    this.#upstream.send(bytes, request);
    this.#upstream.attach(this);
  }

  /**
   * A request of the client; its answer goes to `reply`.
   *
   * @throws {BridgeError} `SESSION_EXISTS`, `DRAINING`, `DUPLICATE_ID`, `UPSTREAM_BUSY`: nothing was sent
   */
  request(request: Request, bytes: Bytes, reply: Reply): void {
    if (request.method === 'initialize') {
      throw new BridgeError('SESSION_EXISTS', 'Cannot initialize: this session is open already');
    }
    this.#refuseBusy();
    const exchange = this.#exchange(request, reply);
    this.#calls.refuseClash([exchange]);
    this.#start(exchange, bytes);
  }

  /**
   * A notification or a response of the client.
   *
   * @throws {BridgeError} `UPSTREAM_BUSY`: nothing was sent
   */
  accept(message: Exclude<Envelope, Request>, bytes: Bytes): void {
    this.#refuseBusy();
    this.#pass(message, bytes);
  }

  /**
   * Several messages in one body. Either all are taken, or none.
   *
   * @param connection for the answers
   * @returns whether there will be any
   * @throws {BridgeError} `MESSAGE_INVALID`, `DRAINING`, `DUPLICATE_ID`, `UPSTREAM_BUSY`: nothing was sent
   */
  batch(messages: readonly Incoming[], connection: Connection): boolean {
    if (!hasBatches(this.#version)) {
      throw new BridgeError('MESSAGE_INVALID', 'Invalid message: got an array, wanted a single message');
    }
    this.#refuseBusy();
    const reply = this.replyOn(connection);
    const requests = messages.flatMap(({ envelope }) => (envelope.kind === 'request' ? [envelope] : []));
    const shares = shareReply(reply, requests.length);
    const exchanges = requests.map((request, i) => this.#exchange(request, shares[i] ?? reply));
    this.#calls.refuseClash(exchanges);
    if (requests.length > 0) reply.openStream();
    for (const { envelope, bytes } of messages) {
      const exchange = envelope.kind === 'request' ? exchanges.shift() : undefined;
      if (exchange) this.#start(exchange, bytes);
      else if (envelope.kind !== 'request') this.#pass(envelope, bytes);
    }
    return requests.length > 0;
  }

  /**
   * A GET stream. An open one does not keep an idle session alive.
   *
   * @param lastEventId the event that the client saw last, when it comes back to a stream
   * @throws {BridgeError} `EVENT_UNKNOWN`
   */
  listen(connection: Connection, lastEventId: string | undefined): void {
    connection.onClose(() => {
      this.#presence.left();
    });
    if (lastEventId === undefined) {
      this.#outbound.listen(new ResumableStream(connection, this.#streams));
      return;
    }
    const { stream, seq } = this.#streams.find(lastEventId);
    this.#presence.heard();
    if (!stream.resume(connection, seq)) this.#outbound.hold(stream);
    this.#outbound.comeBack(stream);
  }

  /** For how long it could have been missed by nobody, in milliseconds; undefined when its client may be at it. */
  abandonedMs(now: number): number | undefined {
    const isAtIt = this.#state !== 'open' || this.#calls.size > 0 || this.#outbound.hasListener;
    return isAtIt ? undefined : this.#presence.goneMs(now);
  }

  /** Ends what is overdue. Called a few times a second. */
  tick(now: number): void {
    this.#outbound.cutStalled(now);
    this.#streams.log.expire(now);
    for (const exchange of this.#calls.all()) {
      exchange.keepAlive(now);
      if (exchange.isLate(now)) this.#timeOut(exchange, now);
    }
    const { idleTimeoutMs, maxAgeMs } = this.server.pool;
    const isIdle = this.#calls.size === 0;
    if (now - this.#openedAt >= maxAgeMs) this.close('too-old');
    else if (!this.#upstream.isAlive(now, isIdle)) this.close('unresponsive');
    else if (isIdle && this.#presence.idleMs(now) >= idleTimeoutMs) this.close('idle');
  }

  /** Ends the session: open requests get the error (by default what follows from the reason), streams and container end. */
  close(reason: CloseReason, error?: BridgeError): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    const failure = error ?? pendingError(reason, wasOpen, this.#upstream);
    for (const exchange of this.#calls.takeAll()) {
      if (wasOpen) exchange.fail(failure);
      else exchange.refuse(failure);
    }
    this.#outbound.endAll();
    this.#onClosed(this);
    void this.#lease.release(retireReason(reason, wasOpen));
    const facts = { calls: this.#callCount, unexpected: this.#unexpected, ms: this.#clock.now() - this.#openedAt };
    this.#log.info(describeEnd(reason, this.#upstream, facts), wasOpen ? 'session closed' : 'session not opened');
  }

  onMessage(message: Envelope, bytes: Bytes, cause?: Id): void {
    const destination = route(message, this.#calls, this.#outbound.hasListener, cause);
    switch (destination.to) {
      case 'answer':
        this.#deliverAnswer(destination.exchange, message, bytes);
        return;
      case 'stream':
        this.#outbound.toStream(destination.exchange, message, bytes);
        return;
      case 'get':
        this.#outbound.toGet(message, bytes);
        return;
      case 'nobody':
        this.#unexpected += 1;
    }
  }

  onGarbled(id: Id): void {
    this.onFailed(id, garbledAnswer(), true);
  }

  onFailed(id: Id, error: BridgeError, wasSent: boolean): void {
    const exchange = this.#calls.byId(id);
    if (exchange) this.#failOne(exchange, error, wasSent);
  }

  onFlood(): void {
    this.#outbound.cutBehind();
  }

  onEnd(end: UpstreamEnd): void {
    const isStart = this.#state === 'initializing';
    const error = endError(end, this.server.maxLineBytes, this.#upstream, isStart);
    this.close(isStart ? 'start-failed' : 'upstream-ended', error);
  }

  /** @throws {BridgeError} `DRAINING`: with ever new requests, those under way would be cut off in the end */
  #exchange(request: Request, reply: Reply): Exchange {
    if (this.#isDraining()) throw new BridgeError('DRAINING', 'Cannot take the request: Gangway is shutting down');
    return new Exchange(request, reply, this.#clock.now(), callLimits(this.server, this.#streams.isPrimed));
  }

  #refuseBusy(): void {
    if (!this.#upstream.isBusy) return;
    throw new BridgeError('UPSTREAM_BUSY', 'Cannot send to the server: it does not read its input');
  }

  #start(exchange: Exchange, bytes: Bytes): void {
    this.#calls.add(exchange);
    this.#upstream.send(bytes, exchange.request);
    this.#presence.heard();
    this.#callCount += 1;
  }

  #pass(message: Exclude<Envelope, Request>, bytes: Bytes): void {
    this.#presence.heard();
    if (message.kind === 'stray-error') return;
    if (message.kind === 'response') {
      this.#answerQuestion(message, bytes);
      return;
    }
    this.#upstream.send(bytes, message);
    if (message.method === 'notifications/cancelled') this.#cancel(message.requestId);
  }

  #deliverAnswer(exchange: Exchange, message: Envelope, bytes: Bytes): void {
    this.#calls.remove(exchange);
    this.#presence.heard();
    const isFirst = this.#state === 'initializing' && message.kind === 'response';
    if (isFirst) this.#lease.prove();
    const hasOpened = isFirst && !message.isError;
    if (hasOpened) this.#open(message);
    if (!exchange.finish(bytes)) this.#outbound.hold(exchange.reply);
    if (hasOpened) this.#logOpening();
    if (isFirst && message.isError) this.close('refused');
  }

  #open({ protocolVersion }: Response): void {
    this.#state = 'open';
    this.#version = protocolVersion;
    this.#streams.isPrimed = hasPriming(protocolVersion);
  }

  /** The client has its answer first. */
  #logOpening(): void {
    this.#log.info(describeStart(this.#lease, this.#version, this.#clock.now() - this.#openedAt), 'session opened');
  }

  #answerQuestion(answer: Response, bytes: Bytes): void {
    // Answered already, or never asked: a server must not get it.
    if (this.#outbound.answer(answer.id)) this.#upstream.send(bytes, answer);
    else this.#unexpected += 1;
  }

  #cancel(requestId: Id | undefined): void {
    const exchange = requestId === undefined ? undefined : this.#calls.byId(requestId);
    if (!exchange || exchange.request.method === 'initialize') return;
    this.#calls.remove(exchange);
    exchange.abandon();
  }

  #timeOut(exchange: Exchange, now: number): void {
    const waitedMs = Math.round(exchange.age(now));
    const isStart = this.#state === 'initializing';
    this.#failOne(exchange, timeoutError(isStart, waitedMs, this.#upstream), true);
    if (!isStart) this.#outbound.tell(cancelText(exchange.request.idText));
  }

  /** An error in place of an answer. Without an answer to `initialize` there is no session. */
  #failOne(exchange: Exchange, error: BridgeError, wasSent: boolean): void {
    this.#calls.remove(exchange);
    this.#presence.heard();
    if (this.#state === 'open' && wasSent) exchange.fail(error);
    else exchange.refuse(error);
    if (this.#state !== 'open') this.close('start-failed');
  }
}
