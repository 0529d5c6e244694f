import { randomUUID } from 'node:crypto';
import { BridgeError, type ErrorData } from '../base/errors.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Notification, Request, Response } from '../jsonrpc/message.ts';
import type { UpstreamEnd } from '../upstream/upstream.ts';
import type { Channel, ChannelLease, ChannelReceiver } from './channel.ts';
import { LegacyClient } from './legacy-client.ts';
import { LogLevels } from './log-levels.ts';
import { ReverseCalls } from './reverse-calls.ts';
import { legacyCapabilities, type Capabilities } from './reverse-capabilities.ts';
import type { BothEnds } from './reverse-ends.ts';
import { ReverseListening } from './reverse-listening.ts';
import { agreedRevision, revisions } from './revisions.ts';
import { messageOf, type Message } from './rewrite.ts';

/** What a server of 2026-07-28 says of itself. */
export interface ServerFacts {
  readonly capabilities: Capabilities;
  readonly instructions: string | undefined;
  readonly serverInfo: Readonly<Record<string, unknown>> | undefined;
}

interface Surroundings {
  /** What the server is called when it does not say so itself. */
  readonly name: string;
  /** @param signal nobody waits for it any more */
  readonly discover: (signal: AbortSignal) => Promise<ServerFacts>;
}

/**
 * The right to use a server that speaks only 2026-07-28, for a client that speaks only older revisions.
 *
 * @param lease of a channel that takes requests as 2026-07-28 has them, any number at once
 */
export function reverseLease(lease: ChannelLease, facts: Surroundings): ChannelLease {
  const channel = new ReverseChannel(lease.upstream, facts);
  return {
    upstream: channel,
    wasWarm: lease.wasWarm,
    prove: () => {
      lease.prove();
    },
    release: (reason) => {
      channel.close();
      return lease.release(reason);
    },
  };
}

/** Ids of Gangway's own begin with this: no client can have used it. */
const ownPrefix = `gangway-reverse-${randomUUID()}-`;

/** A session on a server that knows none. */
class ReverseChannel implements Channel, ChannelReceiver, BothEnds {
  readonly #channel: Channel;
  readonly #facts: Surroundings;
  readonly #client = new LegacyClient();
  readonly #calls = new ReverseCalls(this.#client, this);
  readonly #listening = new ReverseListening(this.#client, this);
  /** Aborted when the session is over. */
  readonly #closing = new AbortController();
  #receiver: ChannelReceiver | undefined;
  #lastId = 0;

  constructor(channel: Channel, facts: Surroundings) {
    this.#channel = channel;
    this.#facts = facts;
  }

  get name(): string {
    return this.#channel.name;
  }

  get noiseLines(): number {
    return this.#channel.noiseLines;
  }

  get isBusy(): boolean {
    return this.#channel.isBusy;
  }

  attach(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
    this.#channel.attach(this);
  }

