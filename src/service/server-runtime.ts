import type { Log } from '../base/log.ts';
import { hasProcess, type GroupSource, type ProcessServer, type ServerConfig } from '../config/config.ts';
import type { Member } from '../group/member.ts';
import type { Era } from '../modern/era.ts';
import type { Eras } from '../modern/eras.ts';
import type { ModernServed, ModernSupply } from '../modern/served.ts';
import type { Budget } from '../pool/budget.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { viewLease } from '../relay/view-channel.ts';
import { backendSupply } from './backend-supply.ts';
import { backendFor } from './backends.ts';
import { EraSupply, type RelayMaker } from './era-supply.ts';
import { Launches, type LaunchSurroundings } from './launches.ts';
import type { Runtime } from './runtimes.ts';
import { backendModern, processModern, type Peer } from './modern-supply.ts';
import type { Supply } from './supply.ts';

interface Surroundings extends LaunchSurroundings {
  /** Shared by the pools of all servers. */
  readonly budget: Budget;
  readonly log: Log;
  /** The servers of a group at this moment. */
  readonly members: (group: GroupSource) => readonly Member[];
  readonly peers: (group: GroupSource) => readonly Peer[];
  /** What the images of all servers speak. */
  readonly eras: Eras;
  /** Undefined passes nothing as it is. */
  readonly makeRelay?: RelayMaker;
}

/** One configured server at work: what its sessions talk to, and where that comes from. */
export class ServerRuntime implements ModernServed, Runtime {
  /** The same object for as long as it lives, by which its sessions are known; what `resize` changes, changes in it. */
  readonly config: ServerConfig;
  readonly #log: Log;
  readonly modern: ModernSupply;
  readonly #supply: Supply;

  constructor(config: ServerConfig, around: Surroundings) {
    this.config = { ...config };
    this.#log = around.log.child({ server: config.name });
    const lease = (signal: AbortSignal, client: string): Promise<ChannelLease> => this.lease(signal, client);
    const here = { ...around, log: this.#log };
    if (hasProcess(this.config)) {
      const supply = eraSupply(this.config, here);
      this.modern = processModern(supply, this.config, lease, this.#log);
      this.#supply = supply;
    } else {
      const { source } = this.config;
      const peers = (): readonly Peer[] => (source.kind === 'group' ? around.peers(source) : []);
      this.modern = backendModern(this.config, { lease, peers });
      this.#supply = backendSupply(backendFor(this.config, here));
    }
  }

  get waiting(): number {
    return this.#supply.waiting;
  }

  get shortage(): number {
    return this.#supply.shortage;
  }

  /** With a view of its tools, where there is one. */
  async lease(signal: AbortSignal, client: string): Promise<ChannelLease> {
    return viewLease(await this.#supply.lease(signal, client), this.config.tools, this.#log);
  }

  /**
   * Gets what the server needs before it can serve, such as its image, and fills the pool. Resolves when the first
   * container runs.
   *
   * @throws {BridgeError} what kept it away; it is tried again, and at once when a client comes
   */
  async open(): Promise<void> {
    if (!this.config.disabled) await this.#supply.open();
  }

  /** Takes nothing new; what is under way may end. */
  drain(): void {
    this.#supply.drain();
  }

  /** New sizes and time-outs, in place. @param config differs from what it was made from in nothing else */
  resize(config: ServerConfig): void {
    Object.assign(this.config, config);
    this.#supply.resize(config);
  }

  /** Serves nobody new from now on. Its sessions go on, and nothing is kept ready for others. */
  retire(): void {
    const disabled: ServerConfig['disabled'] = { code: 'SERVER_UNKNOWN', reason: 'the configuration has changed' };
    Object.assign(this.config, { disabled });
    this.#supply.retire();
  }

  /** Whether it has no container, in whatever state. */
  get isEmpty(): boolean {
    return this.#supply.containers === 0;
  }

  /** See `Supply`. */
  get unexpected(): number {
    return this.#supply.unexpected;
  }

  /** See `Supply`. */
  get trouble(): string | undefined {
    return this.#supply.trouble;
  }

  stats(): ReturnType<Supply['stats']> {
    return this.#supply.stats();
  }

  /** What it speaks. Gangway itself speaks for an app and for a group. */
  get era(): Era | 'unknown' {
    if (this.#supply instanceof EraSupply) return this.#supply.era;
    return this.config.source.kind === 'url' ? 'unknown' : 'legacy';
  }

  describe(): object {
    return this.#supply.describe();
  }

  /** Puts new containers in the place of those that stand ready, see `Launches`. Nobody loses one that is in use. */
  recycle(): void {
    this.#supply.recycle();
  }

  /** The same, where it would now be started from something else. Resolves when that is known. */
  async refresh(): Promise<void> {
    if (!this.config.disabled) await this.#supply.refresh();
  }
}

function eraSupply(config: ProcessServer, around: Surroundings): EraSupply {
  const { makeRelay } = around;
  return new EraSupply(config, { ...around, makeRelay, launches: new Launches(config, around) });
}
