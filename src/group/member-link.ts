import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { settlesWithin } from '../base/deadline.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Request, Response } from '../jsonrpc/message.ts';
import type { ChannelLease, ChannelReceiver, Visitor } from '../relay/channel.ts';
import type { Asker } from '../relay/client-questions.ts';
import { endError, garbledAnswer, timeoutError } from '../upstream/end-error.ts';
import type { UpstreamEnd } from '../upstream/upstream.ts';
import type { Member } from './member.ts';
import { messageOf, type Message } from '../relay/rewrite.ts';

/** What a link needs of the session that it belongs to. */
export interface LinkHome {
  readonly clock: Clock;
  /** Who the client is, as far as fair turns go. */
  readonly client: string;
  /** The client's own `initialize`: a server of the group learns from it what the client can do. */
  readonly hello: { readonly request: Request; readonly bytes: Bytes };
  /** How much the client wants to be logged, once it has said so. */
  readonly level: string | undefined;
  /** The client of one request of 2026-07-28. */
  readonly visitor: Visitor | undefined;
  onMessage(message: Envelope, bytes: Bytes, from: MemberLink, cause: Id | undefined): void;
  onFailed(id: Id, error: BridgeError): void;
  onFlood(): void;
  /** It is of no use any more. */
  onLost(link: MemberLink, error: BridgeError): void;
}

/** Ids of requests of Gangway's own begin with this: no client can have used it. */
const ownPrefix = `gangway-group-${randomUUID()}-`;

/**
 * One session's way to one server of its group, opened when it is first used. The server sees a client like any other: its
 * own `initialize`, and ids and tokens as it wrote them.
 */
export class MemberLink implements ChannelReceiver, Asker {
  readonly member: Member;
  readonly #home: LinkHome;
  readonly #closing = new AbortController();
  /** What came before it was open. */
  #waiting: Message[] = [];
  #lease: ChannelLease | undefined;
  #answer = deferred<Response>();
  #state: 'opening' | 'open' | 'ended' = 'opening';
  #lastOwn = 0;

  constructor(member: Member, home: LinkHome) {
    this.member = member;
    this.#home = home;
    this.#answer.promise.catch(() => undefined);
    void this.#open();
  }

  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  get noiseLines(): number {
    return this.#lease?.upstream.noiseLines ?? 0;
  }

