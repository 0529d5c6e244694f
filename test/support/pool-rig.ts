import type { PoolConfig, ServerConfig } from '../../src/config/config.ts';
import { BridgeError } from '../../src/base/errors.ts';
import type { ModernServed } from '../../src/modern/served.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { Owner } from '../../src/engine/labels.ts';
import { Budget } from '../../src/pool/budget.ts';
import { Pool } from '../../src/pool/pool.ts';
import { StartGate } from '../../src/pool/start-gate.ts';
import { ownLease } from '../../src/relay/own-channel.ts';
import { Deaths } from '../../src/upstream/deaths.ts';
import { Leaks } from '../../src/upstream/leaks.ts';
import { startUpstream, type StartContext } from '../../src/upstream/start.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
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
    modern: 'auto',
    inputTimeoutMs: 300_000,
    maxLineBytes: 1024 ** 2,
    replay: { events: 1000, bytes: 4 * 1024 ** 2, ageMs: 300_000 },
    tools: undefined,
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
  readonly served: ModernServed;
  readonly clock: ManualClock;
  readonly engine: FakeEngine;
  readonly gate: StartGate;
  readonly config: ServerConfig;
  readonly pool: Pool;
  readonly budget: Budget;
  /** Names of the containers that are held. */
  readonly held: Set<string>;
  readonly lines: LogLine[];
  /** While set, a start fails with it before anything is launched. */
  startError: Error | undefined;
  /** Decides of each start, counted from 0, whether it fails. */
  failStart: (count: number) => Error | undefined;
}

/** What several pools may share. */
interface Node {
  readonly clock: ManualClock;
  readonly gate: StartGate;
  readonly budget: Budget;
  /** Half-way by default, so that every wait is the same in each run. */
  readonly random: () => number;
}

/** A pool of fake servers behind a real gate. */
export function poolRig(
  overrides: Overrides = {},
  habit: Habit | ((count: number) => Habit) = {},
  starts = 4,
  node: Partial<Node> = {},
): PoolRig {
  const {
    clock = new ManualClock(),
    gate = new StartGate(starts),
    budget = new Budget({ containers: 0, memoryBytes: 0 }),
    random = () => 0.5,
  } = node;
  const engine = new FakeEngine(clock, habit);
  const config = serverConfig(overrides);
  const { log, lines } = quietLog();
  const held = new Set<string>();
  const context = { ...startContext(clock), held, log };
  const rig: Pick<PoolRig, 'startError' | 'failStart'> = { startError: undefined, failStart: () => rig.startError };
  let count = 0;
  const open = (isWanted: () => boolean): Upstream => {
    if (!isWanted()) throw new BridgeError('DRAINING', 'not wanted any more');
    return startUpstream(engine, config, { kind: 'image', image: 'example.org/demo' }, context);
  };
  const pool = new Pool(config.pool, {
    start: (priority, isWanted) => {
      const error = rig.failStart(count);
      count += 1;
      if (error) return Promise.reject(error);
      return Promise.resolve(gate.start(priority, () => open(isWanted)));
    },
    clock,
    log,
    startTimeoutMs: config.startTimeoutMs,
    budget,
    memoryBytes: config.resources.memoryBytes,
    random,
  });
  const served: ModernServed = {
    modern: {
      way: 'fallback',
      find: () => Promise.resolve('fallback'),
      lease: () => Promise.reject(new Error('Nothing is leased for a request alone')),
    },
    config,
    lease: async (signal, client) => ownLease(await pool.acquire(signal, client), config.pingIntervalMs, clock),
    get waiting() {
      return pool.stats().waiting;
    },
    get shortage() {
      return pool.shortage;
    },
  };
  return Object.assign(rig, { clock, engine, gate, config, pool, served, held, lines, budget });
}

/** What `startUpstream` needs besides, with nothing in it yet. */
export function startContext(clock: Clock): StartContext {
  return {
    ...{ owner, held: new Set(), leaks: new Leaks(clock), deaths: new Deaths() },
    ...{ clock, log: quietLog().log },
  };
}

/** A signal that never aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}
