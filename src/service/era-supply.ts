import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { PoolConfig, ProcessServer, ServerConfig } from '../config/config.ts';
import type { Era } from '../modern/era.ts';
import type { Eras } from '../modern/eras.ts';
import type { ModernWay } from '../modern/served.ts';
import type { Budget } from '../pool/budget.ts';
import { drainingError } from '../pool/pool-errors.ts';
import type { SharedPool } from '../pool/shared-pool.ts';
import type { RetireReason } from '../pool/slot.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { Disposables } from './disposables.ts';
import type { Launches } from './launches.ts';
import { ServerEra } from './server-era.ts';
import { processSupply, type Supply } from './supply.ts';

/** The upstreams of a server that speaks 2026-07-28 itself. */
export interface Relay {
  readonly pool: Pick<SharedPool, 'fill' | 'resize' | 'recycle' | 'drain' | 'stats'>;
  readonly unexpected: number;
  /** A share of them for requests of 2026-07-28. */
  join(client: string): ChannelLease;
  /** The same for a client that knows only older revisions. */
  reverse(client: string): ChannelLease;
}

interface RelaySurroundings {
  readonly start: Launches['start'];
  readonly clock: Clock;
  readonly log: Log;
  readonly budget: Budget;
}

export type RelayMaker = (config: ServerConfig, around: RelaySurroundings) => Relay;

interface Surroundings {
  readonly launches: Launches;
  readonly eras: Eras;
  /** Undefined passes nothing as it is: a server that speaks 2026-07-28 is used as the older one that it may be as well. */
  readonly makeRelay: RelayMaker | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly budget: Budget;
}

/**
 * The containers of a server of which it is found out what they speak. Those that speak 2026-07-28 only are one pool,
 * which serves clients of older revisions too; of those that speak both, each kind of client has a pool.
 */
export class EraSupply implements Supply {
  readonly #config: ProcessServer;
  readonly #around: Surroundings;
  readonly #own: Supply;
  readonly #disposables: Disposables;
  readonly #era: ServerEra;
  #relay: Relay | undefined;
  #isAsking = false;
  #isRetired = false;
  #isDrained = false;
  /** Whether the pools have their sizes for one that speaks 2026-07-28 only. */
  #isReversed = false;

