import { isUtf8 } from 'node:buffer';

/** A JSON-RPC id or a progress token as JSON.parse gives it: `1` and `"1"` are two different ones. */
export type Id = string | number;

/**
 * What the relay must know of a message; the rest of its bytes passes by unread.
 * `idText` is the id as it stood in the bytes, so that an answer of our own carries it back digit for digit.
 */
export type Envelope =
  | {
      readonly kind: 'request';
      readonly id: Id;
      readonly idText: string;
      readonly method: string;
      readonly progressToken: Id | undefined;
      readonly params: Readonly<Record<string, unknown>> | undefined;
    }
  | {
      readonly kind: 'notification';
      readonly method: string;
      readonly params: Readonly<Record<string, unknown>> | undefined;
    }
  | { readonly kind: 'response'; readonly id: Id; readonly result: unknown }
  /** An error whose id could not be told (`null` or absent): it belongs to no request. */
  | { readonly kind: 'stray-error' };

/** A key for a `Map` by type and value. */
export function idKey(id: Id): string {
  return typeof id === 'number' ? `n${id}` : `s${id}`;
}

/** Why bytes are not a message. */
export interface Refusal {
  readonly kind: 'malformed' | 'invalid';
  readonly reason: string;
}

/** Ids are kept for as long as their requests: a text as long as a message would fill the memory. */
const maxIdLength = 1024;

export function isRefusal(read: Envelope | Refusal): read is Refusal {
  return read.kind === 'malformed' || read.kind === 'invalid';
}

/**
 * Reads the envelope of one message: a JSON text in UTF-8 that is a single JSON-RPC 2.0 object.
 *
 * @returns a `Refusal` that says what was wrong; never throws
 * @see JSON-RPC 2.0, 4 and 5; MCP 2025-11-25, Base Protocol, "Messages": an id is a string or an integer, never null
 */
export function readEnvelope(bytes: Buffer): Envelope | Refusal {
  if (!isUtf8(bytes)) return { kind: 'malformed', reason: 'wanted UTF-8' };
  let value: unknown;
  const text = bytes.toString('utf8');
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'malformed', reason: 'wanted one JSON text' };
  }
  if (Array.isArray(value)) return invalid('got an array, wanted a single message: batches are not served');
  if (!isRecord(value)) return invalid('wanted an object');
  if (value['jsonrpc'] !== '2.0') return invalid('wanted "jsonrpc": "2.0"');
  if (value['method'] === undefined) return readResponse(value);
  return readCall(value, text);
}

function readCall(value: Record<string, unknown>, text: string): Envelope | Refusal {
  const { method, params, id } = value;
  if (typeof method !== 'string' || method === '') return invalid('wanted "method" to be a text');
  if (params !== undefined && !isRecord(params)) return invalid('wanted "params" to be an object');
  if ('result' in value || 'error' in value) return invalid('got "method" together with "result" or "error"');
  if (!('id' in value)) return { kind: 'notification', method, params };
  if (!isId(id)) return invalid('wanted "id" to be a text of at most 1024 characters or an integer');
  return { kind: 'request', id, idText: idText(id, text), method, params, progressToken: progressToken(params) };
}

function progressToken(params: Record<string, unknown> | undefined): Id | undefined {
  const meta = params?.['_meta'];
  const token = isRecord(meta) ? meta['progressToken'] : undefined;
  return isId(token) ? token : undefined;
}

function readResponse(value: Record<string, unknown>): Envelope | Refusal {
  const { id, result, error } = value;
  if ('result' in value === 'error' in value) return invalid('wanted "method", or one of "result" and "error"');
  if ('error' in value && !isRecord(error)) return invalid('wanted "error" to be an object');
  if (isId(id)) return { kind: 'response', id, result };
  if ('error' in value && (id === null || id === undefined)) return { kind: 'stray-error' };
  return invalid('wanted "id" to be a text of at most 1024 characters or an integer');
}

/** A number may be written in a way that JavaScript does not give back (`1.0`, 2^53 + 1): its own text is looked up. */
function idText(id: Id, text: string): string {
  return (typeof id === 'number' ? memberText(text, 'id') : undefined) ?? JSON.stringify(id);
}

/** The text of a number that is a direct member of the outermost object of a valid JSON text; the last one counts. */
function memberText(text: string, name: string): string | undefined {
  const value = /\s*:\s*([^\s",{}[\]]+)/y;
  let found: string | undefined;
  let depth = 0;
  let at = text.indexOf('{');
  while (at < text.length) {
    const char = text[at];
    if (char !== '"') {
      depth += nesting(char);
      at += 1;
      continue;
    }
    const end = endOfString(text, at);
    if (depth === 1 && readString(text.slice(at, end)) === name) {
      value.lastIndex = end;
      found = value.exec(text)?.[1] ?? found;
    }
    at = end;
  }
  return found;
}

/** What a JSON string says; one without an escape says what it shows. */
function readString(literal: string): unknown {
  return literal.includes('\\') ? JSON.parse(literal) : literal.slice(1, -1);
}

function nesting(char: string | undefined): number {
  if (char === '{' || char === '[') return 1;
  return char === '}' || char === ']' ? -1 : 0;
}

/** The index after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  while (isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote + 1;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text[at - 1 - slashes] === '\\') slashes += 1;
  return slashes % 2 === 1;
}

function isId(value: unknown): value is Id {
  if (typeof value === 'string') return value.length <= maxIdLength;
  return typeof value === 'number' && Number.isInteger(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(reason: string): Refusal {
  return { kind: 'invalid', reason };
}
