import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { settlesWithin } from '../base/deadline.ts';
import type { Log } from '../base/log.ts';
import { RequestRefused } from '../relay/local-server.ts';
import type { Member, Members } from './member.ts';
import { MemberOffers } from './member-offers.ts';
import { readName, shownName } from './names.ts';
import { lists, listNames, offerText, type ListName, type Offer } from './offers.ts';
import { markedUri, readMarkedUri, templateFit } from './uris.ts';

/** Elements and characters of one page. */
const maxPageItems = 1000;
const maxPageLength = 4 * 1024 * 1024;

interface Surroundings {
  readonly separator: string;
  /** A list waits so long for servers of which nothing is known yet, in milliseconds. */
  readonly listWaitMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** One element of a merged list. */
interface Entry {
  readonly member: Member;
  /** As clients see it. */
  readonly shown: string;
  /** As its server knows it. */
  readonly key: string;
  readonly offer: Offer;
  readonly text: string;
}

interface Merged {
  readonly entries: readonly Entry[];
  /** The same, by what clients see. */
  readonly shown: ReadonlyMap<string, Entry>;
  /** What a server before has under the same name: nobody sees it. */
  readonly clashes: readonly string[];
  /** Another one when anything in it is another. */
  readonly digest: string;
}

/** What something that a client names is on the server that has it. */
export interface Found {
  readonly member: Member;
  readonly key: string;
}

/** What all servers of a group offer together. A server that is slow, or gone, delays nobody: what it said last is shown. */
export class Catalog {
  readonly #members: Members;
  readonly #around: Surroundings;
  readonly #offers = new Map<object, MemberOffers>();
  readonly #merged = new Map<ListName, Merged>();
  /** Lists that somebody has been given. */
  readonly #told = new Set<ListName>();
  #isClosed = false;
  readonly #listeners = new Set<(changed: readonly ListName[]) => void>();

  constructor(members: Members, around: Surroundings) {
    this.#members = members;
    this.#around = around;
  }

