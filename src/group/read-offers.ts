import { BridgeError } from '../base/errors.ts';
import { elementTexts, memberTexts } from '../jsonrpc/raw-json.ts';
import type { ChannelClient } from '../relay/channel-client.ts';
import { ServerError } from '../relay/server-error.ts';
import { listNames, lists, readOffer, type ListName, type Offer } from './offers.ts';

const methodNotFound = -32601;

/** Of one list. */
const maxPages = 100;
const maxBytes = 32 * 1024 * 1024;

/** All that a server offers: each list whose capability it has. */
export type Offers = Readonly<Record<ListName, readonly Offer[]>>;

/**
 * Asks a server for its lists, one after the other.
 *
 * @throws {ServerError} @throws {BridgeError} what `ChannelClient.request` throws; `UPSTREAM_GARBLED` for a list without an
 *   end, or that is none
 */
export async function readOffers(client: ChannelClient): Promise<Offers> {
  const { capabilities } = client.handshake;
  const offers: Record<ListName, readonly Offer[]> = { tools: [], prompts: [], resources: [], templates: [] };
  for (const list of listNames) {
    if (capabilities[lists[list].capability] !== undefined)
      offers[list] = await readList(client, list).catch(noSuchList);
  }
  return offers;
}

/** Not every server has all the lists of a capability: those with resources are often without templates. */
function noSuchList(error: unknown): Offer[] {
  if (error instanceof ServerError && error.rpcCode === methodNotFound) return [];
  throw error;
}

async function readList(client: ChannelClient, list: ListName): Promise<Offer[]> {
  const { method, member } = lists[list];
  const offers: Offer[] = [];
  let bytes = 0;
  let cursor: unknown;
  for (let page = 0; page < maxPages && bytes < maxBytes; page++) {
    const { text, value } = await client.request(method, cursor === undefined ? {} : { cursor });
    if (!Array.isArray(value[member])) throw garbled(method, 'it is no list');
    bytes += text.length;
    for (const element of elementTexts(memberTexts(text).get(member) ?? '[]')) {
      const offer = readOffer(list, element);
      if (offer) offers.push(offer);
    }
    cursor = value['nextCursor'];
    if (typeof cursor !== 'string') return offers;
  }
  throw garbled(method, `it has no end within ${maxPages} pages and ${maxBytes} bytes`);
}

function garbled(method: string, why: string): BridgeError {
  return new BridgeError('UPSTREAM_GARBLED', `Cannot read "${method}": ${why}`);
}
