import { isUtf8 } from 'node:buffer';

/** The headers of an HTTP request, as `node:http` has them. */
export interface RequestHeaders {
  readonly headers: Readonly<NodeJS.Dict<string | string[]>>;
  /** Names and values by turns, as they came. */
  readonly rawHeaders: readonly string[];
}

/** What can be wrong with a header by itself. */
export type HeaderFault = 'missing' | 'twice' | 'garbled';

/**
 * The value of a header that repeats a part of the body: plain ASCII.
 *
 * @param name in lower case
 */
export function plainHeader(
  { headers, rawHeaders }: RequestHeaders,
  name: string,
): { readonly text: string } | { readonly fault: HeaderFault } {
  const text = headers[name];
  if (text === undefined) return { fault: 'missing' };
  if (typeof text !== 'string' || isDoubled(text, name, rawHeaders)) return { fault: 'twice' };
  return /^[\t\x20-\x7e]*$/.test(text) ? { text } : { fault: 'garbled' };
}

/**
 * The same, for a value that may also be wrapped: `=?base64?…?=` around the Base64 of its UTF-8, padded.
 *
 * @see MCP 2026-07-28, Streamable HTTP, "Value Encoding"
 */
export function wrappedHeader(request: RequestHeaders, name: string): ReturnType<typeof plainHeader> {
  const plain = plainHeader(request, name);
  if ('fault' in plain) return plain;
  const text = unwrap(plain.text);
  return text === undefined ? { fault: 'garbled' } : { text };
}

/** Node joins the values of a header that comes twice. */
function isDoubled(value: string, name: string, rawHeaders: readonly string[]): boolean {
  if (!value.includes(', ')) return false;
  return rawHeaders.filter((raw, i) => i % 2 === 0 && raw.toLowerCase() === name).length > 1;
}

const prefix = '=?base64?';
const suffix = '?=';

/** @returns undefined when it is wrapped, but not in the one form that every reader reads alike */
function unwrap(value: string): string | undefined {
  const isWrapped = value.startsWith(prefix) && value.endsWith(suffix) && value.length >= prefix.length + suffix.length;
  if (!isWrapped) return value;
  const base64 = value.slice(prefix.length, -suffix.length);
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 && isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}
