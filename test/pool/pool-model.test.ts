import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Lease } from '../../src/pool/pool.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { BridgeError } from '../../src/base/errors.ts';
import type { Habit } from '../support/fake-engine.ts';
import { settle } from '../support/manual-clock.ts';
import { poolRig } from '../support/pool-rig.ts';

/** What the world does next. Numbers choose among what is there. */
type Step =
  | { readonly do: 'acquire' }
  | { readonly do: 'abort'; readonly pick: number }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'die'; readonly pick: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'break-starts' }
  | { readonly do: 'mend-starts' }
  | { readonly do: 'settle' };

const pick = fc.nat({ max: 1000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Step>({ do: 'acquire' }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('die' as const), pick }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 20, 300, 1500, 6000) }),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Step>({ do: 'settle' }, { do: 'break-starts' }, { do: 'mend-starts' }),
  },
);

const habit: fc.Arbitrary<Habit> = fc.constantFrom<Habit>(
  {},
  { ignoresEof: true },
  { startsAfterMs: 50 },
  { startsAfterMs: 700, ignoresEof: true },
  { exits: { code: 1, signal: undefined } },
  { exits: { code: 137, signal: undefined, afterMs: 900 } },
);

const settings = fc.record({
  max: fc.integer({ min: 1, max: 4 }),
  warm: fc.integer({ min: 0, max: 3 }),
  queue: fc.integer({ min: 0, max: 6 }),
  starts: fc.integer({ min: 1, max: 3 }),
});

interface Client {
  readonly abort: AbortController;
  outcome: 'waiting' | 'leased' | 'refused';
  lease: Lease | undefined;
}

function choose<T>(from: readonly T[], number: number): T | undefined {
  return from.length === 0 ? undefined : from[number % from.length];
}

describe('Pool, whatever happens in whatever order,', () => {
  it('keeps the cap, settles every wait, leases nothing twice, and leaves nothing behind', async () => {
    const run = async (
      { max, warm, queue, starts }: { max: number; warm: number; queue: number; starts: number },
      habits: readonly Habit[],
      steps: readonly Step[],
    ): Promise<void> => {
      const rig = poolRig({ pool: { max, warm, queue } }, (count) => habits[count % habits.length] ?? {}, starts);
      const { pool, engine, clock } = rig;
      const clients: Client[] = [];
      const used = new Set<Upstream>();
      const acquire = (): void => {
        const client: Client = { abort: new AbortController(), outcome: 'waiting', lease: undefined };
        clients.push(client);
        pool.acquire(client.abort.signal).then(
          (lease) => {
            expect(used.has(lease.upstream)).toBe(false);
            used.add(lease.upstream);
            client.outcome = 'leased';
            client.lease = lease;
          },
          () => (client.outcome = 'refused'),
        );
      };
      const release = (client: Client | undefined): void => {
        const lease = client?.lease;
        if (!client || !lease) return;
        client.lease = undefined;
        void lease.release('session-ended');
      };
      const hit = (next: Extract<Step, { pick: number }>): void => {
        const leaseholders = clients.filter(({ lease }) => lease);
        if (next.do === 'abort') choose(clients, next.pick)?.abort.abort(new Error('gone'));
        else if (next.do === 'release') release(choose(leaseholders, next.pick));
        else choose(engine.children, next.pick)?.exit({ code: 1, signal: undefined });
      };
      const act = async (next: Step): Promise<void> => {
        if (next.do === 'acquire') acquire();
        else if (next.do === 'wait') await clock.advance(next.ms);
        else if (next.do === 'settle') await settle();
        else if (next.do === 'mend-starts') rig.startError = undefined;
        else if (next.do === 'break-starts') rig.startError = new BridgeError('ENGINE_UNAVAILABLE', 'down');
        else hit(next);
      };
      const check = (): void => {
        const { starting, warm: ready, leased, retiring } = pool.stats();
        expect(starting + ready + leased + retiring).toBeLessThanOrEqual(max);
        expect(engine.live.length).toBeLessThanOrEqual(max);
      };

      pool.fill().catch(() => undefined);
      for (const next of steps) {
        await act(next);
        check();
      }
      // Every wait has a bound: nobody waits for ever, even when nothing is released.
      await clock.advance(40_000);
      expect(clients.filter(({ outcome }) => outcome === 'waiting')).toEqual([]);
      expect(engine.peak).toBeLessThanOrEqual(max);

      pool.drain();
      for (const client of clients) release(client);
      await clock.advance(60_000);
      expect(engine.live).toEqual([]);
      expect(pool.stats()).toMatchObject({ starting: 0, warm: 0, leased: 0, retiring: 0, waiting: 0 });
      expect([rig.held.size, clock.pending]).toEqual([0, 0]);
    };
    await fc.assert(
      fc.asyncProperty(
        settings,
        fc.array(habit, { minLength: 1, maxLength: 5 }),
        fc.array(step, { maxLength: 60 }),
        run,
      ),
      { numRuns: 150 },
    );
  }, 60_000);
});
