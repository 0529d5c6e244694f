import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BridgeError } from '../../src/base/errors.ts';
import type { FakeChild, Habit } from '../support/fake-engine.ts';
import { settle } from '../support/manual-clock.ts';
import { Caller, linesOf, serve, sharedPoolRig, type SharedPoolRig } from '../support/shared-rig.ts';

/** What the world does next. Numbers choose among what is there. */
type Step =
  | { readonly do: 'call'; readonly client: number }
  | { readonly do: 'answer' | 'cancel' | 'die' | 'pause'; readonly pick: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'resize'; readonly min: number; readonly more: number }
  | { readonly do: 'order'; readonly order: keyof typeof orders };

/** What an operator or the engine does. */
const orders = {
  'break starts': (rig: SharedPoolRig) => (rig.startError = new BridgeError('ENGINE_UNAVAILABLE', 'down')),
  'mend starts': (rig: SharedPoolRig) => (rig.startError = undefined),
  recycle: ({ pool }: SharedPoolRig) => {
    pool.recycle();
  },
  hold: ({ pool }: SharedPoolRig) => {
    pool.hold(true);
  },
  'let go': ({ pool }: SharedPoolRig) => {
    pool.hold(false);
  },
};

interface Sizes {
  readonly min: number;
  readonly more: number;
  readonly maxOngoing: number;
  readonly queue: number;
  readonly maxUses: number;
  readonly starts: number;
}

const pick = fc.nat({ max: 1000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('call' as const), client: fc.nat(2) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cancel' as const, 'die' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pause' as const), pick }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 0, 20, 300, 1500, 6000, 20_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('resize' as const), min: fc.nat(2), more: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('order' as const),
      order: fc.constantFrom<keyof typeof orders>(
        'break starts',
        'mend starts',
        'mend starts',
        'recycle',
        'hold',
        'let go',
      ),
    }),
  },
);

const habit: fc.Arbitrary<Habit> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Habit>({ onLine: serve }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Habit>(
      { onLine: serve, ignoresEof: true },
      { onLine: serve, startsAfterMs: 700 },
      { onLine: () => undefined, ignoresEof: true },
      { onLine: serve, exits: { code: 1, signal: undefined } },
      { onLine: serve, exits: { code: 137, signal: undefined, afterMs: 2500 } },
    ),
  },
);

const settings: fc.Arbitrary<Sizes> = fc.record({
  min: fc.nat(2),
  more: fc.integer({ min: 1, max: 3 }),
  maxOngoing: fc.integer({ min: 1, max: 4 }),
  queue: fc.nat(5),
  maxUses: fc.constantFrom(0, 0, 3),
  starts: fc.integer({ min: 1, max: 3 }),
});

function choose<T>(from: readonly T[], number: number): T | undefined {
  return from.length === 0 ? undefined : from[number % from.length];
}

/** The calls that a server has not answered. */
function pendingOn(child: FakeChild, answered: ReadonlySet<string>): (string | number)[] {
  return linesOf(child, 'tools/call').flatMap(({ id }) =>
    id === undefined || answered.has(`${child.name} ${id}`) ? [] : [id],
  );
}

describe('SharedPool, whatever happens in whatever order,', () => {
  it('gives every call one end, keeps the cap, counts rightly, and leaves nothing behind', async () => {
    const run = async (
      { min, more, starts, ...sizes }: Sizes,
      habits: readonly Habit[],
      steps: readonly Step[],
    ): Promise<void> => {
      const scaling = { target: 1, upscaleDelayMs: 400, downscaleDelayMs: 2000, lookBackMs: 600 };
      const pool = { ...sizes, min, max: min + more, maxAgeMs: 30_000, acquireTimeoutMs: 4000 };
      const rig = sharedPoolRig(
        {
          ...{ startTimeoutMs: 5000, pingIntervalMs: 3000 },
          pool: { ...pool, scaling: { ...scaling, upscaleFactor: 1, downscaleFactor: 1 } },
        },
        (count) => habits[count % habits.length] ?? {},
        starts,
      );
      const callers: Caller[] = [];
      const answered = new Set<string>();
      // A smaller max holds from the moment on in which what is too much has gone.
      let largest = min + more;

      const answer = (child: FakeChild | undefined, number: number): void => {
        if (!child || child.hasExited) return;
        const id = choose(pendingOn(child, answered), number);
        if (id === undefined) return;
        answered.add(`${child.name} ${id}`);
        child.say({ jsonrpc: '2.0', id, result: {} });
      };
      const hit = (next: Extract<Step, { pick: number }>): void => {
        const child = choose(rig.engine.children, next.pick);
        const caller = choose(callers, next.pick);
        if (next.do === 'answer') answer(child, next.pick);
        else if (next.do === 'cancel') caller?.cancel(next.pick % 2 === 0);
        else if (next.do === 'die') child?.exit({ code: 1, signal: undefined });
        else child?.stdin.pause();
      };
      const resize = (newMin: number, max: number): void => {
        largest = Math.max(largest, max);
        rig.pool.resize({ ...rig.config.pool, min: newMin, max });
      };
      const act = async (next: Step): Promise<void> => {
        if (next.do === 'call') callers.push(new Caller(rig.pool, `client ${next.client}`));
        else if (next.do === 'wait') await rig.clock.advance(next.ms);
        else if (next.do === 'order') orders[next.order](rig);
        else if (next.do === 'resize') resize(next.min, next.min + next.more);
        else hit(next);
      };
      const check = (): void => {
        const { starting, ready, draining, retiring, ongoing, waiting } = rig.pool.stats();
        const containers = starting + ready + draining + retiring;
        const open = callers.filter(({ ends }) => ends === 0).length;
        expect(containers).toBeLessThanOrEqual(largest + 1);
        expect(rig.engine.live.length).toBeLessThanOrEqual(containers);
        expect(rig.budget.stats().containers).toBe(containers);
        expect(ongoing).toBeGreaterThanOrEqual(0);
        expect(ongoing + waiting).toBeLessThanOrEqual(open);
        expect(callers.every(({ ends }) => ends <= 1)).toBe(true);
      };

      rig.pool.fill().catch(() => undefined);
      for (const next of steps) {
        await act(next);
        check();
      }
      await settle();
      check();
      // Every wait has a bound.
      await rig.clock.advance(10_000);
      expect(callers.filter(({ outcome }) => outcome === 'waits')).toEqual([]);

      // The sessions end: what is sent is given up.
      rig.pool.drain();
      for (const caller of callers) caller.cancel(false);
      await rig.clock.advance(60_000);
      expect(rig.pool.stats()).toMatchObject({
        starting: 0,
        ready: 0,
        draining: 0,
        retiring: 0,
        waiting: 0,
        ongoing: 0,
      });
      expect([rig.engine.live, rig.held.size, rig.clock.pending]).toEqual([[], 0, 0]);
      expect(rig.budget.stats()).toMatchObject({ containers: 0, memoryBytes: 0 });
      expect(callers.map(({ ends }) => ends)).toEqual(callers.map(() => 1));
    };
    await fc.assert(
      fc.asyncProperty(
        settings,
        fc.array(habit, { minLength: 1, maxLength: 5 }),
        fc.array(step, { maxLength: 80 }),
        run,
      ),
      { numRuns: Number(process.env['RUNS'] ?? 100) },
    );
  }, 600_000);
});
