import { describe, expect, it } from '@jest/globals';
import { Eras } from '../../src/modern/eras.ts';
import { Budget } from '../../src/pool/budget.ts';
import { StartGate } from '../../src/pool/start-gate.ts';
import type { RelayMaker } from '../../src/service/era-supply.ts';
import { LogBook } from '../../src/service/server-logs.ts';
import { ServerRuntime } from '../../src/service/server-runtime.ts';
import { dual, handshake, legacy, modernAnswer, modernOnly, speaking, unknownMethod } from '../support/eras.ts';
import { FakeEngine, type Habit } from '../support/fake-engine.ts';
import { fakeRelay, type FakeRelay } from '../support/fake-relay.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { never, serverConfig, startContext } from '../support/pool-rig.ts';
import { quietLog } from '../support/quiet-log.ts';

class Rig {
  readonly clock = new ManualClock();
  readonly engine: FakeEngine;
  readonly budget = new Budget({ containers: 0, memoryBytes: 0 });
  readonly eras = new Eras(this.clock);
  readonly relays: FakeRelay[] = [];

  constructor(habit: Habit | ((count: number) => Habit)) {
    this.engine = new FakeEngine(this.clock, habit);
  }

  make(overrides: Parameters<typeof serverConfig>[0]): ServerRuntime {
    const { clock, engine, budget, eras } = this;
    const { log } = quietLog();
    const makeRelay: RelayMaker = (config) => {
      const relay = fakeRelay(config);
      this.relays.push(relay);
      return relay;
    };
    return new ServerRuntime(Object.freeze(serverConfig(overrides)), {
      engines: { for: () => Promise.resolve(engine), refusal: () => undefined },
      ...{ gate: new StartGate(4), budget, eras, makeRelay, clock, log, logs: new LogBook() },
      context: { ...startContext(clock), log },
      onProgress: () => undefined,
      members: () => [],
      peers: () => [],
    });
  }

  async found(runtime: ServerRuntime): Promise<unknown[]> {
    const [way] = await Promise.all([runtime.modern.find(), this.clock.advance(60_000)]);
    return [way, runtime.era];
  }
}

const silentThenHandshake = speaking({ initialize: handshake });
const unsupported = (supported: string[]) => ({ error: { code: -32_022, message: 'no', data: { supported } } });

describe('ModernSupply.find()', () => {
  it.each<[string, Habit, unknown[]]>([
    ['that answers only 2026-07-28', modernOnly, ['relay', 'modern']],
    ['that shakes hands as well', dual, ['relay', 'dual']],
    [
      'that lists older revisions as well',
      speaking({ 'server/discover': { result: { supportedVersions: ['2026-07-28', '2025-11-25'] } } }),
      ['relay', 'dual'],
    ],
    ['that does not know the method', legacy, ['fallback', 'legacy']],
    ['that says nothing but shakes hands', silentThenHandshake, ['fallback', 'legacy']],
    ['that ends upon it', speaking({ initialize: handshake }, 'server/discover'), ['fallback', 'legacy']],
    ['that says nothing at all', speaking({}), ['fallback', 'legacy']],
    [
      'that refuses the revision and has it',
      speaking({ 'server/discover': unsupported(['2026-07-28']), initialize: unknownMethod }),
      ['relay', 'modern'],
    ],
    [
      'that has another modern revision only',
      speaking({ 'server/discover': unsupported(['2027-01-01']), initialize: handshake }),
      ['fallback', 'legacy'],
    ],
    [
      'that misses a capability',
      speaking({ 'server/discover': { error: { code: -32_021, message: 'no' } }, initialize: unknownMethod }),
      ['relay', 'modern'],
    ],
  ])('says of a server %s what it is, and leaves no container behind', async (_what, habit, wanted) => {
    const rig = new Rig(habit);
    expect(await rig.found(rig.make({}))).toEqual(wanted);
    await rig.clock.advance(60_000);
    expect([rig.engine.live, rig.budget.stats().containers]).toEqual([[], 0]);
  });

  it('does not wait for a slow server longer than it takes', async () => {
    const rig = new Rig({ ...silentThenHandshake, startsAfterMs: 5000 });
    const runtime = rig.make({});
    const finding = runtime.modern.find();
    await rig.clock.advance(6500);
    await finding;
    expect(runtime.era).toBe('legacy');
  });

  it('is asked once for an image, however many servers and clients want to know', async () => {
    const rig = new Rig(legacy);
    const runtimes = [rig.make({ name: 'a' }), rig.make({ name: 'b', sharing: 'shared', pool: { min: 0, max: 1 } })];
    const asked = Promise.all(runtimes.flatMap(({ modern }) => [modern.find(), modern.find()]));
    await rig.clock.advance(100);
    const ways = await asked;
    const questions = rig.engine.children.filter(({ received }) => received.join().includes('server/discover'));
    expect([ways, questions.length]).toEqual([['fallback', 'fallback', 'translate', 'translate'], 1]);
  });

  it('forgets a start that failed, and asks again', async () => {
    const rig = new Rig((count) => (count === 0 ? { launchError: new Error('no') } : modernOnly));
    const runtime = rig.make({});
    await Promise.all([expect(runtime.modern.find()).rejects.toThrow('no'), rig.clock.advance(100)]);
    rig.engine.habit = modernOnly;
    expect(await rig.found(runtime)).toEqual(['relay', 'modern']);
  });

  it.each(['fallback', 'per-call'] as const)('starts nothing where %s is written', async (modern) => {
    const rig = new Rig(modernOnly);
    const runtime = rig.make({ modern });
    expect([await rig.found(runtime), rig.engine.children]).toEqual([[modern, 'unknown'], []]);
  });

  it('starts nothing beyond the maximum of its pool', async () => {
    const rig = new Rig(legacy);
    const runtime = rig.make({ pool: { warm: 1, max: 1 } });
    await Promise.all([runtime.open(), rig.clock.advance(100)]);
    await rig.found(runtime);
    await rig.clock.advance(60_000);
    expect([rig.engine.peak, runtime.stats()]).toMatchObject([1, { warm: 1 }]);
  });
});

