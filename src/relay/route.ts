import { idKey, type Envelope } from '../jsonrpc/message.ts';
import type { Exchange } from './exchange.ts';

/** What is under way in a session, as the routing needs it. */
export interface InFlight {
  byId(key: string): Exchange | undefined;
  byToken(key: string): Exchange | undefined;
  /** The exchange that began last. */
  newest(): Exchange | undefined;
}

export type Destination =
  | { readonly to: 'answer'; readonly exchange: Exchange }
  | { readonly to: 'stream'; readonly exchange: Exchange }
  | { readonly to: 'get' }
  | { readonly to: 'nobody'; readonly why: 'unknown-id' | 'unknown-token' };

/**
 * Which one stream a message of the server belongs to; never two.
 *
 * A response goes to the request of its id and progress to the one of its token. Changes of lists and resources
 * concern the session as a whole: GET. Anything else (a log line, sampling, elicitation) can only have come about
 * through something that is under way: the newest request, or GET when there is none.
 *
 * @see MCP 2025-11-25, Transports, "Sending Messages to the Server" and "Listening for Messages from the Server"
 */
export function route(message: Envelope, inFlight: InFlight): Destination {
  if (message.kind === 'response') {
    const exchange = inFlight.byId(idKey(message.id));
    return exchange ? { to: 'answer', exchange } : { to: 'nobody', why: 'unknown-id' };
  }
  if (message.kind === 'stray-error') return { to: 'nobody', why: 'unknown-id' };
  if (message.kind === 'notification') {
    if (message.method === 'notifications/progress') return routeProgress(message.params, inFlight);
    if (concernsSession(message.method)) return { to: 'get' };
  }
  const newest = inFlight.newest();
  return newest ? { to: 'stream', exchange: newest } : { to: 'get' };
}

function routeProgress(params: Readonly<Record<string, unknown>> | undefined, inFlight: InFlight): Destination {
  const token = params?.['progressToken'];
  const isToken = typeof token === 'string' || typeof token === 'number';
  const exchange = isToken ? inFlight.byToken(idKey(token)) : undefined;
  return exchange ? { to: 'stream', exchange } : { to: 'nobody', why: 'unknown-token' };
}

function concernsSession(method: string): boolean {
  return method.endsWith('/list_changed') || method === 'notifications/resources/updated';
}
