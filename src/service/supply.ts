import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { PoolConfig, ProcessServer, ServerConfig } from '../config/config.ts';
import type { Budget } from '../pool/budget.ts';
import { Pool, type PoolStats } from '../pool/pool.ts';
import type { SharedPoolStats } from '../pool/shared-pool.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { ownLease } from '../relay/own-channel.ts';
import { SharedServer } from '../relay/shared-server.ts';
import type { Launches } from './launches.ts';

/** Where the sessions of a server get what they talk to: containers of their own, a share of some, or something else. */
export interface Supply {
  /** See `Served`. */
  lease(signal: AbortSignal, client: string): Promise<ChannelLease>;
  /** For one request only, where that is there at once. @throws {BridgeError} why nothing can be relied upon now */
  visit?(client: string): ChannelLease | undefined;
  readonly waiting: number;
  readonly shortage: number;
  /** Gets what the server needs before it can serve. @throws {BridgeError} */
  open(): Promise<void>;
  /** Starts anew what stands ready, from what is there now. */
  recycle(): void;
  /** The same, where what is there now is something else. */
  refresh(): Promise<void>;
  drain(): void;
  /** Other sizes and times. */
  resize(config: ServerConfig): void;
  /** Nobody new comes: keeps nothing ready for others than the sessions it has. */
  retire(): void;
  /** In whatever state. */
  readonly containers: number;
  /** Messages of its containers that could not even be told which session they are for. */
  readonly unexpected: number;
  /** Why it serves nobody now, where that is known before anybody asks. */
  readonly trouble: string | undefined;
  /** Of its pool, if it has one. */
  stats(): PoolStats | SharedPoolStats | undefined;
  /** For `/status`. */
  describe(): object;
}

interface Surroundings {
  readonly launches: Launches;
  readonly clock: Clock;
  readonly log: Log;
  /** Shared by the pools of all servers. */
  readonly budget: Budget;
  /** Its containers are replaced, by what may be something else. */
  readonly onReplaced: () => void;
}

/** The containers of a server, or its plain processes. */
export function processSupply(config: ProcessServer, around: Surroundings): Supply {
  return config.sharing === 'shared' ? sharedSupply(config, around) : ownSupply(config, around);
}

function ownSupply(config: ServerConfig, { launches, onReplaced, ...around }: Surroundings): Supply {
  const { startTimeoutMs, resources } = config;
  const pool = new Pool(poolOf(config), {
    ...around,
    ...{ start: launches.start, startTimeoutMs, memoryBytes: resources.memoryBytes, random: Math.random },
  });
  return {
    lease: async (signal, client) => {
      launches.refuse();
      const lease = await pool.acquire(signal, client);
      return ownLease(lease, config.pingIntervalMs, around.clock);
    },
    get waiting() {
      return pool.stats().waiting;
    },
    get shortage() {
      return pool.shortage;
    },
    open: async () => {
      await launches.prepare();
      await pool.fill();
    },
    recycle: () => {
      launches.recycle(() => {
        pool.recycle();
        onReplaced();
      });
    },
    refresh: () =>
      launches.refresh(() => {
        pool.recycle();
      }),
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
    trouble: undefined,
    stats: () => pool.stats(),
    describe: () => ({ pool: pool.stats() }),
  };
}

function sharedSupply(config: ServerConfig, { launches, onReplaced, ...around }: Surroundings): Supply {
  const server = new SharedServer(config, { ...around, start: launches.start });
  const { pool } = server;
  // By itself it starts one, to learn what it offers.
  if (config.disabled) pool.drain();
  return {
    lease: async () => {
      launches.refuse();
      return Promise.resolve(server.join());
    },
    visit: (client) => {
      launches.refuse();
      return server.join(client);
    },
    // A session takes no container away from anybody.
    waiting: 0,
    shortage: 0,
    open: async () => {
      await launches.prepare();
      await pool.fill();
    },
    recycle: () => {
      launches.recycle(() => {
        pool.recycle();
        onReplaced();
      });
    },
    refresh: () =>
      launches.refresh(() => {
        pool.recycle();
      }),
    drain: () => {
      pool.drain();
    },
    resize: (next) => {
      pool.resize(poolOf(next));
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
    trouble: undefined,
    stats: () => pool.stats(),
    describe: () => ({ pool: pool.stats() }),
  };
}

/** A server that is switched off keeps nothing ready. */
function poolOf({ pool, disabled }: ServerConfig): PoolConfig {
  return disabled ? withNothing(pool) : pool;
}

function withNothing(pool: PoolConfig): PoolConfig {
  return { ...pool, warm: 0, min: 0 };
}
