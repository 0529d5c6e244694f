import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorTable } from '../base/error-table.ts';
import { describeError, errorMessage, retryAfterMs } from '../jsonrpc/error-message.ts';

/**
 * The one place where an error becomes a response: the status of the error table and a JSON-RPC body.
 *
 * @param idText the caller's id as it was written, when it is known
 * @param headers what else belongs to this refusal, such as `Allow`
 */
export function sendError(
  response: ServerResponse,
  error: unknown,
  idText = 'null',
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const described = describeError(error);
  const retryAfter = retryAfterMs(described);
  const body = errorMessage(error, idText);
  response.writeHead(errorTable[described.code].http, {
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    ...(retryAfter === undefined ? {} : { 'Retry-After': String(Math.ceil(retryAfter / 1000)) }),
    ...headers,
  });
  response.end(body);
}

/** After a refusal, a client may still be sending for this long; then the connection is cut. */
export const lingerMs = 1000;
/** So much of what it sends is thrown away; after that it has to wait. */
const lingerBytes = 1024 * 1024;

/**
 * Refuses a request that may not have been read to its end, and then ends its connection. What still comes is thrown
 * away, for a moment: closing at once would reset the connection, and the client would never see why.
 */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  idText = 'null',
  headers: Readonly<Record<string, string>> = {},
): void {
  refuseWith(request, response, () => {
    sendError(response, error, idText, headers);
  });
}

/** The same with another form of the error. @param send writes the whole response, unless it has begun */
export function refuseWith(request: IncomingMessage, response: ServerResponse, send: () => void): void {
  const isRead = request.complete || !hasBody(request);
  if (!isRead && !response.headersSent) {
    // With `Connection: close`, whoever wants it, Node closes as soon as the response is written.
    response.removeHeader('Connection');
    response.shouldKeepAlive = true;
  }
  send();
  if (isRead) return;
  const { socket } = request;
  const cut = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => {
    clearTimeout(cut);
  });
  request.once('end', () => {
    if (response.writableFinished) socket.end();
    else response.once('finish', () => socket.end());
  });
  let thrownAway = 0;
  request.on('data', (chunk: Buffer) => {
    thrownAway += chunk.length;
    if (thrownAway > lingerBytes) request.pause();
  });
  request.resume();
}

/** Whether a request says that it has a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const { 'transfer-encoding': encoding, 'content-length': length = '0' } = headers;
  return encoding !== undefined || Number(length) > 0;
}
