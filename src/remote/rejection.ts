import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import type { ErrorCode } from '../base/error-table.ts';
import { printable } from '../base/printable.ts';
import type { Redactor } from '../base/redact.ts';
import { mediaType } from './headers.ts';
import { RemoteError } from './remote-error.ts';

/** So much of an error's body is read, for so long, and so much of it is told. */
const maxBodyBytes = 8 * 1024;
const bodyMs = 2000;
const maxChars = 300;
/** No server keeps us waiting for longer, whatever it asks for. */
const maxRetryAfterMs = 3_600_000;

/** A status that is no success, as an error with the server's own words, where it has any and nothing secret is in them. */
export async function rejection(response: IncomingMessage, redactor: Redactor, clock: Clock): Promise<RemoteError> {
  const status = response.statusCode ?? 0;
  const retryAfterMs = retryAfter(response.headers['retry-after']);
  const remoteSays = await wordsOf(response, redactor, clock);
  const data = {
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(remoteSays === undefined ? {} : { remoteSays }),
  };
  const code = codeFor(status);
  return new RemoteError(code, `Cannot use the remote server: ${meanings[code]} (HTTP ${status})`, true, data);
}

const meanings = {
  REMOTE_UNAUTHORIZED: 'it does not accept the credentials that Gangway has for it',
  REMOTE_FAILED: 'it failed, or has too much to do',
  REMOTE_REFUSED: 'it refused the request',
} as const satisfies Partial<Record<ErrorCode, string>>;

function codeFor(status: number): keyof typeof meanings {
  if (status === 401 || status === 403) return 'REMOTE_UNAUTHORIZED';
  return status >= 500 || status === 408 || status === 425 || status === 429 ? 'REMOTE_FAILED' : 'REMOTE_REFUSED';
}

/** In milliseconds. @see RFC 9110, 10.2.3 */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return ms > 0 ? Math.min(ms, maxRetryAfterMs) : undefined;
}

async function wordsOf(response: IncomingMessage, redactor: Redactor, clock: Clock): Promise<string | undefined> {
  const type = mediaType(response);
  const isJson = type === 'application/json' || type.endsWith('+json');
  if (!isJson && type !== 'text/plain') {
    // A page for people, or worse.
    response.destroy();
    return undefined;
  }
  const { text, isCut } = await beginningOf(response, clock);
  const said = printable(redactor.redact((isJson ? messageIn(text) : undefined) ?? text)).trim();
  // The end of what was read may be half a secret, which no mask would know.
  const whole = isCut ? said.slice(0, Math.max(0, said.length - redactor.longest)) : said;
  if (whole === '') return undefined;
  return whole.length > maxChars ? `${whole.slice(0, maxChars - 1)}…` : whole;
}

async function beginningOf(response: IncomingMessage, clock: Clock): Promise<{ text: string; isCut: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  let isCut = true;
  const cancel = clock.after(bodyMs, () => response.destroy());
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxBodyBytes) break;
    }
    isCut = length > maxBodyBytes;
  } catch {
    // It was cut off: what came is all there is.
  } finally {
    cancel();
  }
  return { text: Buffer.concat(chunks).toString('utf8', 0, maxBodyBytes), isCut };
}

/** Where servers put what they have to say about an error: JSON-RPC, OAuth, RFC 9457, FastAPI, and others. */
const errorBody = z.union([
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  z.object({ error_description: z.string() }).transform(({ error_description: said }) => said),
  z.object({ detail: z.string() }).transform(({ detail }) => detail),
  z.object({ message: z.string() }).transform(({ message }) => message),
  z.object({ error: z.string() }).transform(({ error }) => error),
  z.object({ title: z.string() }).transform(({ title }) => title),
]);

function messageIn(text: string): string | undefined {
  try {
    return errorBody.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
