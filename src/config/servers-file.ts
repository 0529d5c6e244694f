import { isDeepStrictEqual } from 'node:util';
import { Document, isMap, isScalar, parseDocument, visit, type Pair } from 'yaml';
import { BridgeError } from '../base/errors.ts';

/** The keys of a server as they stand in the file. */
export type EntryText = Readonly<Record<string, unknown>>;

/** The servers of a configuration file, as they are written: nothing is filled in. Empty when it has none. */
export function serversIn(text: string): Readonly<Record<string, unknown>> {
  return mappingIn(text, 'servers');
}

/** Its groups in the same way: their names are taken as well. */
export function groupsIn(text: string): Readonly<Record<string, unknown>> {
  return mappingIn(text, 'groups');
}

function mappingIn(text: string, key: 'servers' | 'groups'): Readonly<Record<string, unknown>> {
  const { [key]: found } = (parse(text).toJS() ?? {}) as Partial<Record<typeof key, unknown>>;
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
}

/**
 * The text of a configuration file with one more server, or with another entry for the one that has this name. What
 * else is in it stays as it is written: comments, order, quotes, line ends.
 *
 * @throws {BridgeError} `CONFIG_INVALID` when the text is no YAML
 */
export function withServer(text: string, name: string, entry: EntryText): string {
  const spliced = splice(text, name, entry);
  if (spliced !== undefined && says(spliced, text, name, entry)) return spliced;
  return rebuild(text, name, entry);
}

function parse(text: string): Document.Parsed {
  const document = parseDocument(text, { merge: false, uniqueKeys: true, prettyErrors: false });
  if (document.errors.length > 0) refuse('the configuration file is not valid YAML');
  visit(document, { Alias: () => refuse('the configuration file has aliases, which are not allowed') });
  if (document.contents !== null && !isMap(document.contents)) refuse('the configuration file is no mapping');
  return document;
}

function refuse(why: string): never {
  throw new BridgeError('CONFIG_INVALID', `Cannot add a server: ${why}`);
}

/** Puts the entry between two lines; undefined where the servers are not written one below the other. */
function splice(text: string, name: string, entry: EntryText): string | undefined {
  const document = parse(text);
  const servers = document.get('servers', true);
  if (isScalar(servers) && servers.value === null) return spliceFirst(text, document, name, entry);
  if (!isMap(servers) || servers.flow) return undefined;
  const places = servers.items.map((pair) => placeOf(text, pair));
  const last = places.at(-1);
  if (!last || places.includes(undefined)) return undefined;
  const block = blockOf(name, entry, last.column, text);
  const known = places[servers.items.findIndex(({ key }) => isScalar(key) && key.value === name)];
  if (known) return text.slice(0, known.from) + block + text.slice(known.to);
  const newline = newlineOf(text);
  const gap = isSpaced(text, places) ? newline : '';
  const break_ = text.slice(0, last.to).endsWith('\n') ? '' : newline;
  return text.slice(0, last.to) + break_ + gap + block + text.slice(last.to);
}

/** Behind the line `servers:`, with nothing below it but comments. */
function spliceFirst(text: string, { contents }: Document.Parsed, name: string, entry: EntryText): string | undefined {
  const pair = isMap(contents) ? contents.items.find(({ key }) => isScalar(key) && key.value === 'servers') : undefined;
  if (!isScalar(pair?.key)) return undefined;
  const at = endOfLine(text, pair.key.range[1]);
  const break_ = text.slice(0, at).endsWith('\n') ? '' : newlineOf(text);
  return text.slice(0, at) + break_ + blockOf(name, entry, 2, text) + text.slice(at);
}

/** The lines of one server: from its key to its last line, comments that are indented like its keys with it. */
interface Place {
  readonly from: number;
  readonly to: number;
  readonly column: number;
}

function placeOf(text: string, { key, value }: Pair): Place | undefined {
  if (!isScalar(key) || !key.range) return undefined;
  const from = text.lastIndexOf('\n', key.range[0] - 1) + 1;
  const column = key.range[0] - from;
  if (text.slice(from, key.range[0]).trim() !== '' || column === 0) return undefined;
  const end = (value as { range?: [number, number, number] } | null)?.range?.[1] ?? key.range[1];
  return { from, to: withOwnComments(text, endOfLine(text, end), column), column };
}

function endOfLine(text: string, offset: number): number {
  if (text[offset - 1] === '\n') return offset;
  const newline = text.indexOf('\n', offset);
  return newline === -1 ? text.length : newline + 1;
}

function withOwnComments(text: string, from: number, column: number): number {
  let to = from;
  for (;;) {
    const [line, indent] = /^(?:[ \t]*\r?\n)*( *)#[^\n]*(?:\n|$)/.exec(text.slice(to)) ?? [];
    if (line === undefined || indent === undefined || indent.length <= column) return to;
    to += line.length;
  }
}

/** Whether the last two servers have an empty line between them. */
function isSpaced(text: string, places: readonly (Place | undefined)[]): boolean {
  const [before, last] = [places.at(-2), places.at(-1)];
  return before !== undefined && /^[ \t]*\r?\n/m.test(text.slice(before.to, last?.from));
}

function blockOf(name: string, entry: EntryText, column: number, text: string): string {
  const document = documentOf({ [name]: entry });
  const block = document.toString({ ...style, indent: column });
  const lines = block.trimEnd().split('\n');
  const newline = newlineOf(text);
  return lines.map((line) => (line === '' ? '' : ' '.repeat(column) + line) + newline).join('');
}

const style = { lineWidth: 0, singleQuote: true, flowCollectionPadding: false } as const;

/** Lists of words on one line, as they are written by hand. */
function documentOf(value: unknown): Document {
  const document = new Document(value);
  visit(document, {
    Seq: (_, list) => {
      list.flow = list.items.every((item) => isScalar(item));
    },
  });
  return document;
}

function newlineOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

/** Whether a text says what the one before said, and the entry. */
function says(after: string, before: string, name: string, entry: EntryText): boolean {
  const document = parseDocument(after, { merge: false, uniqueKeys: true, prettyErrors: false });
  if (document.errors.length > 0) return false;
  const was = (parse(before).toJS() ?? {}) as object;
  return isDeepStrictEqual(document.toJS(), {
    ...was,
    servers: { ...serversIn(before), [name]: entry },
  });
}

/** Through the document's tree: comments and order stay, spaces may not. */
function rebuild(text: string, name: string, entry: EntryText): string {
  const document = parse(text);
  const servers = document.get('servers', true);
  if (isMap(servers)) {
    if (servers.items.length === 0) servers.flow = false;
    servers.set(name, documentOf(entry).contents);
  } else if (isMap(document.contents)) {
    document.set('servers', documentOf({ [name]: entry }).contents);
  } else {
    return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${documentOf({ servers: { [name]: entry } }).toString(style)}`;
  }
  // What is there keeps its spaces.
  return document.toString({ ...style, flowCollectionPadding: true }).replaceAll('\n', newlineOf(text));
}
