import type { Clock } from '../base/clock.ts';
import { codeOf, messageOf } from '../base/errors.ts';
import { formatDuration, formatSize } from '../config/units.ts';
import { CallFault } from './fault.ts';
import { isWithin, type AppRequest } from './request.ts';

/** What an app answered, whatever its status. */
export interface AppAnswer {
  readonly status: number;
  /** As the app wrote it; "" for none. */
  readonly mediaType: string;
  readonly body: Buffer;
  /** Whether there was more. */
  readonly isCut: boolean;
}

export interface ExchangeLimits {
  /** No request goes anywhere else, redirects included. */
  readonly base: URL;
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

const maxRedirects = 5;
/** Of an answer that says what went wrong. */
const maxErrorBytes = 16 * 1024;

/**
 * Sends one request and reads its answer.
 *
 * @param signal gives it up
 * @throws {CallFault} when there is no answer: in words that a model understands
 */
export async function exchange(
  request: AppRequest,
  limits: ExchangeLimits,
  signal: AbortSignal,
  clock: Clock,
): Promise<AppAnswer> {
  const late = new CallFault(`The app did not answer within ${formatDuration(limits.timeoutMs)}`);
  const ending = new AbortController();
  const stopWaiting = clock.after(limits.timeoutMs, () => {
    ending.abort(late);
  });
  const giveUp = (): void => {
    ending.abort(signal.reason);
  };
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await read(await follow(request, limits, ending.signal), limits);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (ending.signal.aborted) throw late;
    throw error instanceof CallFault ? error : new CallFault(describe(error));
  } finally {
    stopWaiting();
    signal.removeEventListener('abort', giveUp);
    // What was not read is not wanted.
    ending.abort(late);
  }
}

async function follow(first: AppRequest, { base }: ExchangeLimits, signal: AbortSignal): Promise<Response> {
  let request = first;
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const { url, method, headers, body = null } = request;
    const response = await fetch(url, { method, headers, body, redirect: 'manual', signal });
    const location = response.headers.get('location');
    if (!isRedirect(response.status) || location === null) return response;
    void response.body?.cancel().catch(ignore);
    request = redirected(request, response.status, location, base);
  }
  throw new CallFault(`The app redirects in a circle, or more than ${maxRedirects} times`);
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** @see Fetch Standard, "HTTP-redirect fetch" */
function redirected(request: AppRequest, status: number, location: string, base: URL): AppRequest {
  const url = URL.canParse(location, request.url.href) ? new URL(location, request.url) : undefined;
  if (!url || !isWithin(url, base)) {
    const where = url ? ` (${url.origin})` : '';
    throw new CallFault(`The app redirects to another address${where}: it is not followed`);
  }
  // A user in an address would be sent, or shown.
  [url.username, url.password] = ['', ''];
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (isRead || status === 307 || status === 308) return { ...request, url };
  const headers = Object.entries(request.headers).filter(([name]) => name !== 'content-type');
  return { ...request, url, headers: Object.fromEntries(headers), method: 'GET', body: undefined };
}

async function read(response: Response, { maxAnswerBytes }: ExchangeLimits): Promise<AppAnswer> {
  const { status, headers } = response;
  const isError = status >= 300;
  const limit = isError ? Math.min(maxErrorBytes, maxAnswerBytes) : maxAnswerBytes;
  const { body, isCut } = await readBody(response, limit);
  if (isCut && !isError) {
    throw new CallFault(
      `The app’s answer is larger than ${formatSize(maxAnswerBytes)} (maxAnswerBytes): it was not read`,
    );
  }
  return { status, mediaType: headers.get('content-type') ?? '', body, isCut };
}

async function readBody({ body }: Response, limit: number): Promise<{ body: Buffer; isCut: boolean }> {
  const parts: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop ends the connection.
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    parts.push(part);
    length += part.length;
    if (length > limit) return { body: Buffer.concat(parts).subarray(0, limit), isCut: true };
  }
  return { body: Buffer.concat(parts, length), isCut: false };
}

function describe(error: unknown): string {
  const cause = causeOf(error);
  const code = codeOf(cause);
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `The app cannot be reached (${code})`;
    case undefined:
      return `The app cannot be asked: ${messageOf(cause)}`;
    default:
      return `The app broke the connection off, or what it says is no HTTP (${code})`;
  }
}

/** `fetch` hides what happened behind "fetch failed". */
function causeOf(error: unknown): unknown {
  const isHidden = typeof error === 'object' && error !== null && 'cause' in error && error.cause !== undefined;
  return isHidden ? error.cause : error;
}

function ignore(): void {
  // It is over already.
}
