import { version } from '../base/version.ts';
import type { HeaderEntry } from '../config/config.ts';
import { CallFault } from './fault.ts';
import { isObject, type Json } from './json.ts';
import { isJsonType } from './media-types.ts';
import type { Body, FieldWriting, Operation } from './operation.ts';
import { plain, styleOf, toHeader, toPairs, toSegment, type Pair } from './styles.ts';

/** One request to an app, ready to be sent. */
export interface AppRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | FormData | undefined;
}

/** Where an app is, and what it always gets. */
export interface AppAddress {
  readonly base: URL;
  readonly headers: readonly HeaderEntry[];
  readonly query: readonly HeaderEntry[];
}

/**
 * The request that a call of a tool stands for.
 *
 * @param args the arguments, which fit the tool's schema
 * @throws {CallFault} for arguments that cannot be sent
 */
export function buildRequest(operation: Operation, args: Json, address: AppAddress): AppRequest {
  const { method, body } = operation;
  // Without what all objects have, such as `constructor`.
  const given: Json = Object.assign(Object.create(null) as object, args);
  const content = body && writeBody(body, given);
  return {
    method,
    url: urlFor(operation, given, address),
    headers: {
      accept: accepted(operation),
      'user-agent': `gangway/${version()}`,
      ...(content?.mediaType === undefined ? {} : { 'content-type': content.mediaType }),
      ...headersOf(operation, given),
      ...Object.fromEntries(address.headers.map(({ name, value }) => [name.toLowerCase(), value])),
    },
    body: content?.content,
  };
}

/** JSON, where there is any: whoever states what it answers has to answer that. */
function accepted({ produces, tool }: Operation): string {
  const json = produces.filter(isJsonType);
  if (json.length === 0) return [...produces, '*/*;q=0.1'].join(', ');
  return tool.outputSchema === undefined ? [...json, '*/*;q=0.1'].join(', ') : json.join(', ');
}

/** Whether an address belongs to an app: of its origin, and below its path. */
export function isWithin(url: URL, base: URL): boolean {
  return url.origin === base.origin && `${url.pathname}/`.startsWith(folderOf(base));
}

function urlFor({ path, parameters }: Operation, given: Json, { base, query }: AppAddress): URL {
  const filled = path.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    const parameter = parameters.find((each) => each.in === 'path' && each.name === name);
    return parameter ? toSegment(name, given[parameter.argument], parameter) : whole;
  });
  const url = new URL(base.origin);
  url.pathname = `${folderOf(base).slice(0, -1)}${filled}`;
  const own = parameters.filter((each) => each.in === 'query' && given[each.argument] !== undefined);
  const always = query.flatMap(({ name, value }) => toPairs(name, value, styleOf({}, 'query')));
  const taken = new Set(always.map(([name]) => name));
  const pairs = own.flatMap((each) => toPairs(each.name, given[each.argument], each));
  // The members of an object are names that a caller chooses.
  url.search = joined([...pairs.filter(([name]) => !taken.has(name)), ...always]);
  // Whatever an argument was: the app's own part of its host, and no other.
  if (!isWithin(url, base)) throw new CallFault('the arguments lead out of the app’s own address');
  return url;
}

/** With a slash at its end. */
function folderOf({ pathname }: URL): string {
  return pathname.endsWith('/') ? pathname : `${pathname}/`;
}

function headersOf({ parameters }: Operation, given: Json): Record<string, string> {
  const there = parameters.filter(({ argument }) => given[argument] !== undefined && given[argument] !== null);
  const headers = there.filter((each) => each.in === 'header');
  const cookies = there
    .filter((each) => each.in === 'cookie')
    .flatMap((each) => toPairs(each.name, given[each.argument], each));
  return {
    ...Object.fromEntries(
      headers.map((each) => [each.name.toLowerCase(), toHeader(each.name, given[each.argument], each)]),
    ),
    ...(cookies.length > 0 ? { cookie: cookies.map(([name, value]) => `${name}=${value}`).join('; ') } : {}),
  };
}

interface Written {
  readonly content: AppRequest['body'];
  /** Undefined where the client that sends it knows better. */
  readonly mediaType: string | undefined;
}

function writeBody(body: Body, given: Json): Written | undefined {
  const { content, isRequired } = body;
  if ('whole' in content) {
    const value = given[content.whole];
    return value === undefined && !isRequired ? undefined : writeContent(body, value, given);
  }
  const members = membersOf(content.fields, given);
  return Object.keys(members).length === 0 && !isRequired ? undefined : writeContent(body, members, given);
}

function writeContent(body: Body, value: unknown, given: Json): Written {
  const { kind, mediaType, writing } = body;
  switch (kind) {
    case 'json':
      return { content: JSON.stringify(value), mediaType };
    case 'text':
      return { content: plain(value), mediaType: `${mediaType};charset=utf-8` };
    case 'binary':
      return { content: bytesOf(value, 'body'), mediaType: mediaTypeOf(body, given) };
    case 'form':
      return { content: formText(isObject(value) ? value : {}, writing), mediaType };
    case 'multipart':
      return { content: formData(isObject(value) ? value : {}, writing), mediaType: undefined };
  }
}

function membersOf(fields: readonly { readonly argument: string; readonly name: string }[], given: Json): Json {
  const there = fields.filter(({ argument }) => given[argument] !== undefined);
  return Object.fromEntries(there.map(({ argument, name }) => [name, given[argument]]));
}

function mediaTypeOf({ mediaType, typeArgument }: Body, given: Json): string {
  const chosen = typeArgument === undefined ? undefined : given[typeArgument];
  if (typeof chosen !== 'string') return mediaType.includes('*') ? 'application/octet-stream' : mediaType;
  if (!/^[\w.+-]+\/[\w.+-]+$/.test(chosen))
    throw new CallFault(`"${chosen}" is no media type, wanted one such as image/png`);
  return chosen;
}

const usual: FieldWriting = { ...styleOf({}, 'query'), isFile: false, mediaType: undefined };

/** @see URL Standard, "application/x-www-form-urlencoded" */
function formText(members: Json, writing: Body['writing']): string {
  return joined(Object.entries(members).flatMap(([name, value]) => toPairs(name, value, writing[name] ?? usual)));
}

function joined(pairs: readonly Pair[]): string {
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

/** @see RFC 7578 */
function formData(members: Json, writing: Body['writing']): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(members)) {
    const how = writing[name] ?? usual;
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) append(form, name, each, how);
  }
  return form;
}

function append(form: FormData, name: string, value: unknown, { isFile, mediaType }: FieldWriting): void {
  if (value === null) return;
  if (isFile) {
    form.append(name, new Blob([bytesOf(value, name)], { type: mediaType ?? 'application/octet-stream' }), name);
  } else if (isObject(value)) {
    form.append(name, new Blob([JSON.stringify(value)], { type: 'application/json' }));
  } else form.append(name, plain(value));
}

/** @throws {CallFault} for what is no base64 */
function bytesOf(value: unknown, name: string): Uint8Array<ArrayBuffer> {
  // Some models write a whole `data:` address.
  const text = plain(value).replace(/^data:[^,]{0,200};base64,/, '');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw new CallFault(`"${name}" is not base64`);
  return new Uint8Array(Buffer.from(text, 'base64'));
}
