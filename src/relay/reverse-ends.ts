import type { BridgeError } from '../base/errors.ts';
import type { Id } from '../jsonrpc/message.ts';
import type { Message } from './rewrite.ts';

/** The two ends between which a client of an older revision and a server of 2026-07-28 are brought together. */
export interface BothEnds {
  /** An id of Gangway's own, which neither of them can have used. */
  nextId(): string;
  toServer(message: Message): void;
  /** @param cause the client's request that it came about through */
  toClient(message: Message, cause?: Id): void;
  /** A request of the client gets no answer. @param wasSent whether the server may have seen it */
  fail(id: Id, error: BridgeError, wasSent: boolean): void;
}
