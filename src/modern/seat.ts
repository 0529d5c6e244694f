import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import type { BridgeError } from '../base/errors.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Response } from '../jsonrpc/message.ts';
import type { RetireReason } from '../pool/slot.ts';
import type { Channel, ChannelLease, ChannelReceiver } from '../relay/channel.ts';
import { messageOf } from '../relay/rewrite.ts';
import { endError, garbledAnswer, timeoutError } from '../upstream/end-error.ts';
import type { UpstreamEnd } from '../upstream/upstream.ts';

/** The answer to a request of Gangway's own. */
export interface SeatAnswer {
  readonly message: Response;
  readonly bytes: Bytes;
}

interface Surroundings {
  readonly config: Pick<ServerConfig, 'startTimeoutMs' | 'maxLineBytes'>;
  readonly clock: Clock;
}

/** Ids of requests of Gangway's own begin with this: no client can have used it. */
const ownPrefix = `gangway-seat-${randomUUID()}-`;

/**
 * A channel that was leased for one request of a client: Gangway can ask something of its own on it before, everything
 * else goes to who holds the seat.
 */
export class Seat implements ChannelReceiver {
  readonly channel: Channel;
  readonly #lease: ChannelLease;
  readonly #around: Surroundings;
  /** Requests of Gangway's own; there are some when it asked anything. */
  #own: Map<Id, Deferred<SeatAnswer>> | undefined;
  #holder: ChannelReceiver | undefined;
  #isAttached = false;
  #end: BridgeError | undefined;
  #lastId = 0;
  #released: Promise<void> | undefined;

  constructor(lease: ChannelLease, around: Surroundings) {
    this.channel = lease.upstream;
    this.#lease = lease;
    this.#around = around;
  }

  /** Gives all that the server says to one receiver. */
  attach(holder: ChannelReceiver): void {
    this.#holder = holder;
    if (this.#end) holder.onEnd({ reason: 'exited', exit: undefined });
    else this.#listen();
  }

  /**
   * Asks the server something.
   *
   * @param limitMs how long the answer may take, in milliseconds
   * @throws {BridgeError} `CALL_TIMEOUT` (of `initialize`: `READY_TIMEOUT`), `START_FAILED`, `UPSTREAM_EXITED`,
   *   `UPSTREAM_GARBLED`, and what leasing a place throws
   */
  async ask(method: string, params: object, limitMs: number): Promise<SeatAnswer> {
    if (this.#end) throw this.#end;
    this.#lastId += 1;
    const id = `${ownPrefix}${this.#lastId}`;
    const answer = deferred<SeatAnswer>();
    // Whoever asks may have stopped to wait.
    answer.promise.catch(() => undefined);
    this.#own ??= new Map();
    this.#own.set(id, answer);
    this.#post({ jsonrpc: '2.0', id, method, params });
    this.#listen();
    const isStart = method === 'initialize';
    try {
      return await withDeadline(answer.promise, limitMs, this.#around.clock, () =>
        timeoutError(isStart, limitMs, this.channel),
      );
    } finally {
      this.#own.delete(id);
    }
  }

  /** Says something that has no answer. */
  notify(method: string, params: object = {}): void {
    this.#post({ jsonrpc: '2.0', method, params });
  }

  /** The server showed that it works: whatever becomes of it now is its client's business. */
  prove(): void {
    this.#lease.prove();
  }

  /** Gives the channel back; any number of times. */
  release(reason: RetireReason = 'session-ended'): Promise<void> {
    this.#released ??= this.#lease.release(reason);
    return this.#released;
  }

  onMessage(message: Envelope, bytes: Bytes, cause?: Id): void {
    const own = message.kind === 'response' ? this.#own?.get(message.id) : undefined;
    if (own && message.kind === 'response') own.resolve({ message, bytes: bytes.kept() });
    else this.#holder?.onMessage(message, bytes, cause);
  }

  onGarbled(id: Id): void {
    if (!this.#failOwn(id, garbledAnswer())) this.#holder?.onGarbled(id);
  }

  onFailed(id: Id, error: BridgeError, wasSent: boolean): void {
    if (!this.#failOwn(id, error)) this.#holder?.onFailed(id, error, wasSent);
  }

  onFlood(): void {
    this.#holder?.onFlood();
  }

  onEnd(end: UpstreamEnd): void {
    this.#end = endError(end, this.#around.config.maxLineBytes, this.channel, this.#holder === undefined);
    for (const id of [...(this.#own?.keys() ?? [])]) this.#failOwn(id, this.#end);
    this.#holder?.onEnd(end);
  }

  #listen(): void {
    if (this.#isAttached) return;
    this.#isAttached = true;
    this.channel.attach(this);
  }

  #failOwn(id: Id, error: BridgeError): boolean {
    const own = this.#own?.get(id);
    own?.reject(error);
    return own !== undefined;
  }

  #post(value: object): void {
    const { bytes, envelope } = messageOf(JSON.stringify(value));
    this.channel.send(bytes, envelope);
  }
}
