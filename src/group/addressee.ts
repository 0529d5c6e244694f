import type { Bytes } from '../jsonrpc/bytes.ts';
import { RawJson } from '../jsonrpc/raw-json.ts';
import { RequestRefused } from '../relay/local-server.ts';
import { changed, objectIn, paramsOf, textOf, withParam, type Message } from '../relay/rewrite.ts';
import type { Catalog, Found } from './catalog.ts';
import type { Member } from './member.ts';

/** Where a request of a client goes, and what it says there. */
export interface Addressed {
  readonly member: Member;
  readonly message: Message;
}

type Find = (catalog: Catalog, bytes: Bytes, lastUsed: Member | undefined) => Addressed;

/** How a request says whose it is, by its method; others are no server's. */
const finders: ReadonlyMap<string, Find> = new Map<string, Find>([
  ['tools/call', (catalog, bytes) => named(catalog, 'tools', bytes)],
  ['prompts/get', (catalog, bytes) => named(catalog, 'prompts', bytes)],
  ['resources/read', located],
  ['resources/subscribe', located],
  ['resources/unsubscribe', located],
  ['completion/complete', completed],
]);

/**
 * Finds the server that a request means, and puts its own name or URI in place of the one that clients see.
 *
 * @param lastUsed who was called last: a resource that nobody has listed is most likely one of his
 * @returns undefined for a method that is no server's
 * @throws {RequestRefused} -32602, or -32002 for a resource: there is nothing of that name
 */
export function addressed(
  method: string,
  bytes: Bytes,
  catalog: Catalog,
  lastUsed: Member | undefined,
): Addressed | undefined {
  return finders.get(method)?.(catalog, bytes, lastUsed);
}

function named(catalog: Catalog, list: 'tools' | 'prompts', bytes: Bytes): Addressed {
  const shown = textOf(paramsOf(bytes).get('name'));
  if (shown === undefined) throw new RequestRefused(-32602, 'Invalid params: wanted "name" to be a text');
  const found = catalog.byName(list, shown);
  if (!found) throw new RequestRefused(-32602, `Unknown ${list.slice(0, -1)}: ${shown.slice(0, 200)}`);
  return { member: found.member, message: withParam(bytes, 'name', found.key) };
}

function located(catalog: Catalog, bytes: Bytes, lastUsed: Member | undefined): Addressed {
  const uri = textOf(paramsOf(bytes).get('uri'));
  if (uri === undefined) throw new RequestRefused(-32602, 'Invalid params: wanted "uri" to be a text');
  const { member, key } = findUri(catalog, uri, lastUsed);
  return { member, message: withParam(bytes, 'uri', key) };
}

function completed(catalog: Catalog, bytes: Bytes, lastUsed: Member | undefined): Addressed {
  const ref = objectIn(paramsOf(bytes).get('ref'));
  const [name, uri] = [textOf(ref.get('name')), textOf(ref.get('uri'))];
  const found = name === undefined ? findUri(catalog, uri ?? '', lastUsed) : catalog.byName('prompts', name);
  if (!found) throw new RequestRefused(-32602, 'Invalid params: "ref" names nothing that there is');
  const own = changed(ref, name === undefined ? 'uri' : 'name', found.key);
  return { member: found.member, message: withParam(bytes, 'ref', new RawJson(own)) };
}

function findUri(catalog: Catalog, uri: string, lastUsed: Member | undefined): Found {
  const guess = lastUsed && catalog.hasResources(lastUsed) ? { member: lastUsed, key: uri } : undefined;
  const found = catalog.byUri(uri) ?? guess;
  if (!found) throw new RequestRefused(-32002, `Resource not found: ${uri.slice(0, 500)}`);
  return found;
}
