import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { ErrorData } from '../base/errors.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id } from '../jsonrpc/message.ts';
import { Health, type Pinged } from '../pool/health.ts';
import type { Lease } from '../pool/pool.ts';
import type { Upstream, UpstreamEnd } from '../upstream/upstream.ts';
import type { Channel, ChannelLease, ChannelReceiver } from './channel.ts';

/** A lease of a pool, as a session uses it. */
export function ownLease(
  lease: Omit<Lease, typeof Symbol.asyncDispose>,
  pingIntervalMs: number,
  clock: Clock,
): ChannelLease {
  return {
    upstream: new OwnChannel(lease.upstream, pingIntervalMs, clock),
    wasWarm: lease.wasWarm,
    prove: () => {
      lease.prove();
    },
    release: (reason) => lease.release(reason),
  };
}

/** An upstream that belongs to one session: everything passes as it is, but for the pings of Gangway's own. */
class OwnChannel implements Channel, Pinged {
  readonly name: string;
  readonly #upstream: Upstream;
  readonly #health: Health;
  /** Pings that have no answer yet. */
  readonly #pings = new Set<Id>();
  #receiver: ChannelReceiver | undefined;
  #messages = 0;
  /** Before the client has said so, nothing but it may speak to the server. */
  #isInitialized = false;

  constructor(upstream: Upstream, pingIntervalMs: number, clock: Clock) {
    this.name = upstream.name;
    this.#upstream = upstream;
    this.#health = new Health(this, pingIntervalMs, clock.now());
  }

  get messages(): number {
    return this.#messages;
  }

  get noiseLines(): number {
    return this.#upstream.noiseLines;
  }

  get isBusy(): boolean {
    return this.#upstream.isBusy;
  }

  attach(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
    this.#upstream.attach(this);
  }

  send(bytes: Bytes, message: Envelope): void {
    if (message.kind === 'notification') this.#look(message.method);
    this.#upstream.send(bytes);
  }

  pause(): void {
    this.#upstream.pause();
  }

  resume(): void {
    this.#upstream.resume();
  }

  isAlive(now: number, isIdle: boolean): boolean {
    return !this.#isInitialized || this.#health.check(now, isIdle);
  }

  describeExit(): ErrorData {
    return this.#upstream.describeExit();
  }

  ping(): void {
    // No client can have used it.
    const id = `gangway-ping-${randomUUID()}`;
    this.#pings.add(id);
    this.#upstream.send(Bytes.from(`{"jsonrpc":"2.0","id":"${id}","method":"ping"}`));
  }

  onMessage(message: Envelope, bytes: Bytes): void {
    this.#messages += 1;
    if (this.#pings.size > 0 && message.kind === 'response' && this.#pings.delete(message.id)) return;
    this.#receiver?.onMessage(message, bytes);
  }

  onGarbled(id: Id): void {
    this.#receiver?.onGarbled(id);
  }

  onEnd(end: UpstreamEnd): void {
    this.#receiver?.onEnd(end);
  }

  #look(method: string): void {
    if (method === 'notifications/initialized') this.#isInitialized = true;
    // Somebody has lost patience: perhaps it hangs.
    else if (method === 'notifications/cancelled') this.#health.suspect();
  }
}
