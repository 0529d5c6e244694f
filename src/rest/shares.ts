import type { Clock } from '../base/clock.ts';
import type { ChannelClient } from '../relay/channel-client.ts';

/** Shares that are kept at once, and for how long after their last use. */
const maxKept = 100;
const idleMs = 60_000;

interface Share {
  readonly client: Promise<ChannelClient>;
  users: number;
  idleSince: number;
}

/**
 * The shares of one shared server that plain REST uses: each address has one of its own, so that calls in line are
 * served in turns between addresses. A share costs no container; it is kept for a minute after its last use.
 */
export class Shares {
  readonly #open: () => Promise<ChannelClient>;
  readonly #clock: Clock;
  readonly #byAddress = new Map<string, Share>();

  constructor(open: () => Promise<ChannelClient>, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** Lends the share of an address. @throws what opening it throws */
  async use<T>(address: string, work: (client: ChannelClient) => Promise<T>): Promise<T> {
    const share = this.#byAddress.get(address) ?? this.#add(address);
    share.users += 1;
    try {
      return await work(await share.client);
    } finally {
      share.users -= 1;
      share.idleSince = this.#clock.now();
      if (this.#byAddress.get(address) !== share && share.users === 0) end(share);
    }
  }

  /** Ends those that have not been used for a while. */
  expire(now: number): void {
    for (const [address, share] of this.#byAddress) {
      if (share.users === 0 && now - share.idleSince >= idleMs) this.#drop(address, share);
    }
  }

  /** Ends those that nobody uses, and the others as soon as that is so. */
  close(): void {
    for (const [address, share] of this.#byAddress) this.#drop(address, share);
  }

  #add(address: string): Share {
    const share: Share = { client: this.#open(), users: 0, idleSince: this.#clock.now() };
    if (this.#byAddress.size >= maxKept) this.#dropOldest();
    if (this.#byAddress.size < maxKept) this.#byAddress.set(address, share);
    const forget = (): void => {
      if (this.#byAddress.get(address) === share) this.#byAddress.delete(address);
    };
    share.client.then(({ ended }) => ended.then(forget), forget);
    return share;
  }

  /** Of those that nobody uses. */
  #dropOldest(): void {
    const idle = [...this.#byAddress].filter(([, { users }]) => users === 0);
    const [oldest] = idle.sort(([, a], [, b]) => a.idleSince - b.idleSince);
    if (oldest) this.#drop(...oldest);
  }

  #drop(address: string, share: Share): void {
    this.#byAddress.delete(address);
    if (share.users === 0) end(share);
  }
}

function end({ client }: Share): void {
  void client.then((opened) => opened.close()).catch(() => undefined);
}
