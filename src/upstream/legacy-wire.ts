import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import { errorMessage } from '../jsonrpc/error-message.ts';
import type { Notification, Request } from '../jsonrpc/message.ts';
import type { Asides, SharedCall, SharedClient, SharedUpstream, Wire } from './shared-upstream.ts';

/** A client of one request only is another one each time: all that it had would be kept with it. */
const maxRemembered = 100;

const resourceUpdated = 'notifications/resources/updated';

interface Surroundings {
  /** No call is worked on for longer than this, in milliseconds. */
  readonly maxCallTimeMs: number;
  readonly clock: Clock;
  /** What the server says to all of its clients, or takes back of what it has asked one of them. */
  readonly onBroadcast: (notification: Notification, bytes: Bytes, from: SharedUpstream) => void;
  /** It asked something that any of several calls may be behind; it was refused. */
  readonly onAmbiguous?: (calls: readonly Request[]) => void;
}

/** How servers of the revisions before 2026-07-28 speak: they ask, and tell everybody. */
export function legacyWire(around: Surroundings): Wire {
  return {
    ping: { method: 'ping', params: {} },
    asides: (shared, calls) => new LegacyAsides(shared, calls, around),
  };
}

class LegacyAsides implements Asides {
  readonly #shared: SharedUpstream;
  readonly #calls: ReadonlyMap<number, SharedCall>;
  readonly #around: Surroundings;
  /** Clients that gave calls up, and until when the server may still be at these: the oldest first. */
  readonly #gaveUp = new Map<SharedClient, number>();
  /** The same of all that are not remembered any more, whoever they are. */
  #othersUntil = -Infinity;

  constructor(shared: SharedUpstream, calls: ReadonlyMap<number, SharedCall>, around: Surroundings) {
    this.#shared = shared;
    this.#calls = calls;
    this.#around = around;
  }

  get isQuiet(): boolean {
    return this.#calls.size === 0 && !this.#isLeftOver();
  }

  onGivenUp({ client }: SharedCall): void {
    const now = this.#around.clock.now();
    this.#gaveUp.delete(client);
    this.#gaveUp.set(client, now + this.#around.maxCallTimeMs);
    for (const [oldest, until] of this.#gaveUp) {
      if (until > now && this.#gaveUp.size <= maxRemembered) return;
      this.#othersUntil = until;
      this.#gaveUp.delete(oldest);
    }
  }

  /** A question to a client: whom it is for can only be told when all calls that it can be about are of one. */
  onRequest(message: Request, bytes: Bytes): boolean {
    if (message.method === 'ping') {
      this.#shared.send(Bytes.from(`{"jsonrpc":"2.0","id":${message.idText},"result":{}}`));
      return true;
    }
    const only = this.#onlyClient();
    if (only) {
      only.client.onAside(message, bytes, this.#shared, only.request.id);
      return true;
    }
    this.#around.onAmbiguous?.([...this.#calls.values()].map(({ request }) => request));
    const why = this.#calls.size === 0 ? 'none has a call under way' : 'several have calls under way';
    const sentence = `Cannot ask a client: ${why} on this shared server; wanted sharing: session`;
    this.#shared.send(Bytes.of(errorMessage(new BridgeError('NOT_SHARED', sentence), message.idText)));
    return true;
  }

  onNotification(message: Notification, bytes: Bytes): boolean {
    const { onBroadcast } = this.#around;
    if (message.method === 'notifications/cancelled') {
      onBroadcast(message, bytes, this.#shared);
      return true;
    }
    if (isForAll(message)) {
      onBroadcast(message, forAll(message), this.#shared);
      return true;
    }
    const only = this.#onlyClient();
    only?.client.onAside(message, bytes, this.#shared, only.request.id);
    return only !== undefined;
  }

  /** The client that has all the calls under way here, with the newest of them. */
  #onlyClient(): SharedCall | undefined {
    let newest: SharedCall | undefined;
    for (const call of this.#calls.values()) {
      if (newest && newest.client !== call.client) return undefined;
      newest = call;
    }
    return this.#isLeftOver(newest?.client) ? undefined : newest;
  }

  /** Whether it may still be at what other clients gave up. */
  #isLeftOver(except?: SharedClient): boolean {
    const now = this.#around.clock.now();
    if (this.#othersUntil > now) return true;
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
