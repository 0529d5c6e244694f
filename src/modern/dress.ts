import type { Bytes } from '../jsonrpc/bytes.ts';
import type { ResultFacts } from '../jsonrpc/message.ts';
import { splice, type Edit } from '../jsonrpc/splice.ts';
import { metaKeys } from './revision.ts';

/** Results that say for how long, and for whom, they may be kept. @see MCP 2026-07-28, Caching, "Cacheable Results" */
const cacheable: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);

/** What nobody has promised to stay as it is is stale at once, and meant for who asked. */
export const cachingHints = '"ttlMs":0,"cacheScope":"private"';

/**
 * A result of a legacy server with what 2026-07-28 wants in it beside: its type, caching hints and who the server is.
 * What it says itself stays, byte for byte.
 *
 * @param serverInfo as JSON
 */
export function dress(bytes: Bytes, result: ResultFacts, method: string, serverInfo: string): Bytes {
  const meta = `"${metaKeys.serverInfo}":${serverInfo}`;
  const head = [
    ...(result.type === undefined ? ['"resultType":"complete"'] : []),
    ...(cacheable.has(method) ? hints(result) : []),
    ...(result.metaAt === undefined && !result.hasMeta ? [`"_meta":{${meta}}`] : []),
  ];
  const edits = head.length === 0 ? [] : [insertion(bytes, result.at, head.join(','))];
  if (result.metaAt !== undefined && !result.hasServerInfo) edits.push(insertion(bytes, result.metaAt, meta));
  return edits.length === 0 ? bytes : splice(bytes, edits);
}

function hints({ hasTtl, hasCacheScope }: ResultFacts): string[] {
  if (!hasTtl && !hasCacheScope) return [cachingHints];
  return [...(hasTtl ? [] : ['"ttlMs":0']), ...(hasCacheScope ? [] : ['"cacheScope":"private"'])];
}

/** New members at the head of an object. @param at its first byte */
function insertion(bytes: Bytes, at: number, members: string): Edit {
  const place = at + 1;
  return { span: [place, place], text: isEmptyAfter(bytes, place) ? members : `${members},` };
}

function isEmptyAfter(bytes: Bytes, start: number): boolean {
  for (let at = start; at < bytes.length; at += peekedBytes) {
    const next = bytes
      .slice(at, at + peekedBytes)
      .toString('latin1')
      .trimStart();
    if (next !== '') return next.startsWith('}');
  }
  return false;
}

/** The next value usually begins at once. */
const peekedBytes = 16;