  /** Sends a message of the client's, now or when it is open. */
  pass(bytes: Bytes, envelope: Envelope): void {
    if (this.#state === 'open') this.#send({ bytes, envelope });
    else if (this.#state === 'opening') this.#waiting.push({ bytes, envelope });
  }

  /** Takes back a request that was not sent yet. @returns whether there was one */
  drop(id: Id): boolean {
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter(({ envelope }) => envelope.kind !== 'request' || envelope.id !== id);
    return this.#waiting.length < before;
  }

  /** The client's answer to a question of this server's. */
  send(bytes: Bytes): void {
    const message = messageOf(bytes.toString());
    this.pass(message.bytes, message.envelope);
  }

  tellLevel(level: string): void {
    if (this.#state !== 'open') return;
    this.#lastOwn += 1;
    const id = `${ownPrefix}${this.#lastOwn}`;
    this.#send(messageOf(JSON.stringify({ jsonrpc: '2.0', id, method: 'logging/setLevel', params: { level } })));
  }

  rest(): void {
    this.#lease?.upstream.rest?.();
  }

  async wake(): Promise<void> {
    await this.#lease?.upstream.wake?.();
  }

  pause(): void {
    this.#lease?.upstream.pause();
  }

  resume(): void {
    this.#lease?.upstream.resume();
  }

  /** @param isIdle whether no request of this client's is under way on it */
  checkAlive(now: number, isIdle: boolean): void {
    if (this.#state !== 'open' || !this.#lease || this.#lease.upstream.isAlive(now, isIdle)) return;
    const sentence = 'Cannot finish the request: the server does not answer any more';
    this.#lose(new BridgeError('UPSTREAM_EXITED', sentence, this.#lease.upstream.describeExit()));
  }

  close(): void {
    if (this.#state === 'ended') return;
    const reason = this.#state === 'open' ? 'session-ended' : 'never-used';
    this.#state = 'ended';
    this.#closing.abort();
    void this.#lease?.release(reason);
  }

  onMessage(message: Envelope, bytes: Bytes, cause?: Id): void {
    if (this.#state === 'ended') return;
    if (message.kind === 'response' && this.#isOwn(message.id)) {
      if (this.#state === 'opening') this.#answer.resolve(message);
      return;
    }
    this.#home.onMessage(message, bytes, this, cause);
  }

  onGarbled(id: Id): void {
    this.onFailed(id, garbledAnswer());
  }

  onFailed(id: Id, error: BridgeError): void {
    if (this.#state === 'opening' && this.#isOwn(id)) this.#answer.reject(error);
    else if (!this.#isOwn(id)) this.#home.onFailed(id, error);
  }

  onFlood(): void {
    this.#home.onFlood();
  }

  onEnd(end: UpstreamEnd): void {
    if (!this.#lease) return;
    const { maxLineBytes } = this.member.config;
    this.#lose(endError(end, maxLineBytes, this.#lease.upstream, this.#state === 'opening'));
  }

  /** The answer to the client's `initialize`, which the group has answered itself, is nobody's but ours. */
  #isOwn(id: Id): boolean {
    if (this.#state === 'opening') return id === this.#home.hello.request.id;
    return typeof id === 'string' && id.startsWith(ownPrefix);
  }

  async #open(): Promise<void> {
    try {
      const lease = await this.member.lease(this.#closing.signal, this.#home.client);
      this.#lease = lease;
      if (this.hasEnded) {
        await lease.release('never-used');
        return;
      }
      await this.#shakeHands(lease);
      this.#begin(lease);
    } catch (error) {
      this.#lose(error instanceof BridgeError ? error : new BridgeError('INTERNAL', 'Internal error'));
    }
  }

  async #shakeHands({ upstream }: ChannelLease): Promise<void> {
    const { hello, clock, visitor } = this.#home;
    if (visitor && upstream.enter) {
      upstream.attach(this);
      const { isAskable, logLevel } = visitor;
      await upstream.enter({ isAskable, logLevel, signal: this.#closing.signal });
      return;
    }
    const { startTimeoutMs } = this.member.config;
    upstream.send(hello.bytes, hello.request);
    upstream.attach(this);
    if (
      !(await settlesWithin(
        this.#answer.promise.catch(() => undefined),
        startTimeoutMs,
        clock,
      ))
    ) {
      throw timeoutError(true, startTimeoutMs, upstream);
    }
    const { isError } = await this.#answer.promise;
    if (!isError) return;
    throw new BridgeError('START_FAILED', 'Cannot start the server: it answered "initialize" with an error');
  }

  #begin(lease: ChannelLease): void {
    if (this.hasEnded) return;
    lease.prove();
    this.#state = 'open';
    this.#send(messageOf('{"jsonrpc":"2.0","method":"notifications/initialized"}'));
    if (this.#home.level !== undefined) this.tellLevel(this.#home.level);
    for (const message of this.#waiting.splice(0)) this.#send(message);
  }

  #send({ bytes, envelope }: Message): void {
    const { upstream } = this.#lease ?? {};
    if (!upstream) return;
    if (!upstream.isBusy) upstream.send(bytes, envelope);
    else if (envelope.kind === 'request') {
      const sentence = 'Cannot send to the server: it does not read its input';
      this.onFailed(envelope.id, new BridgeError('UPSTREAM_BUSY', sentence));
    }
  }

  #lose(error: BridgeError): void {
    if (this.#state === 'ended') return;
    const unsent = this.#waiting
      .splice(0)
      .flatMap(({ envelope }) => (envelope.kind === 'request' ? [envelope.id] : []));
    const reason = this.#state === 'opening' ? 'start-failed' : 'session-ended';
    this.#state = 'ended';
    this.#answer.reject(error);
    for (const id of unsent) this.#home.onFailed(id, error);
    this.#home.onLost(this, error);
    void this.#lease?.release(reason);
  }
}
