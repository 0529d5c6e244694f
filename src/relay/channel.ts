import type { BridgeError, ErrorData } from '../base/errors.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id } from '../jsonrpc/message.ts';
import type { RetireReason } from '../pool/slot.ts';
import type { Handshake } from '../upstream/handshake.ts';
import type { Receiver } from '../upstream/upstream.ts';

/** Who listens to a channel: its one session. */
export interface ChannelReceiver extends Receiver {
  /** @param cause the request that it can only have come from, when that is known */
  onMessage(envelope: Envelope, bytes: Bytes, cause?: Id): void;
  /** A request gets no answer. @param wasSent whether the server may have seen it */
  onFailed(id: Id, error: BridgeError, wasSent: boolean): void;
  /** Much was said since `pause`, and it cannot be stopped: whoever does not read has to be cut off. */
  onFlood(): void;
}

/** Who comes for one request only. */
export interface Visitor {
  /** Whether it can be asked anything. */
  readonly isAskable: boolean;
  /** The least grave that it wants to be logged; undefined for nothing. */
  readonly logLevel: string | undefined;
  readonly signal: AbortSignal;
}

/** What a session talks to: an upstream of its own, or its share of several. */
export interface Channel {
  /** What the log calls it. */
  readonly name: string;
  readonly noiseLines: number;
  /** Whether much of what was sent waits to be read: whoever has a choice sends no more. */
  readonly isBusy: boolean;
  /** Gives all that the server says to one receiver. */
  attach(receiver: ChannelReceiver): void;
  /** Sends one message. @param bytes one JSON text without a line break, `message` as the relay sees it */
  send(bytes: Bytes, message: Envelope): void;
  /** The client is behind: the server should slow down, if it is this client's alone. */
  pause(): void;
  resume(): void;
  /** @param isIdle whether it has no request to work on. @returns false when the server has shown that it is dead */
  isAlive(now: number, isIdle: boolean): boolean;
  /**
   * For one request of 2026-07-28: makes an `initialize` unnecessary, where the server is initialised for all already.
   *
   * @returns what the server said to Gangway's
   * @throws {BridgeError} why there is no server
   */
  readonly enter?: ((visitor: Visitor) => Handshake | Promise<Handshake>) | undefined;
  /** Says before `initialize` that it is for one request of 2026-07-28, where only what is behind it can `enter`. */
  announce?(visitor: Visitor): void;
  /** Its request waits for its client: what it shares may be used by others now. */
  rest?(): void;
  /** Its request goes on. Resolves when what the server says then can only be about this one. */
  wake?(): Promise<void>;
  /** Whether it has something of a server other than the one that it was leased from. */
  uses?(server: ServerConfig): boolean;
  /** Facts for an error text. */
  describeExit(): ErrorData;
}

/** The right to use a channel, until it is released. */
export interface ChannelLease {
  readonly upstream: Channel;
  /** Whether it was there already, or had to be started for this lease. */
  readonly wasWarm: boolean;
  /** The server answered `initialize`: whatever becomes of it now is its client's business. */
  prove(): void;
  release(reason: RetireReason): Promise<void>;
}