  send(bytes: Bytes, message: Envelope): void {
    if (message.kind === 'request') this.#request(message, bytes);
    else if (message.kind === 'notification') this.#notify(message, bytes);
    else if (message.kind === 'response') this.#calls.answer(message, bytes);
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  isAlive(now: number, isIdle: boolean): boolean {
    return this.#channel.isAlive(now, isIdle);
  }

  uses(server: ServerConfig): boolean {
    return this.#channel.uses?.(server) === true;
  }

  describeExit(): ErrorData {
    return this.#channel.describeExit();
  }

  /** The session is over. */
  close(): void {
    this.#closing.abort();
    this.#calls.clear();
    this.#receiver = undefined;
  }

  onMessage(message: Envelope, bytes: Bytes, cause?: Id): void {
    // A server of this revision asks nothing, and an answer would be forbidden too.
    if (message.kind === 'request') return;
    const isTaken = message.kind === 'response' ? this.#onResponse(message, bytes) : this.#onNotice(message, bytes);
    if (isTaken || isLate(message)) return;
    this.toClient({ bytes, envelope: message }, cause === undefined ? undefined : (this.#calls.idOf(cause) ?? cause));
  }

  onGarbled(id: Id): void {
    const garbled = new BridgeError('UPSTREAM_GARBLED', 'Cannot subscribe: the server’s answer is no valid JSON-RPC');
    if (!this.#listening.onFailed(id, garbled)) this.#receiver?.onGarbled(this.#calls.lose(id)?.id ?? id);
  }

  onFailed(id: Id, error: BridgeError, wasSent: boolean): void {
    if (this.#listening.onFailed(id, error)) return;
    const lost = this.#calls.lose(id);
    this.fail(lost?.id ?? id, error, wasSent || lost?.wasSent === true);
  }

  onFlood(): void {
    this.#receiver?.onFlood();
  }

  onEnd(end: UpstreamEnd): void {
    this.#calls.clear();
    this.#receiver?.onEnd(end);
  }

  nextId(): string {
    this.#lastId += 1;
    return `${ownPrefix}${this.#lastId}`;
  }

  toServer({ bytes, envelope }: Message): void {
    if (!this.#closing.signal.aborted) this.#channel.send(bytes, envelope);
  }

  toClient({ bytes, envelope }: Message, cause?: Id): void {
    this.#receiver?.onMessage(envelope, bytes, cause);
  }

  fail(id: Id, error: BridgeError, wasSent: boolean): void {
    this.#receiver?.onFailed(id, error, wasSent);
  }

  #onResponse(response: Response, bytes: Bytes): boolean {
    return this.#calls.onResponse(response, bytes) || this.#listening.onResponse(response, bytes);
  }

  #onNotice(message: Envelope, bytes: Bytes): boolean {
    return message.kind === 'notification' && this.#listening.onNotification(message, bytes);
  }

  #request(request: Request, bytes: Bytes): void {
    switch (request.method) {
      case 'initialize':
        void this.#initialize(request, bytes);
        return;
      case 'ping':
        this.#answer(request, {});
        return;
      case 'logging/setLevel':
        this.#setLevel(request);
        return;
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        this.#listening.change(request);
        return;
      default:
        this.#calls.send(request, bytes);
    }
  }

  /** The others that a client can send are of no use on this revision. */
  #notify(notification: Notification, bytes: Bytes): void {
    if (notification.method === 'notifications/initialized') this.#listening.open();
    if (notification.method !== 'notifications/cancelled') return;
    this.#listening.forget(notification.requestId);
    this.#calls.cancel(notification, bytes);
  }

  async #initialize(request: Request, bytes: Bytes): Promise<void> {
    const asked = this.#client.learn(bytes);
    const { name, discover } = this.#facts;
    try {
      const { capabilities, instructions, serverInfo } = await discover(this.#closing.signal);
      this.#listening.learn(capabilities);
      this.#answer(request, {
        protocolVersion: agreedRevision(asked, revisions[0]),
        capabilities: legacyCapabilities(capabilities),
        serverInfo: { name, version: 'unknown', ...serverInfo },
        instructions,
      });
    } catch (error) {
      const known = error instanceof BridgeError ? error : new BridgeError('INTERNAL', 'Internal error');
      this.fail(request.id, known, false);
    }
  }

  #setLevel(request: Request): void {
    if (LogLevels.has(request.level)) {
      this.#client.setLevel(request.level);
      this.#answer(request, {});
      return;
    }
    const error = { code: -32_602, message: 'Invalid params: wanted "level" to be a level of logging' };
    this.toClient(messageOf(`{"jsonrpc":"2.0","id":${request.idText},"error":${JSON.stringify(error)}}`));
  }

  #answer({ idText }: Request, result: object): void {
    this.toClient(messageOf(`{"jsonrpc":"2.0","id":${idText},"result":${JSON.stringify(result)}}`));
  }
}

/** Whether it belongs to a request of Gangway's own that was given up. */
function isLate(message: Envelope): boolean {
  const id = message.kind === 'response' ? message.id : message.kind === 'notification' && message.subscriptionId;
  return typeof id === 'string' && id.startsWith(ownPrefix);
}
