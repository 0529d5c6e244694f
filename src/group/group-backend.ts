import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { GroupSource } from '../config/config.ts';
import type { Backend } from '../relay/backend.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { readyLease } from '../relay/ready-lease.ts';
import { Catalog } from './catalog.ts';
import { GroupChannel } from './group-channel.ts';
import type { Members } from './member.ts';

interface Surroundings {
  readonly members: Members;
  readonly clock: Clock;
  readonly log: Log;
}

/** Several servers behind one endpoint. */
export class GroupBackend implements Backend {
  readonly failure = undefined;
  readonly #clock: Clock;
  readonly #catalog: Catalog;

  constructor({ separator, listWaitMs }: GroupSource, { members, clock, log }: Surroundings) {
    this.#clock = clock;
    this.#catalog = new Catalog(members, { separator, listWaitMs, clock, log });
  }

  /** Its servers open by themselves; their lists are read when the first client comes. */
  open(): Promise<void> {
    return Promise.resolve();
  }

  lease(_signal: AbortSignal, client: string): Promise<ChannelLease> {
    const channel = new GroupChannel({ catalog: this.#catalog, clock: this.#clock, client });
    return Promise.resolve(readyLease(channel));
  }

  refresh(): void {
    this.#catalog.refresh();
  }

  close(): void {
    this.#catalog.close();
  }

  describe(): object {
    return this.#catalog.describe();
  }
}
