import type { Clock } from '../base/clock.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Id, Notification } from '../jsonrpc/message.ts';
import { splice } from '../jsonrpc/splice.ts';
import { discoverQuestion } from './discovery.ts';
import { isListening } from './restored.ts';
import type { Asides, SharedCall, SharedUpstream, Wire } from './shared-upstream.ts';

interface Surroundings {
  /** No call is worked on for longer than this, in milliseconds. */
  readonly maxCallTimeMs: number;
  readonly clock: Clock;
}

/**
 * How servers of revision 2026-07-28 speak: they ask nothing, and what they tell belongs to a subscription or a call.
 *
 * @see MCP 2026-07-28, stdio, "Receiving Messages"
 */
export function modernWire(around: Surroundings): Wire {
  return { ping: discoverQuestion, asides: (shared, calls) => new ModernAsides(shared, calls, around) };
}

class ModernAsides implements Asides {
  /** Whatever it says names what it is about, but for logs. */
  readonly isQuiet = true;
  readonly #shared: SharedUpstream;
  readonly #calls: Map<number, SharedCall>;
  readonly #around: Surroundings;
  /** Until when the server may be at a call that was given up and had asked for what is logged. */
  #isLoggedUntil = -Infinity;

  constructor(shared: SharedUpstream, calls: Map<number, SharedCall>, around: Surroundings) {
    this.#shared = shared;
    this.#calls = calls;
    this.#around = around;
  }

  onGivenUp(call: SharedCall): void {
    const { clock, maxCallTimeMs } = this.#around;
    if (wantsLogs(call)) this.#isLoggedUntil = clock.now() + maxCallTimeMs;
  }

  /** Forbidden on this revision. An answer would be forbidden too. */
  onRequest(): boolean {
    return false;
  }

  onNotification(message: Notification, bytes: Bytes): boolean {
    if (message.method === 'notifications/cancelled') return this.#onTornDown(message, bytes);
    if (message.subscriptionId !== undefined) return this.#onSubscribed(message, bytes);
    return message.method === 'notifications/message' && this.#onLogged(message, bytes);
  }

  /** The server ends a subscription: the one thing that it may cancel. */
  #onTornDown(message: Notification, bytes: Bytes): boolean {
    const call = this.#listening(message.requestId);
    const { requestId: span } = message.spans;
    if (!call || !span) return false;
    this.#calls.delete(Number(message.requestId));
    const { id, idText } = call.request;
    call.client.onMessage({ ...message, requestId: id }, splice(bytes, [{ span, text: idText }]));
    return true;
  }

  #onSubscribed(message: Notification, bytes: Bytes): boolean {
    const call = this.#listening(message.subscriptionId);
    const { subscriptionId: span } = message.spans;
    if (!call || !span) return false;
    const { id, idText } = call.request;
    call.client.onMessage({ ...message, subscriptionId: id }, splice(bytes, [{ span, text: idText }]));
    return true;
  }

  /** A log line names no call: whose it is can only be told when one call alone has asked for such. */
  #onLogged(message: Notification, bytes: Bytes): boolean {
    if (this.#isLoggedUntil > this.#around.clock.now()) return false;
    const [only, ...others] = [...this.#calls.values()].filter(wantsLogs);
    if (!only || others.length > 0) return false;
    only.client.onAside(message, bytes, this.#shared, only.request.id);
    return true;
  }

  #listening(id: Id | undefined): SharedCall | undefined {
    const call = typeof id === 'number' ? this.#calls.get(id) : undefined;
    return call && isListening(call.request) ? call : undefined;
  }
}

/** What a subscription is told carries its id. */
function wantsLogs({ request }: SharedCall): boolean {
  return request.claim?.logLevel !== undefined && !isListening(request);
}
