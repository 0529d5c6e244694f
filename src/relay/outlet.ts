import type { BridgeError } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id } from '../jsonrpc/message.ts';
import type { ChannelReceiver } from './channel.ts';

/** So much may be said to a client that does not read; what it shares cannot be slowed down for it alone. */
const maxFloodBytes = 4 * 1024 * 1024;

/** Where all goes that one client is told of a server that it shares with others. */
export class Outlet {
  #receiver: ChannelReceiver | undefined;
  #isPaused = false;
  #floodBytes = 0;

  attach(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
  }

  /** Nobody is told anything any more. */
  close(): void {
    this.#receiver = undefined;
  }

  pause(): void {
    this.#isPaused = true;
    this.#floodBytes = 0;
  }

  resume(): void {
    this.#isPaused = false;
  }

  /** @param cause the request that it can only have come from, when that is known */
  deliver(message: Envelope, bytes: Bytes, cause?: Id): void {
    const wasPaused = this.#isPaused;
    this.#receiver?.onMessage(message, bytes, cause);
    // What made it fall behind does not count: a large answer is no flood.
    if (!wasPaused) return;
    this.#floodBytes += bytes.length;
    if (this.#floodBytes <= maxFloodBytes) return;
    this.#floodBytes = 0;
    this.#receiver?.onFlood();
  }

  /** A request gets no answer. @param wasSent whether the server may have seen it */
  fail(id: Id, error: BridgeError, wasSent: boolean): void {
    this.#receiver?.onFailed(id, error, wasSent);
  }
}
