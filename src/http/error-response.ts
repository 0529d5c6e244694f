import type { ServerResponse } from 'node:http';
import { errorTable } from '../base/errors.ts';
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
  const { code } = describeError(error);
  const retryAfter = retryAfterMs(code);
  const body = errorMessage(error, idText);
  response.writeHead(errorTable[code].http, {
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    ...(retryAfter === undefined ? {} : { 'Retry-After': String(Math.ceil(retryAfter / 1000)) }),
    ...headers,
  });
  response.end(body);
}
