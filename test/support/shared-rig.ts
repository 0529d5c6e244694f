import { BridgeError } from '../../src/base/errors.ts';
import type { ServerConfig } from '../../src/config/config.ts';
import type { FleetSurroundings, Place } from '../../src/pool/fleet.ts';
import { SharedPool } from '../../src/pool/shared-pool.ts';
import { StartGate } from '../../src/pool/start-gate.ts';
import { shakeHands } from '../../src/upstream/handshake.ts';
import { SharedUpstream } from '../../src/upstream/shared-upstream.ts';
import { startUpstream } from '../../src/upstream/start.ts';
import { FakeEngine, initializeResult, type FakeChild, type Habit } from './fake-engine.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { owner, serverConfig } from './pool-rig.ts';
import { quietLog, type LogLine } from './quiet-log.ts';

/** What a server has read, as far as tests look at it. */
export interface Line {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** Answers what Gangway itself asks, with an empty result, and keeps the calls of clients to itself. */
export function serve(line: string, child: FakeChild): void {
  const { id, method } = JSON.parse(line) as Line;
  if (method === 'initialize') child.say({ jsonrpc: '2.0', id, result: initializeResult });
  else if (id !== undefined && method !== 'tools/call') child.say({ jsonrpc: '2.0', id, result: {} });
}

/** A server that can be shared. */
export const serving: Habit = { onLine: serve };

/** What a server was sent, parsed. @param method only these */
export function linesOf({ received }: FakeChild, method?: string): Line[] {
  const lines = received.map((line) => JSON.parse(line) as Line);
  return method === undefined ? lines : lines.filter((line) => line.method === method);
}

/** Where the containers of shared servers come from in tests. */
export interface StartRig extends FleetSurroundings {
  readonly clock: ManualClock;
  readonly engine: FakeEngine;
  readonly gate: StartGate;
  readonly config: ServerConfig;
  /** Names of the containers that are held. */
  readonly held: Set<string>;
  readonly lines: LogLine[];
  /** While set, a start fails with it before anything is launched. */
  startError: Error | undefined;
  /** When each start was asked for. */
  readonly startedAt: number[];
}

/** Starts of fake servers through a real gate, with a real handshake. */
export function startRig(
  overrides: Parameters<typeof serverConfig>[0] = {},
  habit: Habit | ((count: number) => Habit) = serving,
  starts = 4,
): StartRig {
  const clock = new ManualClock();
  const engine = new FakeEngine(clock, habit);
  const gate = new StartGate(starts);
  const config = serverConfig({ sharing: 'shared', ...overrides });
  const { log, lines } = quietLog();
  const held = new Set<string>();
  const image = { kind: 'image', image: 'example.org/demo' } as const;
  const { maxLineBytes, maxCallTimeMs, startTimeoutMs, pingIntervalMs } = config;
  const rig: StartRig = {
    ...{ clock, engine, gate, config, held, log, lines, pingIntervalMs, startError: undefined, startedAt: [] },
    start: (priority, isWanted) => {
      rig.startedAt.push(clock.now());
      if (rig.startError) return Promise.reject(rig.startError);
      const turn = gate.start(priority, () => {
        if (!isWanted()) throw new BridgeError('DRAINING', 'Cannot start the server: it is not wanted');
        return startUpstream(engine, config, image, { owner, held, clock, log });
      });
      return Promise.resolve(turn);
    },
    open: async (upstream) => {
      const around = { maxLineBytes, maxCallTimeMs, clock, onBroadcast: () => undefined };
      const shared = new SharedUpstream(upstream, around);
      await shakeHands(shared, startTimeoutMs, clock);
      return shared;
    },
    random: () => 1,
  };
  return rig;
}

export interface SharedPoolRig extends StartRig {
  readonly pool: SharedPool;
}

/** A shared pool of fake servers. */
export function sharedPoolRig(...parts: Parameters<typeof startRig>): SharedPoolRig {
  const rig = startRig(...parts);
  const pool = new SharedPool(rig.config.pool, { ...rig, startTimeoutMs: rig.config.startTimeoutMs });
  return Object.assign(rig, { pool });
}

/** A shared pool that has started what is there in any case. */
export async function filledPool(...parts: Parameters<typeof startRig>): Promise<SharedPoolRig> {
  const rig = sharedPoolRig(...parts);
  rig.pool.fill().catch(() => undefined);
  await settle();
  return rig;
}

/** One request for room in a pool, and what became of it. */
export class Visitor {
  place: Place | undefined;
  error: unknown;
  readonly #abort = new AbortController();

  /** As a client's call comes: takes room that is there, or waits. */
  constructor(pool: SharedPool) {
    this.place = pool.tryTake();
    if (this.place) return;
    pool.wait(this.#abort.signal).then(
      (place) => (this.place = place),
      (error: unknown) => (this.error = error),
    );
  }

  get outcome(): 'waits' | 'placed' | 'refused' {
    if (this.place) return 'placed';
    return this.error === undefined ? 'waits' : 'refused';
  }

  /** The container that it is at. */
  get at(): string | undefined {
    return this.place?.shared.upstream.name;
  }

  leave(): void {
    if (this.place) this.place.release();
    else this.#abort.abort(new Error('gone'));
  }
}
