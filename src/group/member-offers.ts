import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { ChannelClient } from '../relay/channel-client.ts';
import { listNames, type ListName, type Offer } from './offers.ts';
import type { Member } from './member.ts';
import { readOffers, type Offers } from './read-offers.ts';

/** After a failure, a server is left alone for so long; twice as long after each further one, up to the second. */
const [firstPauseMs, longestPauseMs] = [5000, 60_000];
/** Not every server says that its lists have changed: what is older is asked for again when somebody wants it. */
const maxAgeMs = 5 * 60_000;

interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
  /** Its lists are others now. */
  readonly onChange: (changed: readonly ListName[]) => void;
  /** Whether there is a session that would want to know. */
  readonly isWanted: () => boolean;
}

/**
 * What one server of a group offers, as far as Gangway knows: asked once, with a client of its own, and again when the
 * server says that something has changed. What was known last is shown meanwhile, and for as long as the server fails.
 */
export class MemberOffers {
  readonly member: Member;
  readonly #around: Surroundings;
  #offers: Offers | undefined;
  #instructions: string | undefined;
  #learning: Promise<void> | undefined;
  #isStale = true;
  #failure: string | undefined;
  #learnedAt = -Infinity;
  #pauseMs = firstPauseMs;
  #retryAt = -Infinity;
  readonly #closing = new AbortController();

  constructor(member: Member, around: Surroundings) {
    this.member = member;
    this.#around = around;
  }

  /** Whether it was ever told. */
  get isKnown(): boolean {
    return this.#offers !== undefined;
  }

  get instructions(): string | undefined {
    return this.#instructions;
  }

  of(list: ListName): readonly Offer[] {
    return this.#offers?.[list] ?? [];
  }

  /** For `/status`. */
  describe(): object {
    const state = this.#offers ? (this.#isStale ? 'stale' : 'fresh') : 'unknown';
    const counts = Object.fromEntries(listNames.map((list) => [list, this.of(list).length]));
    return { lists: state, ...counts, ...(this.#failure === undefined ? {} : { failure: this.#failure }) };
  }

  /** The server says that something of it has changed. */
  outdate(): void {
    this.#isStale = true;
    void this.learn();
  }

  /** Asks the server unless all is known, or it has just failed. Resolves when that has ended, well or not. */
  learn(): Promise<void> {
    if (this.#learning) return this.#learning;
    const now = this.#around.clock.now();
    const isOld = this.#isStale || now - this.#learnedAt > maxAgeMs;
    if (!isOld || now < this.#retryAt || this.#closing.signal.aborted) return Promise.resolve();
    this.#learning = this.#learn().finally(() => {
      this.#learning = undefined;
      if (this.#isStale) void this.learn();
    });
    return this.#learning;
  }

  close(): void {
    this.#closing.abort();
  }

  async #learn(): Promise<void> {
    const { clock, log } = this.#around;
    const { config } = this.member;
    // What changes while it is asked is asked for again.
    this.#isStale = false;
    try {
      const lease = await this.member.lease(this.#closing.signal, '');
      const client = await ChannelClient.open(lease, { config, clock, signal: this.#closing.signal });
      try {
        this.#instructions = instructionsIn(client.handshake.result);
        this.#take(await readOffers(client));
        this.#learnedAt = clock.now();
        this.#pauseMs = firstPauseMs;
      } finally {
        void client.close();
      }
    } catch (error) {
      this.#isStale = true;
      this.#retryLater();
      // A server that is switched off was named when that was found.
      if (this.#failure === undefined && !config.disabled) {
        log.warn({ member: config.name, error: messageOf(error) }, 'the lists of a server cannot be read');
      }
      this.#failure = messageOf(error);
    }
  }

  #retryLater(): void {
    const { clock, isWanted } = this.#around;
    this.#retryAt = clock.now() + this.#pauseMs;
    clock.after(this.#pauseMs, () => {
      if (isWanted()) void this.learn();
    });
    this.#pauseMs = Math.min(2 * this.#pauseMs, longestPauseMs);
  }

  #take(offers: Offers): void {
    const old = this.#offers;
    this.#offers = offers;
    this.#failure = undefined;
    const changed = listNames.filter((list) => fingerprint(old?.[list]) !== fingerprint(offers[list]));
    if (changed.length > 0) this.#around.onChange(changed);
  }
}

function fingerprint(offers: readonly Offer[] = []): string {
  return JSON.stringify(offers.map(({ members }) => [...members]));
}

function instructionsIn({ instructions }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof instructions === 'string' ? instructions : undefined;
}
