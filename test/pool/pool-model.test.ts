import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BridgeError } from '../../src/base/errors.ts';
import { Budget } from '../../src/pool/budget.ts';
import type { Lease, PoolStats } from '../../src/pool/pool.ts';
import { StartGate } from '../../src/pool/start-gate.ts';
import type { RetireReason } from '../../src/pool/slot.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import type { Habit } from '../support/fake-engine.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { poolRig, type PoolRig } from '../support/pool-rig.ts';

interface Sizes {
  readonly max: number;
  readonly warm: number;
  readonly queue: number;
}

/** What the world does next. Numbers choose among what is there. */
type Step =
  | { readonly do: 'acquire'; readonly pool: number; readonly client: string }
  | { readonly do: 'abort' | 'answer' | 'die'; readonly pick: number }
  | { readonly do: 'release'; readonly pick: number; readonly reason: RetireReason }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'resize'; readonly pool: number; readonly sizes: Sizes }
  | { readonly do: 'limit'; readonly containers: number }
  | { readonly do: 'break-starts'; readonly code: 'ENGINE_UNAVAILABLE' | 'IMAGE_UNAVAILABLE' }
  | { readonly do: 'recycle'; readonly pool: number }
  | { readonly do: 'mend-starts' | 'settle' };

const is = <T extends string>(what: T): fc.Arbitrary<T> => fc.constant(what);
const pick = fc.nat({ max: 1000 });
const which = fc.nat({ max: 1 });
/** 0 sets no limit. */
const containers = fc.integer({ min: 0, max: 5 });
const sizes: fc.Arbitrary<Sizes> = fc.record({
  max: fc.integer({ min: 1, max: 4 }),
  warm: fc.integer({ min: 0, max: 3 }),
  queue: fc.integer({ min: 0, max: 6 }),
});
const reason = fc.constantFrom<RetireReason>('session-ended', 'session-ended', 'never-used', 'start-failed');
const broken = fc.constantFrom('ENGINE_UNAVAILABLE' as const, 'IMAGE_UNAVAILABLE' as const);
const ms = fc.constantFrom(0, 20, 300, 1500, 6000, 70_000);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: is('acquire'), pool: which, client: fc.constantFrom('a', 'b', 'c') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('abort', 'answer', 'die'), pick }) },
  { weight: 4, arbitrary: fc.record({ do: is('release'), pick, reason }) },
  { weight: 4, arbitrary: fc.record({ do: is('wait'), ms }) },
  { weight: 1, arbitrary: fc.record({ do: is('resize'), pool: which, sizes }) },
  { weight: 1, arbitrary: fc.record({ do: is('limit'), containers }) },
  { weight: 1, arbitrary: fc.record({ do: is('recycle'), pool: which }) },
  { weight: 1, arbitrary: fc.record({ do: is('break-starts'), code: broken }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('mend-starts', 'settle') }) },
);

const habit: fc.Arbitrary<Habit> = fc.constantFrom<Habit>(
  {},
  { ignoresEof: true },
  { startsAfterMs: 50 },
  { startsAfterMs: 700, ignoresEof: true },
  { exits: { code: 1, signal: undefined } },
  { exits: { code: 137, signal: undefined, afterMs: 900 } },
);

const settings = fc.record({ sizes: fc.tuple(sizes, sizes), starts: fc.integer({ min: 1, max: 3 }), containers });

interface Client {
  readonly abort: AbortController;
  outcome: 'waiting' | 'leased' | 'refused';
  lease: Lease | undefined;
}

function choose<T>(from: readonly T[], number: number): T | undefined {
  return from.length === 0 ? undefined : from[number % from.length];
}

function total({ starting, warm, leased, retiring }: PoolStats): number {
  return starting + warm + leased + retiring;
}

/** Two pools on one node, their clients, and what must be true of them at every moment. */
class World {
  readonly clock = new ManualClock();
  readonly budget: Budget;
  readonly rigs: readonly [PoolRig, PoolRig];
  readonly clients: Client[] = [];
  readonly #used = new Set<Upstream>();

  constructor(
    { sizes: [first, second], starts, containers: cap }: { sizes: [Sizes, Sizes]; starts: number; containers: number },
    habits: readonly Habit[],
  ) {
    this.budget = new Budget({ containers: cap, memoryBytes: 0 });
    const node = { clock: this.clock, gate: new StartGate(starts), budget: this.budget };
    const behave = (count: number): Habit => habits[count % habits.length] ?? {};
    this.rigs = [poolRig({ pool: first }, behave, starts, node), poolRig({ pool: second }, behave, starts, node)];
    for (const { pool } of this.rigs) pool.fill().catch(() => undefined);
  }

