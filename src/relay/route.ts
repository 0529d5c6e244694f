import type { Envelope, Id, Notification, Request } from '../jsonrpc/message.ts';
import type { Exchange } from './exchange.ts';

/** What is under way in a session, as the routing needs it. */
export interface InFlight {
  byId(id: Id): Exchange | undefined;
  byToken(token: Id): Exchange | undefined;
  /** The request that waits for the result of a task. */
  byTask(taskId: string): Exchange | undefined;
  /** Whether a request with this progress token made a task, which may report progress after that request's answer. */
  isTaskToken(token: Id): boolean;
  /** The exchange that began last and whose client listens right now. */
  newestConnected(): Exchange | undefined;
  /** The exchange that began last and whose client may come back. */
  newestOpen(): Exchange | undefined;
}

export type Destination =
  | { readonly to: 'answer'; readonly exchange: Exchange }
  | { readonly to: 'stream'; readonly exchange: Exchange }
  | { readonly to: 'get' }
  | { readonly to: 'nobody'; readonly why: 'unknown-id' | 'unknown-token' };

/**
 * Which one stream a message of the server belongs to; never two.
 *
 * A response goes to the request of its id and progress to the one of its token; what belongs to a task, to the request
 * that waits for that task. Changes of lists and resources concern the session as a whole: GET. Anything else (a log
 * line, sampling, elicitation) can only have come about through something that is under way: the newest request whose
 * client listens, else GET; and when nobody listens at all, the newest whose client may come back.
 *
 * @param hasGet whether a GET stream is open
 * @param cause the request that it can only have come about through, when that is known
 * @see MCP 2025-11-25, Transports, "Sending Messages to the Server" and "Listening for Messages from the Server"
 */
export function route(message: Envelope, inFlight: InFlight, hasGet: boolean, cause?: Id): Destination {
  if (message.kind === 'response') {
    const exchange = inFlight.byId(message.id);
    return exchange ? { to: 'answer', exchange } : { to: 'nobody', why: 'unknown-id' };
  }
  if (message.kind === 'stray-error') return { to: 'nobody', why: 'unknown-id' };
  if (message.kind === 'notification' && message.method === 'notifications/progress') {
    return routeProgress(message, inFlight);
  }
  if (message.relatedTask !== undefined) return streamOrGet(inFlight.byTask(message.relatedTask));
  return concernsSession(message) ? { to: 'get' } : routeAside(inFlight, hasGet, cause);
}

function routeAside(inFlight: InFlight, hasGet: boolean, cause: Id | undefined): Destination {
  const causing = cause === undefined ? undefined : inFlight.byId(cause);
  if (causing?.reply.isConnected === true) return { to: 'stream', exchange: causing };
  return streamOrGet(inFlight.newestConnected() ?? (hasGet ? undefined : inFlight.newestOpen()));
}

function streamOrGet(exchange: Exchange | undefined): Destination {
  return exchange ? { to: 'stream', exchange } : { to: 'get' };
}

function routeProgress({ progressToken, relatedTask }: Notification, inFlight: InFlight): Destination {
  const exchange = progressToken === undefined ? undefined : inFlight.byToken(progressToken);
  if (exchange) return { to: 'stream', exchange };
  const isOfTask = relatedTask !== undefined || (progressToken !== undefined && inFlight.isTaskToken(progressToken));
  if (!isOfTask) return { to: 'nobody', why: 'unknown-token' };
  return streamOrGet(relatedTask === undefined ? undefined : inFlight.byTask(relatedTask));
}

function concernsSession({ kind, method }: Notification | Request): boolean {
  if (kind === 'request') return false;
  return (
    method.endsWith('/list_changed') ||
    method === 'notifications/resources/updated' ||
    method === 'notifications/tasks/status'
  );
}