  /** Begins to ask all servers for their lists. */
  open(): void {
    for (const offers of this.#current()) void offers.learn();
  }

  /** Its servers may be others now: tells the sessions that there are what is gone, and asks those that are new. */
  refresh(): void {
    if (this.#listeners.size === 0) return;
    const before = [...this.#told].map((list) => [list, this.#merged.get(list)?.digest] as const);
    this.open();
    this.#tell(before.filter(([list, digest]) => this.#merge(list).digest !== digest).map(([list]) => list));
  }

  /** Asks no server for anything any more. */
  close(): void {
    this.#isClosed = true;
    for (const offers of this.#offers.values()) offers.close();
  }

  /** @returns ends it */
  onChange(listener: (changed: readonly ListName[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A server has said that a list of it is another now. */
  outdate({ config }: Member): void {
    this.#offers.get(config)?.outdate();
  }

  /**
   * One page of a list, as the result of its request.
   *
   * @param cursor as the page before gave it
   * @throws {RequestRefused} -32602 when the list has changed since, or it never gave such a cursor
   * @see MCP 2025-11-25, Pagination
   */
  async page(list: ListName, cursor: unknown): Promise<string> {
    await this.#wait();
    const { entries, digest } = this.#merge(list);
    this.#told.add(list);
    const from = cursor === undefined ? 0 : offsetIn(cursor, digest);
    let [to, length] = [from, 0];
    for (; to < entries.length && to - from < maxPageItems && length < maxPageLength; to++) {
      length += entries[to]?.text.length ?? 0;
    }
    const texts = entries.slice(from, to).map(({ text }) => text);
    const next = to < entries.length ? `,"nextCursor":${JSON.stringify(`${to}.${digest}`)}` : '';
    return `{"${lists[list].member}":[${texts.join(',')}]${next}}`;
  }

  /** Whose tool or prompt it is: listed, or of the server whose name it begins with. */
  byName(list: 'tools' | 'prompts', shown: string): Found | undefined {
    const listed = this.#merge(list).shown.get(shown);
    return listed ?? this.#byPrefix(shown);
  }

  #byPrefix(shown: string): Found | undefined {
    const members = this.#members();
    const names = members.map(({ config }) => config.name);
    const read = readName(shown, names, this.#around.separator);
    const member = members.find(({ config }) => config.name === read?.server);
    return read && member && { member, key: read.name };
  }

  /** Whose resource it is: listed, marked, or made from a template that somebody has. */
  byUri(uri: string): Found | undefined {
    const marked = readMarkedUri(uri);
    const owner = marked && this.#members().find(({ config }) => config.name === marked.server);
    if (marked && owner) return { member: owner, key: marked.uri };
    const listed = this.#merge('resources').shown.get(uri);
    return listed ?? this.#byTemplate(uri);
  }

  /** Whether a server has resources at all. */
  hasResources({ config }: Member): boolean {
    const offers = this.#offers.get(config);
    return offers !== undefined && (offers.of('resources').length > 0 || offers.of('templates').length > 0);
  }

  /** As a client sees what a server calls so. */
  shownUri({ config }: Member, uri: string): string {
    const entry = this.#merge('resources').entries.find(({ member, key }) => member.config === config && key === uri);
    return entry?.shown ?? uri;
  }

  /** How to use it all, for the model: what each server says of itself. */
  instructions(): string {
    const { separator } = this.#around;
    const own = this.#current().flatMap(({ member, instructions }) =>
      instructions === undefined ? [] : [`# ${member.config.name}\n${instructions}`],
    );
    const intro = `Several servers behind one: the names of their tools and prompts begin with the server's name and "${separator}".`;
    return [intro, ...own].join('\n\n');
  }

  /** For `/status`. */
  describe(): object {
    const servers = Object.fromEntries(this.#current().map((offers) => [offers.member.config.name, offers.describe()]));
    const clashes = listNames.flatMap((list) => this.#merge(list).clashes);
    return { servers, ...(clashes.length > 0 ? { clashes } : {}) };
  }

  /** Of the servers that are there now, in their order. */
  #current(): MemberOffers[] {
    const members = this.#members();
    const configs = new Set<object>(members.map(({ config }) => config));
    for (const [config, offers] of this.#offers) {
      if (configs.has(config)) continue;
      offers.close();
      this.#offers.delete(config);
      this.#merged.clear();
    }
    return members.map((member) => this.#offersOf(member));
  }

  #offersOf(member: Member): MemberOffers {
    const known = this.#offers.get(member.config);
    if (known) return known;
    const offers = new MemberOffers(member, {
      ...this.#around,
      onChange: (changed) => {
        this.#onChange(changed);
      },
      isWanted: () => this.#listeners.size > 0,
    });
    if (this.#isClosed) offers.close();
    this.#offers.set(member.config, offers);
    this.#merged.clear();
    return offers;
  }

  #onChange(changed: readonly ListName[]): void {
    for (const list of changed) this.#merged.delete(list);
    this.#tell(changed.filter((list) => this.#told.has(list)));
  }

  #tell(news: readonly ListName[]): void {
    if (news.length === 0) return;
    for (const listener of [...this.#listeners]) listener(news);
  }

  /** For those of whom nothing is known: a moment. */
  async #wait(): Promise<void> {
    const { listWaitMs, clock } = this.#around;
    const current = this.#current();
    const learning = current.map((offers) => offers.learn());
    const unknown = learning.filter((_, i) => current[i]?.isKnown === false);
    if (unknown.length > 0) await settlesWithin(Promise.all(unknown), listWaitMs, clock);
  }

  #merge(list: ListName): Merged {
    const current = this.#current();
    const known = this.#merged.get(list);
    if (known) return known;
    const { entries, clashes } = this.#entries(list, current);
    const hash = createHash('sha256');
    for (const { text } of entries) hash.update(text).update('\n');
    const shown = new Map(entries.map((entry) => [entry.shown, entry]));
    const merged = { entries, shown, clashes, digest: hash.digest('base64url').slice(0, 12) };
    if (clashes.length > 0)
      this.#around.log.warn({ list, clashes }, 'two servers of a group have something of the same name');
    this.#merged.set(list, merged);
    return merged;
  }

  #entries(list: ListName, current: readonly MemberOffers[]): Pick<Merged, 'entries' | 'clashes'> {
    const taken = new Set<string>();
    const clashes: string[] = [];
    const entries = current.flatMap((offers) => {
      const { member } = offers;
      return offers.of(list).flatMap((offer) => {
        const shown = this.#shownKey(list, member, offer, taken);
        if (taken.has(shown)) {
          clashes.push(`${offer.key} of ${member.config.name}: ${shown}`);
          return [];
        }
        taken.add(shown);
        return [{ member, shown, key: offer.key, offer, text: this.#shownText(list, member, offer, shown) }];
      });
    });
    return { entries, clashes };
  }

  #shownKey(list: ListName, { config }: Member, { key }: Offer, taken: ReadonlySet<string>): string {
    if (lists[list].key === 'name') return shownName(config.name, key, this.#around.separator);
    return taken.has(key) ? markedUri(config.name, key) : key;
  }

  #shownText(list: ListName, { config }: Member, offer: Offer, shown: string): string {
    const { key } = lists[list];
    if (key === 'name') return offerText(offer, { name: shown });
    const name: unknown = JSON.parse(offer.members.get('name') ?? 'null');
    const named = typeof name === 'string' ? { name: shownName(config.name, name, this.#around.separator) } : {};
    return offerText(offer, { ...named, ...(shown === offer.key ? {} : { [key]: shown }) });
  }

  #byTemplate(uri: string): Found | undefined {
    const fits = this.#merge('templates').entries.flatMap(({ member, offer }) => {
      const fit = templateFit(offer, uri);
      return fit === undefined ? [] : [{ member, fit }];
    });
    const [best] = fits.sort((a, b) => b.fit - a.fit);
    return best && { member: best.member, key: uri };
  }
}

function offsetIn(cursor: unknown, digest: string): number {
  const [offset, of] = typeof cursor === 'string' ? cursor.split('.') : [];
  if (of !== digest || !/^\d{1,9}$/.test(offset ?? '')) {
    throw new RequestRefused(-32602, 'Unknown cursor: the list has changed; begin with the first page again');
  }
  return Number(offset);
}

/** Every list that there is, by the notification that tells of its change. */
export function listsChangedBy(notification: string): readonly ListName[] {
  return listNames.filter((list) => lists[list].changed === notification);
}
