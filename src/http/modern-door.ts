import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkMirrors } from '../modern/headers.ts';
import type { ClaimedRequest } from '../modern/incoming.ts';
import { ModernReply } from '../modern/modern-reply.ts';
import type { ModernServers } from '../modern/modern-servers.ts';
import type { ModernServed } from '../modern/served.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Admission } from './admission.ts';
import { openOnCurrent, type Servers } from './current-server.ts';
import { HttpConnection, type KeepAlive } from './sse.ts';

interface Surroundings {
  readonly servers: Servers<ModernServed>;
  readonly modern: ModernServers;
  readonly keepAlive: KeepAlive;
  readonly admission: Admission;
}

/** One POST of 2026-07-28, for which no session is needed. */
export interface ModernPost {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly message: ClaimedRequest;
  readonly bytes: Bytes;
  /** Where it comes from. */
  readonly address: string;
}

/** Nobody is asked yet who they are: everybody is the same. */
const anybody = '';

/**
 * Serves a request that says of itself what it needs.
 *
 * @throws {BridgeError} nothing was sent: what `checkMirrors`, `Admission` and `ModernServers.take` throw
 * @see MCP 2026-07-28, Streamable HTTP
 */
export async function takeModern(post: ModernPost, server: ModernServed, around: Surroundings): Promise<void> {
  const { request, response, message, bytes, address } = post;
  const { servers, modern, keepAlive, admission } = around;
  checkMirrors(message, bytes, request);
  // A stream of changes stays for as long as a session may.
  if (message.method === 'subscriptions/listen') admission.session();
  admission.calls(1);
  const reply = new ModernReply(new HttpConnection(response, keepAlive, undefined));
  const incoming = { request: message, bytes, headers: request, reply, address, principal: anybody };
  await openOnCurrent(servers, server, (current) => modern.take(current, incoming));
}
