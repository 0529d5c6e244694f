import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Claim, Request } from '../jsonrpc/message.ts';
import type { RequestHeaders } from './header-value.ts';
import type { ModernReply } from './modern-reply.ts';

/** A request that says of itself what it needs. */
export type ClaimedRequest = Request & { readonly claim: Claim };

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
