import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Batch, Claim, Envelope, Request } from '../jsonrpc/message.ts';
import type { RequestHeaders } from './header-value.ts';
import type { ModernReply } from './modern-reply.ts';

/** A request that says of itself what it needs. */
export type ClaimedRequest = Request & { readonly claim: Claim };

/** Whether a message is a request that needs no session. */
export function isClaimed(message: Envelope | Batch): message is ClaimedRequest {
  return message.kind === 'request' && message.claim !== undefined;
}

/** One POST of 2026-07-28. */
export interface Incoming {
  readonly request: ClaimedRequest;
  readonly bytes: Bytes;
  readonly headers: RequestHeaders;
  readonly reply: ModernReply;
  /** Where it comes from: those who wait in line are served in turns. */
  readonly address: string;
  /** Who it is; what one was given is no good to another. */
  readonly principal: string;
}
