import type { ServerResponse } from 'node:http';
import { errorTable, type ErrorCode } from '../base/error-table.ts';
import { describeError, retryAfterMs } from '../jsonrpc/error-message.ts';
import { objectText } from '../jsonrpc/raw-json.ts';
import { cutStalled } from './sse.ts';

/** What belongs to one refusal. */
export interface ProblemParts {
  /** Such as `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Members besides the usual ones; one may be a `RawJson`. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/**
 * Answers plain REST with an error of the error table.
 *
 * @param path of the request
 * @see RFC 9457
 */
export function sendProblem(response: ServerResponse, error: unknown, path: string, parts: ProblemParts = {}): void {
  if (response.headersSent || response.destroyed) return;
  const described = describeError(error);
  const { code, message: detail, data } = described;
  const { http: status, retry: retryable } = errorTable[code];
  const waitMs = retryAfterMs(described);
  const body = Buffer.from(
    objectText({
      ...{ type: typeOf(code), title: titleOf(code), status, detail, instance: path },
      ...data,
      ...{ code, retryable, retryAfterMs: waitMs },
      ...parts.members,
    }),
  );
  response.writeHead(status, {
    'Content-Type': 'application/problem+json',
    'Content-Length': body.length,
    ...(waitMs === undefined ? {} : { 'Retry-After': String(Math.ceil(waitMs / 1000)) }),
    ...parts.headers,
  });
  response.end(body);
  cutStalled(response);
}

/** The heading in docs/errors.md. It names the kind, wherever that page is to be read. */
function typeOf(code: ErrorCode): string {
  return `urn:gangway:docs:errors#${code.toLowerCase()}`;
}

function titleOf(code: ErrorCode): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
}
