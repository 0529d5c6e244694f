import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { PoolConfig, ServerConfig } from '../config/config.ts';
import type { Budget } from '../pool/budget.ts';
import type { FleetSurroundings } from '../pool/fleet.ts';
import { Pool, type PoolStats } from '../pool/pool.ts';
import type { SharedPoolStats } from '../pool/shared-pool.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { ownLease } from '../relay/own-channel.ts';
import { SharedServer } from '../relay/shared-server.ts';

/** Where the sessions of a server get what they talk to: containers of their own, or a share of some. */
export interface Supply {
  /** See `Served`. */
  lease(signal: AbortSignal, client: string): Promise<ChannelLease>;
  readonly waiting: number;
  readonly shortage: number;
  /** See `Pool`. */
  fill(): Promise<void>;
  recycle(): void;
  drain(): void;
  /** Other sizes and times. */
  resize(config: ServerConfig): void;
  /** Nobody new comes: keeps nothing ready for others than the sessions it has. */
  retire(): void;
  /** In whatever state. */
  readonly containers: number;
  /** Messages of its containers that could not even be told which session they are for. */
  readonly unexpected: number;
  stats(): PoolStats | SharedPoolStats;
}

interface Surroundings {
  readonly start: FleetSurroundings['start'];
  readonly clock: Clock;
  readonly log: Log;
  /** Shared by the pools of all servers. */
  readonly budget: Budget;
}

export function supplyFor(config: ServerConfig, around: Surroundings): Supply {
  return config.sharing === 'shared' ? sharedSupply(config, around) : ownSupply(config, around);
}

function ownSupply(config: ServerConfig, around: Surroundings): Supply {
  const { startTimeoutMs, resources } = config;
  const pool = new Pool(poolOf(config), {
    ...around,
    ...{ startTimeoutMs, memoryBytes: resources.memoryBytes, random: Math.random },
  });
  return {
    lease: async (signal, client) => {
      const lease = await pool.acquire(signal, client);
      return ownLease(lease, config.pingIntervalMs, around.clock);
    },
    get waiting() {
      return pool.stats().waiting;
    },
    get shortage() {
      return pool.shortage;
    },
    fill: () => pool.fill(),
    recycle: () => {
      pool.recycle();
    },
    drain: () => {
      pool.drain();
    },
    resize: (next) => {
      pool.resize(poolOf(next));
    },
    retire: () => {
      pool.drain();
    },
    get containers() {
      const { starting, warm, leased, retiring } = pool.stats();
      return starting + warm + leased + retiring;
    },
    unexpected: 0,
    stats: () => pool.stats(),
  };
}

function sharedSupply(config: ServerConfig, around: Surroundings): Supply {
  const server = new SharedServer(config, around);
  const { pool } = server;
  // By itself it starts one, to learn what it offers.
  if (config.disabled) pool.drain();
  return {
    lease: () => Promise.resolve(server.join()),
    // A session takes no container away from anybody.
    waiting: 0,
    shortage: 0,
    fill: () => pool.fill(),
    recycle: () => {
      pool.recycle();
    },
    drain: () => {
      pool.drain();
    },
    resize: (next) => {
      pool.resize(next.pool);
    },
    retire: () => {
      pool.resize(withNothing(config.pool));
    },
    get containers() {
      const { starting, ready, draining, retiring } = pool.stats();
      return starting + ready + draining + retiring;
    },
    get unexpected() {
      return server.unexpected;
    },
    stats: () => pool.stats(),
  };
}

/** A server that is switched off keeps nothing ready. */
function poolOf({ pool, disabled }: ServerConfig): PoolConfig {
  return disabled ? withNothing(pool) : pool;
}

function withNothing(pool: PoolConfig): PoolConfig {
  return { ...pool, warm: 0, min: 0 };
}
