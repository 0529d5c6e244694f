import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Budget } from '../pool/budget.ts';
import type { FleetSurroundings } from '../pool/fleet.ts';
import type { Place } from '../pool/place.ts';
import { SharedPool } from '../pool/shared-pool.ts';
import { discover, type Discovery } from '../upstream/discovery.ts';
import { modernWire } from '../upstream/modern-wire.ts';
import { SharedUpstream } from '../upstream/shared-upstream.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ChannelLease } from './channel.ts';
import { readyLease } from './ready-lease.ts';
import { RelayChannel, type RelayHome } from './relay-channel.ts';
import { RelayListens } from './relay-listens.ts';
import { Strays } from './strays.ts';
import { TaskOwners } from './task-owners.ts';
import { WaitingBytes } from './waiting-bytes.ts';

interface Surroundings {
  readonly start: FleetSurroundings['start'];
  readonly clock: Clock;
  readonly log: Log;
  readonly budget: Budget;
}

/** A task keeps its container for so many times the longest call. */
const callsPerTask = 6;

/** A server that speaks 2026-07-28 itself: its pool, which all clients share, and what is open or kept on its containers. */
export class RelayServer implements RelayHome {
  readonly pool: SharedPool;
  readonly listens: RelayListens;
  readonly tasks: TaskOwners;
  readonly #config: ServerConfig;
  readonly #clock: Clock;
  readonly #strays = new Strays();
  readonly #waiting = new WaitingBytes();
  #discovery: Discovery | undefined;

  constructor(config: ServerConfig, { start, clock, log, budget }: Surroundings) {
    this.#config = config;
    this.#clock = clock;
    this.pool = new SharedPool(config.pool, {
      ...{ start, clock, log, budget, memoryBytes: config.resources.memoryBytes, random: Math.random },
      ...{ startTimeoutMs: config.startTimeoutMs, pingIntervalMs: config.pingIntervalMs },
      open: (upstream) => this.#open(upstream),
      onLeaving: (shared, reason) => {
        this.listens.onLeaving(shared, reason);
      },
    });
    const guard = (shared: SharedUpstream): (() => void) => this.pool.guard(shared);
    this.tasks = new TaskOwners({ clock, guard, maxGuardMs: callsPerTask * config.maxCallTimeMs });
    this.listens = new RelayListens(this.pool, this.tasks);
  }

  /** Messages of its containers that belonged to nothing, or could not be told whose they are. */
  get unexpected(): number {
    return this.#strays.total;
  }

  get hasTasks(): boolean {
    const { extensions } = this.#discovery?.capabilities ?? {};
    return typeof extensions === 'object' && extensions !== null && 'io.modelcontextprotocol/tasks' in extensions;
  }

  /** What the last container that came up says of itself; undefined before the first. Kept while none runs. */
  get discovery(): Discovery | undefined {
    return this.#discovery;
  }

  /**
   * What its containers say of themselves, as soon as one has come up.
   *
   * @param client who asks: clients wait in turns
   * @param signal gives the wait up
   * @throws {BridgeError} why none comes up
   */
  async discover(client: string, signal: AbortSignal): Promise<Discovery> {
    return this.#discovery ?? (await this.#firstDiscovery(client, signal));
  }

  /** A share of it. @param client whose: the requests of one client wait in one line, through however many shares */
  join(client: string): ChannelLease {
    return readyLease(new RelayChannel(this, client));
  }

  tryTake(): Place | undefined {
    return this.pool.tryTake();
  }

  wait(client: string, bytes: number, signal: AbortSignal): Promise<Place> {
    return this.#waiting.hold(bytes, () => this.pool.wait(signal, client));
  }

  async #firstDiscovery(client: string, signal: AbortSignal): Promise<Discovery> {
    const place = await this.pool.wait(signal, client);
    place.release();
    if (!this.#discovery) throw new Error('A server that serves has told what it is');
    return this.#discovery;
  }

  async #open(upstream: Upstream): Promise<SharedUpstream> {
    const { maxLineBytes, maxCallTimeMs, startTimeoutMs } = this.#config;
    const wire = modernWire({ maxCallTimeMs, clock: this.#clock });
    const shared = new SharedUpstream(upstream, { maxLineBytes, wire });
    this.#strays.watch(shared);
    void shared.ended.then(() => {
      this.tasks.onEnded(shared);
    });
    this.#discovery = await discover(shared, startTimeoutMs, this.#clock);
    return shared;
  }
}
