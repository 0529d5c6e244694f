import { isObject } from './json.ts';
import type { Body } from './operation.ts';

/** `application/json` of `Application/JSON; charset=utf-8`. */
export function bareType(mediaType: string): string {
  return (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

export function isRange(mediaType: string): boolean {
  return mediaType.includes('*');
}

/** @see RFC 6839, 3.1 */
export function isJsonType(mediaType: string): boolean {
  const bare = bareType(mediaType);
  return bare === 'application/json' || bare === 'text/json' || bare.endsWith('+json');
}

/** Whether it reads as text. */
export function isTextType(mediaType: string): boolean {
  const bare = bareType(mediaType);
  const known = [
    'application/xml',
    'application/javascript',
    'application/yaml',
    'application/x-ndjson',
    'application/csv',
  ];
  return bare.startsWith('text/') || bare.endsWith('+xml') || bare.endsWith('+yaml') || known.includes(bare);
}

/** Whether a media type is one of a range, or the same. */
export function isOneOf(mediaType: string, range: string): boolean {
  const [bare, wide] = [bareType(mediaType), bareType(range)];
  if (wide === '*/*' || wide === bare) return true;
  return wide.endsWith('/*') && bare.startsWith(wide.slice(0, -1));
}

/** How a body of a media type is written. @param schema of it, references followed */
export function kindOf(mediaType: string, schema: unknown): Body['kind'] {
  const bare = bareType(mediaType);
  if (isJsonType(bare)) return 'json';
  if (bare === 'application/x-www-form-urlencoded') return 'form';
  if (bare === 'multipart/form-data') return 'multipart';
  if (isTextType(bare) && !hasBinaryFormat(schema, undefined)) return 'text';
  return 'binary';
}

const order: readonly Body['kind'][] = ['json', 'form', 'multipart', 'text', 'binary'];

/** The one that is easiest to write for a model. */
export function preferred(offered: readonly string[]): string | undefined {
  const rank = (mediaType: string): number => order.indexOf(kindOf(mediaType, undefined));
  return [...offered].sort((a, b) => rank(a) - rank(b))[0];
}

/** Whether a schema is for bytes. @param mediaType of its part of a multipart body */
export function hasBinaryFormat(schema: unknown, mediaType: string | undefined): boolean {
  if (!isObject(schema)) return false;
  if (schema['format'] === 'binary') return true;
  const { contentMediaType, contentEncoding, type } = schema;
  if (typeof contentMediaType === 'string' && contentEncoding === undefined) {
    return !isTextType(contentMediaType) && !isJsonType(contentMediaType);
  }
  return type === undefined && mediaType !== undefined && kindOf(mediaType, undefined) === 'binary';
}