  /** Does it, and looks whether a limit was passed, or an open circuit was. */
  async act(next: Step): Promise<void> {
    const before = this.rigs.map(({ pool }) => pool.stats());
    const held = this.budget.stats().containers;
    await this.#do(next);
    this.rigs.forEach(({ pool, engine }, i) => {
      const [was, now] = [before[i]!, pool.stats()];
      // What was too much after a limit was lowered may only become less.
      expect(total(now)).toBeLessThanOrEqual(Math.max(now.max, total(was)));
      expect(engine.live.length).toBeLessThanOrEqual(total(now));
      if (next.do === 'wait' || next.do === 'recycle') return;
      if (was.circuit === 'open' && now.circuit === 'open') expect(now.starts).toBe(was.starts);
      if (was.circuit === 'half-open' && now.circuit === 'half-open')
        expect(now.starts).toBeLessThanOrEqual(was.starts + 1);
    });
    const { containers: all, maxContainers } = this.budget.stats();
    expect(all).toBe(this.rigs.reduce((sum, { pool }) => sum + total(pool.stats()), 0));
    expect(all).toBeLessThanOrEqual(maxContainers === 0 ? Infinity : Math.max(maxContainers, held));
  }

  /** Ends everything that was leased. */
  releaseAll(): void {
    for (const client of this.clients) this.#release(client, 'session-ended');
  }

  async #do(next: Step): Promise<void> {
    if (next.do === 'wait') await this.clock.advance(next.ms);
    else if (next.do === 'settle') await settle();
    else if (next.do === 'limit') this.budget.resize({ containers: next.containers, memoryBytes: 0 });
    else if ('pool' in next) this.#command(this.rigs[next.pool]!, next);
    else if ('pick' in next) this.#hit(next);
    else {
      const error = next.do === 'break-starts' ? new BridgeError(next.code, 'broken') : undefined;
      for (const rig of this.rigs) rig.startError = error;
    }
  }

  #command(rig: PoolRig, next: Extract<Step, { pool: number }>): void {
    if (next.do === 'acquire') this.#acquire(rig, next.client);
    else if (next.do === 'resize') rig.pool.resize({ ...rig.config.pool, ...next.sizes });
    else rig.pool.recycle();
  }

  #hit(next: Extract<Step, { pick: number }>): void {
    const leaseholder = choose(
      this.clients.filter(({ lease }) => lease),
      next.pick,
    );
    const children = this.rigs.flatMap(({ engine }) => engine.children);
    if (next.do === 'abort') choose(this.clients, next.pick)?.abort.abort(new Error('gone'));
    else if (next.do === 'answer') leaseholder?.lease?.prove();
    else if (next.do === 'release') this.#release(leaseholder, next.reason);
    else choose(children, next.pick)?.exit({ code: 1, signal: undefined });
  }

  #acquire({ pool }: PoolRig, name: string): void {
    const client: Client = { abort: new AbortController(), outcome: 'waiting', lease: undefined };
    this.clients.push(client);
    pool.acquire(client.abort.signal, name).then(
      (lease) => {
        expect(this.#used.has(lease.upstream)).toBe(false);
        this.#used.add(lease.upstream);
        client.outcome = 'leased';
        client.lease = lease;
      },
      () => (client.outcome = 'refused'),
    );
  }

  #release(client: Client | undefined, why: RetireReason): void {
    const lease = client?.lease;
    if (!client || !lease) return;
    client.lease = undefined;
    void lease.release(why);
  }
}

describe('Pools, whatever happens in whatever order,', () => {
  it('keep every limit, settle every wait, lease nothing twice, start nothing in an open circuit, and leave nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        settings,
        fc.array(habit, { minLength: 1, maxLength: 5 }),
        fc.array(step, { maxLength: 60 }),
        async (setting, habits, steps) => {
          const world = new World(setting, habits);
          const { clock, budget, rigs, clients } = world;
          for (const next of steps) await world.act(next);
          // Every wait has a bound: nobody waits for ever, even when nothing is released.
          await clock.advance(40_000);
          expect(clients.filter(({ outcome }) => outcome === 'waiting')).toEqual([]);

          for (const { pool } of rigs) pool.drain();
          world.releaseAll();
          await clock.advance(60_000);
          for (const { pool, engine, held } of rigs) {
            expect([engine.live, held.size]).toEqual([[], 0]);
            expect(pool.stats()).toMatchObject({ starting: 0, warm: 0, leased: 0, retiring: 0, waiting: 0 });
          }
          expect([budget.stats().containers, clock.pending]).toEqual([0, 0]);
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);

  it('give a client a container in the end, when there is nothing in its way any more', async () => {
    await fc.assert(
      fc.asyncProperty(
        settings,
        fc.array(habit, { minLength: 1, maxLength: 5 }),
        fc.array(step, { maxLength: 40 }),
        which,
        async (setting, habits, steps, pool) => {
          const world = new World(setting, habits);
          const { clock, rigs, clients } = world;
          for (const next of steps) await world.act(next);
          await world.act({ do: 'mend-starts' });
          world.releaseAll();
          for (const { engine } of rigs) engine.habit = {};
          // Every back-off is over within a minute; what had begun with a bad habit has ended.
          await clock.advance(70_000);
          world.releaseAll();
          await clock.advance(70_000);
          await world.act({ do: 'acquire', pool, client: 'last' });
          await clock.advance(5000);
          expect(clients.at(-1)?.outcome).toBe('leased');
          for (const rig of rigs) rig.pool.drain();
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});
