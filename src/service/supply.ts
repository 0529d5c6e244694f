import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { PoolConfig, ServerConfig } from '../config/config.ts';
import type { FleetSurroundings } from '../pool/fleet.ts';
import { Pool, type PoolStats } from '../pool/pool.ts';
import type { SharedPoolStats } from '../pool/shared-pool.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { ownLease } from '../relay/own-channel.ts';
import { SharedServer } from '../relay/shared-server.ts';

/** Where the sessions of a server get what they talk to: containers of their own, or a share of some. */
export interface Supply {
  /** See `Served`. */
  lease(signal: AbortSignal): Promise<ChannelLease>;
  readonly waiting: number;
  readonly shortage: number;
  /** See `Pool`. */
  fill(): Promise<void>;
  drain(): void;
  stats(): PoolStats | SharedPoolStats;
}

interface Surroundings {
  readonly start: FleetSurroundings['start'];
  readonly clock: Clock;
  readonly log: Log;
}

export function supplyFor(config: ServerConfig, around: Surroundings): Supply {
  return config.sharing === 'shared' ? sharedSupply(config, around) : ownSupply(config, around);
}

function ownSupply(server: ServerConfig, around: Surroundings): Supply {
  const { pool: config, disabled, startTimeoutMs, pingIntervalMs } = server;
  const pool = new Pool(disabled ? withNothing(config) : config, { ...around, startTimeoutMs });
  return {
    lease: async (signal) => {
      const lease = await pool.acquire(signal);
      return ownLease(lease, pingIntervalMs, around.clock);
    },
    get waiting() {
      return pool.stats().waiting;
    },
    get shortage() {
      return pool.shortage;
    },
    fill: () => pool.fill(),
    drain: () => {
      pool.drain();
    },
    stats: () => pool.stats(),
  };
}

function sharedSupply(config: ServerConfig, around: Surroundings): Supply {
  const server = new SharedServer(config, around);
  const { pool } = server;
  return {
    lease: () => Promise.resolve(server.join()),
    // A session takes no container away from anybody.
    waiting: 0,
    shortage: 0,
    fill: () => pool.fill(),
    drain: () => {
      pool.drain();
    },
    stats: () => pool.stats(),
  };
}

/** A server that is switched off keeps nothing ready. */
function withNothing(config: PoolConfig): PoolConfig {
  return { ...config, warm: 0, min: 0 };
}
