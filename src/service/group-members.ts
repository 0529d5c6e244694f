import type { GroupSource } from '../config/config.ts';
import type { Member } from '../group/member.ts';
import { openOnCurrent, type Servers } from '../http/current-server.ts';
import type { SessionRegistry } from '../legacy/registry.ts';
import type { ChannelLease } from '../relay/channel.ts';
import type { ServerRuntime } from './server-runtime.ts';

interface Surroundings {
  /** Those that take new sessions, in the order of the file. */
  readonly current: () => readonly ServerRuntime[];
  readonly served: () => Servers;
  readonly lease: SessionRegistry['lease'];
}

/** The servers as members of groups: what a group has taken of each is counted here, for it belongs to none of their own sessions. */
export class GroupMembers {
  readonly #around: Surroundings;
  readonly #members = new WeakMap<ServerRuntime, Member>();
  readonly #taken = new WeakMap<object, number>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The servers of a group at this moment, in its order. */
  of({ servers }: Pick<GroupSource, 'servers'>): Member[] {
    return this.runtimes({ servers }).map((runtime) => this.#member(runtime));
  }

  /** The same as what they are. */
  runtimes({ servers }: Pick<GroupSource, 'servers'>): ServerRuntime[] {
    const all = this.#around.current().filter(({ config }) => config.source.kind !== 'group');
    if (servers === undefined) return all;
    return servers.flatMap((name) => all.find(({ config }) => config.name === name) ?? []);
  }

  /** How many sessions of groups, and Gangway itself for their lists, have something of a server now. */
  count({ config }: ServerRuntime): number {
    return this.#taken.get(config) ?? 0;
  }

  #member(runtime: ServerRuntime): Member {
    const known = this.#members.get(runtime);
    if (known) return known;
    const { lease, served } = this.#around;
    const member: Member = {
      config: runtime.config,
      lease: (signal, client) =>
        openOnCurrent(served(), runtime, async (server) =>
          this.#counted(server.config, await lease(server, signal, client)),
        ),
    };
    this.#members.set(runtime, member);
    return member;
  }

  #counted(server: object, lease: ChannelLease): ChannelLease {
    this.#add(server, 1);
    let isHeld = true;
    return {
      upstream: lease.upstream,
      wasWarm: lease.wasWarm,
      prove: () => {
        lease.prove();
      },
      release: (reason) => {
        if (isHeld) this.#add(server, -1);
        isHeld = false;
        return lease.release(reason);
      },
    };
  }

  #add(server: object, change: number): void {
    this.#taken.set(server, (this.#taken.get(server) ?? 0) + change);
  }
}