describe('ModernSupply.find() on a shared server with one container', () => {
  it('ends nothing that clients use: one that is asked runs beside it for a moment', async () => {
    const rig = new Rig(legacy);
    const runtime = rig.make({ sharing: 'shared', pool: { min: 1, max: 1 } });
    await Promise.all([runtime.open(), rig.clock.advance(100)]);
    await rig.found(runtime);
    await rig.clock.advance(60_000);
    const [first] = rig.engine.children;
    expect([first?.isGone, rig.engine.live.length, rig.engine.peak]).toEqual([false, 1, 2]);
  });
});

describe('ServerRuntime of a server that speaks 2026-07-28 only', () => {
  it.each(['session', 'shared'] as const)('serves all clients from one pool (%s)', async (sharing) => {
    const rig = new Rig(modernOnly);
    const runtime = rig.make({ sharing, pool: { warm: 2, min: 2 } });
    await Promise.all([runtime.open(), rig.clock.advance(60_000)]);
    await runtime.lease(never(), 'old');
    await runtime.modern.lease(never(), 'new');
    const [relay] = rig.relays;
    const calls = relay?.calls.filter((call) => call !== 'fill');
    expect([rig.engine.live, rig.relays.length, calls]).toEqual([[], 1, ['reverse old', 'join new']]);
  });

  it('is found out when a client was refused, where nothing is kept ready', async () => {
    const rig = new Rig(modernOnly);
    const runtime = rig.make({ pool: { warm: 0 } });
    const [lease] = await Promise.all([runtime.lease(never(), 'a'), rig.clock.advance(100)]);
    lease.prove();
    void lease.release('session-ended');
    await rig.clock.advance(60_000);
    expect(runtime.era).toBe('modern');
  });
});

describe('ServerRuntime of a server that speaks both', () => {
  it('keeps a pool for sessions, and has a relay that keeps nothing ready', async () => {
    const rig = new Rig(dual);
    const runtime = rig.make({ sharing: 'shared', pool: { min: 2 } });
    await Promise.all([runtime.open(), rig.clock.advance(60_000)]);
    await runtime.modern.lease(never(), 'new');
    expect([rig.engine.live.length, rig.relays[0]?.config.pool.min]).toEqual([2, 0]);
  });
});

describe('ServerRuntime.recycle()', () => {
  it('asks again, and knows what it knew until then', async () => {
    const rig = new Rig(legacy);
    const runtime = rig.make({});
    await rig.found(runtime);
    rig.engine.habit = speaking({ 'server/discover': modernAnswer, initialize: handshake });
    runtime.recycle();
    const meanwhile = runtime.era;
    await rig.clock.advance(60_000);
    expect([meanwhile, runtime.era]).toEqual(['legacy', 'dual']);
  });
});
