import { CallFault } from './fault.ts';
import { isObject, type Json } from './json.ts';
import type { Parameter, Style, Writing } from './operation.ts';

const styles: readonly Style[] = ['simple', 'label', 'matrix', 'form', 'spaceDelimited', 'pipeDelimited', 'deepObject'];

/** How a parameter, or a member of a form, is written. @see OpenAPI 3.1, "Style Values" */
export function styleOf(description: Json, place: Parameter['in']): Writing {
  const usual: Style = place === 'path' || place === 'header' ? 'simple' : 'form';
  const style = styles.find((known) => known === description['style']) ?? usual;
  const { explode = style === 'form' || style === 'deepObject', allowReserved } = description;
  return { style, explode: explode === true, allowReserved: allowReserved === true, isJson: false };
}

/** One name and value, encoded already. */
export type Pair = readonly [name: string, value: string];

/** A value as pairs of a query, a form or a cookie. */
export function toPairs(name: string, value: unknown, writing: Writing): Pair[] {
  const encode = writing.allowReserved ? encodeLoosely : encodeStrictly;
  const key = encodeStrictly(name);
  if (writing.isJson) return [[key, encode(JSON.stringify(value))]];
  if (value === null || value === undefined) return [];
  if (writing.style === 'deepObject') return deepPairs(name, value, encode);
  if (Array.isArray(value)) return listPairs(key, value, writing, encode);
  if (!isObject(value)) return [[key, encode(plain(value))]];
  const members = Object.entries(value).filter(([, each]) => each !== null);
  if (writing.explode) return members.map(([each, text]) => [encodeStrictly(each), encode(plain(text))]);
  return [[key, members.map(([each, text]) => `${encodeStrictly(each)},${encode(plain(text))}`).join(',')]];
}

const segmentStarts: Partial<Record<Style, string>> = { label: '.', matrix: ';' };

/**
 * A value as part of a path.
 *
 * @throws {CallFault} for one that would be another path
 */
export function toSegment(name: string, value: unknown, writing: Writing): string {
  const { style, explode, isJson } = writing;
  const start = segmentStarts[style] ?? '';
  const separator = explode && start !== '' ? start : ',';
  const parts = isJson ? [encodeStrictly(JSON.stringify(value))] : segmentParts(name, value, writing);
  const text = `${start}${segmentHead(name, value, writing)}${parts.join(separator)}`;
  if (text !== '' && text !== '.' && text !== '..') return text;
  throw new CallFault(`"${name}" is "${text}", wanted a part of a path`);
}

function segmentHead(name: string, value: unknown, { style, explode }: Writing): string {
  const isInEach = explode && typeof value === 'object';
  return style === 'matrix' && !isInEach ? `${encodeStrictly(name)}=` : '';
}

/** A value as a header. @throws {CallFault} for one that cannot be a header */
export function toHeader(name: string, value: unknown, { explode, isJson }: Writing): string {
  const text = isJson ? JSON.stringify(value) : headerText(value, explode);
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text))
    throw new CallFault(`"${name}" cannot be sent: a header is one line of Latin-1`);
  return text;
}

function headerText(value: unknown, explode: boolean): string {
  if (Array.isArray(value)) return value.map(plain).join(',');
  if (!isObject(value)) return plain(value);
  return Object.entries(value)
    .map(([key, text]) => `${key}${explode ? '=' : ','}${plain(text)}`)
    .join(',');
}

function segmentParts(name: string, value: unknown, { style, explode }: Writing): string[] {
  if (Array.isArray(value)) {
    const isNamed = style === 'matrix' && explode;
    return value.map((each) => `${isNamed ? `${encodeStrictly(name)}=` : ''}${encodeStrictly(plain(each))}`);
  }
  if (!isObject(value)) return [encodeStrictly(plain(value))];
  return Object.entries(value).map(([key, each]) => {
    return `${encodeStrictly(key)}${explode ? '=' : ','}${encodeStrictly(plain(each))}`;
  });
}

type Encode = (text: string) => string;

function listPairs(key: string, value: readonly unknown[], { style, explode }: Writing, encode: Encode): Pair[] {
  if (explode) return value.map((each) => [key, encode(plain(each))]);
  const separator = style === 'spaceDelimited' ? '%20' : style === 'pipeDelimited' ? '%7C' : ',';
  return value.length === 0 ? [] : [[key, value.map((each) => encode(plain(each))).join(separator)]];
}

/** `filter[status]=open`: beyond one level OpenAPI says nothing, and this is what most readers understand. */
function deepPairs(name: string, value: unknown, encode: Encode): Pair[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((each, i) => deepPairs(`${name}[${i}]`, each, encode));
  if (!isObject(value)) return [[encodeStrictly(name), encode(plain(value))]];
  return Object.entries(value).flatMap(([key, each]) => deepPairs(`${name}[${key}]`, each, encode));
}

/** A value as text. */
export function plain(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** All but RFC 3986's unreserved characters. @throws {CallFault} for half a character */
export function encodeStrictly(text: string): string {
  try {
    return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  } catch {
    throw new CallFault('an argument is not Unicode: it has half of a surrogate pair');
  }
}

/** Keeps reserved characters, but for those that end a value. */
function encodeLoosely(text: string): string {
  return encodeStrictly(text).replace(/%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/g, decodeURIComponent);
}