  /** @param config the object that is changed in place when its sizes and times change */
  constructor(config: ProcessServer, around: Surroundings) {
    this.#config = config;
    this.#around = around;
    const onReplaced = (): void => {
      this.#relay?.pool.recycle();
      if (this.#asks && this.#era.known !== undefined) void this.#era.learn(true);
    };
    this.#own = processSupply(config, { ...around, onReplaced });
    const hasPlace = (): boolean => this.#pooled < Math.max(this.#least + 1, config.pool.max);
    const fit = (): void => {
      this.#fit();
    };
    this.#disposables = new Disposables(config, { ...around, hasPlace, onGone: fit });
    this.#era = new ServerEra(config, {
      ...around,
      disposables: this.#disposables,
      onAsking: (isAsking) => {
        this.#isAsking = isAsking;
        fit();
      },
      onKnown: () => {
        this.#follow();
      },
    });
  }

  get era(): Era | 'unknown' {
    return this.#era.known ?? 'unknown';
  }

  get way(): ModernWay | undefined {
    const { modern } = this.#config;
    if (modern !== 'auto') return modern;
    const { known } = this.#era;
    return known && this.#wayOf(known);
  }

  async find(): Promise<ModernWay> {
    return this.way ?? this.#wayOf(await this.#era.find());
  }

  /** A share of the upstreams that speak 2026-07-28. */
  join(client: string): ChannelLease {
    this.#around.launches.refuse();
    return this.#openRelay().join(client);
  }

  /** A share of legacy ones, for one request. */
  visit(client: string): ChannelLease | undefined {
    return this.#own.visit?.(client);
  }

  async lease(signal: AbortSignal, client: string): Promise<ChannelLease> {
    this.#follow();
    if (this.#isReversed) {
      this.#around.launches.refuse();
      return this.#openRelay().reverse(client);
    }
    const lease = await this.#own.lease(signal, client);
    return this.#asks && this.#era.known === undefined ? this.#suspected(lease) : lease;
  }

  get waiting(): number {
    return this.#own.waiting;
  }

  get shortage(): number {
    return this.#own.shortage;
  }

  /** What it speaks is asked meanwhile, where containers are kept ready anyway; and when nothing could be started. */
  async open(): Promise<void> {
    const asked = this.#asks && keepsReady(this.#config) ? this.#era.learn() : undefined;
    try {
      await this.#own.open();
    } catch (error) {
      if (!this.#asks) throw error;
      await (asked ?? this.#era.learn());
      if (!this.#isReversed) throw error;
    }
    if (this.#isReversed) await this.#relay?.pool.fill();
  }

  recycle(): void {
    this.#own.recycle();
  }

  refresh(): Promise<void> {
    return this.#own.refresh();
  }

  drain(): void {
    this.#isDrained = true;
    this.#era.close();
    this.#own.drain();
    this.#relay?.pool.drain();
  }

  resize(): void {
    this.#fit();
  }

  retire(): void {
    this.#isRetired = true;
    this.#era.close();
    this.#own.retire();
    this.#fit();
  }

  get containers(): number {
    return this.#pooled + this.#disposables.count;
  }

  get unexpected(): number {
    return this.#own.unexpected + (this.#relay?.unexpected ?? 0);
  }

  get trouble(): string | undefined {
    return this.#own.trouble;
  }

  stats(): ReturnType<Supply['stats']> {
    return this.#isReversed ? this.#relay?.pool.stats() : this.#own.stats();
  }

  /** Its pool, and a second one where clients of 2026-07-28 have their own. */
  describe(): object {
    const relay = this.#relay?.pool.stats();
    const { max } = this.#config.pool;
    // A place that is left for a question is nobody's business.
    if (this.#isReversed) return { pool: { ...relay, max } };
    return { pool: { ...this.#own.stats(), max }, ...(relay === undefined ? {} : { relay }) };
  }

  /** Whether it matters what it speaks. */
  get #asks(): boolean {
    const { modern, disabled } = this.#config;
    return modern === 'auto' && disabled === undefined && !this.#isDrained;
  }

  get #pooled(): number {
    return this.#own.containers + (this.#relay ? containersIn(this.#relay) : 0);
  }

  #wayOf(era: Era): ModernWay {
    return wayOf(this.#around.makeRelay ? era : 'legacy', this.#config);
  }

  /** Does what follows from what is known now. */
  #follow(): void {
    const { makeRelay } = this.#around;
    const isReversed = makeRelay !== undefined && this.#config.modern === 'auto' && this.#era.known === 'modern';
    if (isReversed === this.#isReversed || this.#isDrained) return;
    this.#isReversed = isReversed;
    if (isReversed) this.#openRelay();
    this.#fit();
  }

  /** The only container that many share does not end for a question: another one runs beside it for a moment. */
  get #least(): number {
    return this.#config.sharing === 'shared' ? 1 : 0;
  }

  /** The sizes of its pools, by what is known and asked. */
  #fit(): void {
    const { pool } = this.#config;
    // The place of one that was asked is free when it is gone.
    const max = Math.max(this.#least, pool.max - Math.max(this.#isAsking ? 1 : 0, this.#disposables.count));
    this.#own.resize({ ...this.#config, pool: within(pool, this.#isReversed ? 0 : max, !this.#isRetired) });
    this.#relay?.pool.resize(this.#relayPool(max));
  }

  #relayPool(max: number): PoolConfig {
    const { pool, sharing } = this.#config;
    // What is kept ready of containers that clients have for themselves says whether any are.
    const min = sharing === 'shared' ? pool.min : Math.min(pool.warm, 1);
    return within({ ...pool, min }, max, this.#isReversed && !this.#isRetired);
  }

  #openRelay(): Relay {
    const { makeRelay, launches } = this.#around;
    if (this.#isDrained || !makeRelay) throw drainingError();
    if (this.#relay) return this.#relay;
    const config = { ...this.#config, pool: this.#relayPool(this.#config.pool.max) };
    this.#relay = makeRelay(config, { ...this.#around, start: launches.start });
    return this.#relay;
  }

  /** A client that is refused as it is answered, or never answered, may have been of another era than the server. */
  #suspected(lease: ChannelLease): ChannelLease {
    let isNew = true;
    return {
      upstream: lease.upstream,
      wasWarm: lease.wasWarm,
      prove: () => {
        queueMicrotask(() => {
          isNew = false;
        });
        lease.prove();
      },
      release: async (reason: RetireReason) => {
        const isSuspect = isNew && reason !== 'never-used';
        await lease.release(reason);
        if (isSuspect && this.#asks && this.#era.known === undefined) void this.#era.learn();
      },
    };
  }
}

/** How requests of 2026-07-28 are served where the file does not say it. */
export function wayOf(era: Era, { sharing }: Pick<ServerConfig, 'sharing'>): ModernWay {
  if (era !== 'legacy') return 'relay';
  return sharing === 'shared' ? 'translate' : 'fallback';
}

/** Whether it has containers that nobody asked for, and room beside them. */
function keepsReady({ sharing, pool }: ServerConfig): boolean {
  return sharing === 'shared' || (pool.max > 1 && pool.warm > 0);
}

function within(pool: PoolConfig, max: number, isOpen: boolean): PoolConfig {
  const [warm, min] = isOpen ? [pool.warm, pool.min] : [0, 0];
  return { ...pool, max, warm: Math.min(warm, max), min: Math.min(min, max) };
}

function containersIn({ pool }: Relay): number {
  const { starting, ready, draining, retiring } = pool.stats();
  return starting + ready + draining + retiring;
}
