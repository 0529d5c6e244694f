import { BridgeError } from '../../src/base/errors.ts';
import type { ServerConfig } from '../../src/config/config.ts';
import type { FleetSurroundings } from '../../src/pool/fleet.ts';
import type { Place, Room } from '../../src/pool/place.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import {
  clientLimits,
  readMessage,
  type Notification,
  type Request,
  type Response,
} from '../../src/jsonrpc/message.ts';
import { Budget } from '../../src/pool/budget.ts';
import { SharedPool } from '../../src/pool/shared-pool.ts';
import { StartGate } from '../../src/pool/start-gate.ts';
import { shakeHands } from '../../src/upstream/handshake.ts';
import { legacyWire } from '../../src/upstream/legacy-wire.ts';
import { SharedUpstream, type SharedClient } from '../../src/upstream/shared-upstream.ts';
import { startUpstream } from '../../src/upstream/start.ts';
import { FakeEngine, initializeResult, type FakeChild, type Habit } from './fake-engine.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { serverConfig, startContext } from './pool-rig.ts';
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
  if (child.hasExited) return;
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

const maxStarts = 2000;

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
      // Starts without a pause between them would never let a test end.
      if (rig.startedAt.length > maxStarts) return new Promise(() => undefined);
      if (rig.startError) return Promise.reject(rig.startError);
      const turn = gate.start(priority, () => {
        if (!isWanted()) throw new BridgeError('DRAINING', 'Cannot start the server: it is not wanted');
        return startUpstream(engine, config, image, { ...startContext(clock), held, log });
      });
      return Promise.resolve(turn);
    },
    open: async (upstream) => {
      const wire = legacyWire({ maxCallTimeMs, clock, onBroadcast: () => undefined });
      const shared = new SharedUpstream(upstream, { maxLineBytes, wire });
      await shakeHands(shared, startTimeoutMs, clock);
      return shared;
    },
    ...{ budget: new Budget({ containers: 0, memoryBytes: 0 }), memoryBytes: 0, random: () => 1 },
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

/** One call: it takes room or waits for it, is sent, and is over with its answer. */
export class Caller implements SharedClient {
  outcome: 'waits' | 'sent' | 'answered' | 'failed' | 'refused' | 'cancelled' = 'waits';
  /** How often it came to an end: never more than once. */
  ends = 0;
  place: Place | undefined;
  readonly #abort = new AbortController();
  #id = 0;

  constructor(pool: SharedPool, client = 'client') {
    const place = pool.tryTake();
    if (place) this.#send(place);
    else void pool.wait(this.#abort.signal, client).then(this.#send.bind(this), this.#end.bind(this, 'refused'));
  }

  onMessage(message: Response | Notification): void {
    if (message.kind === 'response') this.#end('answered');
  }

  onFailed(): void {
    this.#end('failed');
  }

  onAside(): void {
    // Of no interest.
  }

  /** The client gives it up. @param isLate whether it had waited for long */
  cancel(isLate: boolean): void {
    if (this.outcome === 'sent' && this.place) {
      if (isLate) this.place.suspect();
      this.place.shared.cancel(this.#id, { bytes: cancelled, span: cancelledSpan });
      this.#end('cancelled');
    } else if (this.outcome === 'waits') {
      this.#abort.abort(new Error('gone'));
    }
  }

  #send(place: Place): void {
    this.place = place;
    this.outcome = 'sent';
    this.#id = place.shared.call(this, request, requestBytes);
  }

  #end(outcome: Caller['outcome']): void {
    this.outcome = outcome;
    this.ends += 1;
    this.place?.release();
  }
}

const requestBytes = Bytes.from('{"jsonrpc":"2.0","id":1,"method":"tools/call"}');
const request = readMessage(requestBytes, clientLimits) as Request;
const cancelled = Bytes.from('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
const cancelledSpan = (readMessage(cancelled, clientLimits) as Notification).spans.requestId!;

/** One request for room in a pool, and what became of it. */
export class Visitor {
  place: Place | undefined;
  error: unknown;
  readonly #abort = new AbortController();

  /** As a client's call comes: takes room that is there, or waits. */
  constructor(pool: SharedPool, client = 'client', room: Room = 'any') {
    this.place = pool.tryTake(room);
    if (this.place) return;
    pool.wait(this.#abort.signal, client, room).then(
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
