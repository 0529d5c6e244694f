import { Bytes } from '../jsonrpc/bytes.ts';
import type { Span } from '../jsonrpc/splice.ts';

/** A notification that cancels a request, and where that one's id stands in it. */
export interface CancelNotice {
  readonly bytes: Bytes;
  readonly span: Span;
}

/** Tells a server that nobody waits for an answer any more. @see MCP 2025-11-25, Cancellation */
export function cancelNotice(idText: string): CancelNotice {
  const head = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":';
  const end = Buffer.byteLength(head) + Buffer.byteLength(idText);
  return {
    bytes: Bytes.from(`${head}${idText},"reason":"the client is gone"}}`),
    span: [Buffer.byteLength(head), end],
  };
}
