import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Notification, Request } from '../jsonrpc/message.ts';
import type { SharedClient, SharedUpstream } from './shared-upstream.ts';

/** A client's request that a shared upstream works on. */
export interface SharedCall {
  readonly client: SharedClient;
  readonly request: Request;
  /** The progress token as the client wrote it. */
  readonly tokenText: string | undefined;
}

/** What becomes of that which a shared upstream says by itself. */
export interface Asides {
  /** Whether nothing that it says now can be about a call that there was. */
  readonly isQuiet: boolean;
  /** A call was given up: the server may be at it for a while yet. */
  onGivenUp(call: SharedCall): void;
  /** @returns whether it could be told whose it is */
  onRequest(message: Request, bytes: Bytes): boolean;
  /** Anything but progress. @returns whether it could be told whose it is */
  onNotification(message: Notification, bytes: Bytes): boolean;
}

/** What the revisions of the protocol do in different ways on one channel that many share. */
export interface Wire {
  /** The question by which a server shows that it lives: any word of it is an answer. */
  readonly ping: { readonly method: string; readonly params: object };
  /** @param calls those under way, by their ids there */
  asides(shared: SharedUpstream, calls: Map<number, SharedCall>): Asides;
}
