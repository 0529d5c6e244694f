import { STATUS_CODES } from 'node:http';
import type { Redactor } from '../base/redact.ts';
import type { AppAnswer } from './exchange.ts';
import { isObject, type Json } from './json.ts';
import { bareType, isJsonType, isOneOf, isTextType } from './media-types.ts';
import type { Operation } from './operation.ts';

/** @see MCP 2025-11-25, Tools, "Tool Result" */
export interface ToolResult {
  readonly content: readonly Json[];
  readonly structuredContent?: Json;
  readonly isError?: boolean;
}

/** A result that says what went wrong, for the model. */
export function failed(sentence: string): ToolResult {
  return { content: [text(sentence)], isError: true };
}

interface Judges {
  /** Says why an object is not what the tool states, if it is not. */
  readonly misfit: (value: Json) => string | undefined;
  /** Knows what must not be seen where the beginning of an answer is shown. */
  readonly redactor: Redactor;
}

/** What an app answered, as the result of a tool. */
export function toolResult(answer: AppAnswer, operation: Operation, url: URL, judges: Judges): ToolResult {
  if (answer.status >= 300) return failed(errorText(answer, judges));
  if (answer.body.length === 0) return emptyResult(answer, operation);
  if (isJsonType(answer.mediaType)) return jsonResult(answer, operation, judges);
  const strange = whyStrange(answer, operation, judges);
  return strange === undefined ? { content: [contentOf(answer, url)] } : failed(strange);
}

function errorText(answer: AppAnswer, { redactor }: Judges): string {
  const { status, body, isCut } = answer;
  const head = `The app answered HTTP ${statusText(status)}`;
  if (body.length === 0) return head;
  if (!isReadable(answer)) return `${head}, and ${body.length} bytes of ${bareType(answer.mediaType)}`;
  const clean = redactor.redact(decoded(answer));
  // The end of what was read may be half a secret, which no mask would know.
  return isCut ? `${head}:\n${clean.slice(0, -redactor.longest || undefined)}\n… (cut)` : `${head}:\n${clean}`;
}

function statusText(status: number): string {
  const words = STATUS_CODES[status];
  return words === undefined ? String(status) : `${status} ${words}`;
}

function emptyResult({ status }: AppAnswer, { tool }: Operation): ToolResult {
  const sentence = `The app answered HTTP ${statusText(status)}, without content`;
  return tool.outputSchema === undefined
    ? { content: [text(sentence)] }
    : failed(`${sentence}, where its document has some`);
}

function jsonResult(answer: AppAnswer, { tool }: Operation, { misfit, redactor }: Judges): ToolResult {
  const body = decoded(answer);
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return failed(`The app’s answer says that it is JSON, and is not:\n${beginning(body, redactor)}`);
  }
  if (isDeeperThan(value, maxDepth))
    return failed(`The app’s answer has more than ${maxDepth} levels:\n${beginning(body, redactor)}`);
  const why = tool.outputSchema === undefined ? undefined : isObject(value) ? misfit(value) : 'it is no object';
  if (why !== undefined) return failed(`The app’s answer is not what its document says (${why}):\n${body}`);
  return { content: [text(body)], ...(isObject(value) ? { structuredContent: value } : {}) };
}

/** What is nested deeper than this, few clients could read. */
const maxDepth = 200;

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeperThan(each, levels - 1));
}

/** A page where something else was to come is a log-in, a proxy or a wrong address. */
function whyStrange(answer: AppAnswer, { produces, tool }: Operation, { redactor }: Judges): string | undefined {
  const bare = bareType(answer.mediaType);
  const isExpected = produces.length === 0 || produces.some((range) => isOneOf(bare, range));
  if (tool.outputSchema === undefined && (isExpected || bare !== 'text/html')) return undefined;
  const wanted = produces.map(bareType).join(' or ');
  const shown = isReadable(answer) ? `:\n${beginning(decoded(answer), redactor)}` : '';
  return `The app answered ${bare === '' ? 'something without a media type' : bare}, wanted ${wanted}${shown}`;
}

function contentOf(answer: AppAnswer, { origin, pathname }: URL): Json {
  if (isReadable(answer)) return text(decoded(answer));
  const mimeType = bareType(answer.mediaType) || 'application/octet-stream';
  const data = answer.body.toString('base64');
  if (mimeType.startsWith('image/')) return { type: 'image', data, mimeType };
  if (mimeType.startsWith('audio/')) return { type: 'audio', data, mimeType };
  return { type: 'resource', resource: { uri: `${origin}${pathname}`, mimeType, blob: data } };
}

function isReadable({ mediaType, body }: AppAnswer): boolean {
  if (mediaType !== '') return isJsonType(mediaType) || isTextType(mediaType);
  return !body.subarray(0, 1024).includes(0);
}

function decoded({ body, mediaType }: AppAnswer): string {
  const [, charset = 'utf-8'] = /charset="?([\w:.-]+)"?/i.exec(mediaType) ?? [];
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
}

function text(words: string): Json {
  return { type: 'text', text: words };
}

/** Masked before it is cut: no mask would know half a secret. */
function beginning(words: string, redactor: Redactor): string {
  const clean = redactor.redact(words);
  return clean.length > 4000 ? `${clean.slice(0, 4000)}… (cut)` : clean;
}
