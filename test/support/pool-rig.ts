import type { PoolConfig, ServerConfig } from '../../src/config/config.ts';
import type { Served } from '../../src/legacy/registry.ts';
import type { Owner } from '../../src/engine/labels.ts';
import { Pool } from '../../src/pool/pool.ts';
import { StartGate } from '../../src/pool/start-gate.ts';
import { ownLease } from '../../src/relay/own-channel.ts';
import { startUpstream } from '../../src/upstream/start.ts';
import { FakeEngine, type Habit } from './fake-engine.ts';
import { ManualClock } from './manual-clock.ts';
import { quietLog, type LogLine } from './quiet-log.ts';

export const owner: Owner = { instance: 'test', token: 'space.1.1' };

type Overrides = Partial<Omit<ServerConfig, 'pool'>> & { readonly pool?: Partial<PoolConfig> };

/** A server as the configuration's defaults make it, with no warm containers. */
export function serverConfig({ pool, ...rest }: Overrides = {}): ServerConfig {
  return {
    name: 'demo',
    source: { kind: 'image', image: 'example.org/demo' },
    args: [],
    env: [],
    mounts: [],
    user: undefined,
    sharing: 'session',
    network: 'outbound',
    sandbox: 'default',
    pull: 'missing',
    resources: { cpus: 1, memoryBytes: 512 * 1024 ** 2, pids: 128 },
    startTimeoutMs: 30_000,
    callTimeoutMs: 60_000,
    maxCallTimeMs: 600_000,
    pingIntervalMs: 15_000,
    maxLineBytes: 1024 ** 2,
    replay: { events: 1000, bytes: 4 * 1024 ** 2, ageMs: 300_000 },
    disabled: undefined,
    ...rest,
    pool: {
      warm: 0,
      min: 1,
      max: 20,
      maxOngoing: 20,
      maxUses: 0,
      scaling: {
        ...{ target: 10, upscaleDelayMs: 1000, downscaleDelayMs: 300_000, lookBackMs: 5000 },
        ...{ upscaleFactor: 1, downscaleFactor: 1 },
      },
      queue: 100,
      acquireTimeoutMs: 5000,
      idleTimeoutMs: 600_000,
      maxAgeMs: 8 * 3_600_000,
      ...pool,
    },
  };
}

export interface PoolRig {
  /** The pool, as sessions see it. */
  readonly served: Served;
  readonly clock: ManualClock;
  readonly engine: FakeEngine;
  readonly gate: StartGate;
  readonly config: ServerConfig;
  readonly pool: Pool;
  /** Names of the containers that are held. */
  readonly held: Set<string>;
  readonly lines: LogLine[];
  /** While set, a start fails with it before anything is launched. */
  startError: Error | undefined;
  /** Decides of each start, counted from 0, whether it fails. */
  failStart: (count: number) => Error | undefined;
}

/** A pool of fake servers behind a real gate. */
export function poolRig(
  overrides: Overrides = {},
  habit: Habit | ((count: number) => Habit) = {},
  starts = 4,
): PoolRig {
  const clock = new ManualClock();
  const engine = new FakeEngine(clock, habit);
  const gate = new StartGate(starts);
  const config = serverConfig(overrides);
  const { log, lines } = quietLog();
  const held = new Set<string>();
  const context = { owner, held, clock, log };
  const rig: Pick<PoolRig, 'startError' | 'failStart'> = { startError: undefined, failStart: () => rig.startError };
  let count = 0;
  const pool = new Pool(config.pool, {
    start: (priority) => {
      const error = rig.failStart(count);
      count += 1;
      if (error) return Promise.reject(error);
      return Promise.resolve(
        gate.start(priority, () =>
          startUpstream(engine, config, { kind: 'image', image: 'example.org/demo' }, context),
        ),
      );
    },
    clock,
    log,
    startTimeoutMs: config.startTimeoutMs,
  });
  const served: Served = {
    config,
    lease: async (signal) => ownLease(await pool.acquire(signal), config.pingIntervalMs, clock),
    get waiting() {
      return pool.stats().waiting;
    },
    get shortage() {
      return pool.shortage;
    },
  };
  return Object.assign(rig, { clock, engine, gate, config, pool, served, held, lines });
}

/** A signal that never aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}
