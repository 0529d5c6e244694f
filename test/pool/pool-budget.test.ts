import { describe, expect, it } from '@jest/globals';
import { Budget } from '../../src/pool/budget.ts';
import { StartGate } from '../../src/pool/start-gate.ts';
import type { Habit } from '../support/fake-engine.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { ask, codeOf, fill } from '../support/pool-clients.ts';
import { poolRig, type PoolRig } from '../support/pool-rig.ts';

type Overrides = Parameters<typeof poolRig>[0];

interface Node {
  readonly budget: Budget;
  readonly clock: ManualClock;
  /** A pool on this node. */
  readonly pool: (overrides?: Overrides, habit?: Habit) => PoolRig;
}

/** Pools that share a clock, a gate and a budget. */
function node(containers: number, memoryBytes = 0, starts = 4): Node {
  const clock = new ManualClock();
  const budget = new Budget({ containers, memoryBytes });
  const gate = new StartGate(starts);
  return {
    budget,
    clock,
    pool: (overrides = {}, habit = {}) => poolRig(overrides, habit, starts, { clock, budget, gate }),
  };
}

const mebibyte = 1024 ** 2;
const large = { cpus: 1, memoryBytes: 400 * mebibyte, pids: 1 };

describe('Pools that share a budget', () => {
  it('together never have more containers than it allows, those that end included', async () => {
    const { pool, clock, budget } = node(5);
    const rigs = [pool({ pool: { warm: 2 } }), pool({ pool: { warm: 2 } }, { ignoresEof: true }), pool()];
    for (const rig of rigs) fill(rig);
    let peak = 0;
    for (let i = 0; i < 100; i++) {
      const wait = ask(rigs[i % 3]!);
      clock.after(100, () => void wait.lease?.release('session-ended'));
      await clock.advance(70);
      const live = rigs.reduce((sum, { engine }) => sum + engine.live.length, 0);
      peak = Math.max(peak, live);
      expect(live).toBeLessThanOrEqual(budget.stats().containers);
    }
    expect(peak).toBe(5);
  });

  it('together never promise more memory than it allows', async () => {
    const { pool, budget } = node(0, 1000 * mebibyte);
    const rigs = [pool({ resources: large }), pool({ resources: large })];
    const waits = rigs.flatMap((rig) => [ask(rig), ask(rig)]);
    await settle();
    expect(waits.filter(({ lease }) => lease)).toHaveLength(2);
    expect(budget.stats().memoryBytes).toBe(800 * mebibyte);
  });

  it('give back what a container took when it is gone, and not before', async () => {
    const { pool, clock, budget } = node(1);
    const rig = pool({}, { ignoresEof: true });
    const wait = ask(rig);
    await settle();
    void wait.lease?.release('session-ended');
    await clock.advance(500);
    const early = budget.stats().containers;
    await clock.advance(3000);
    expect([early, budget.stats().containers]).toEqual([1, 0]);
  });

  it.each<[string, Overrides, Habit]>([
    ['cannot be launched', {}, { launchError: new TypeError('no') }],
    ['ends at once', {}, { startsAfterMs: Infinity, exits: { code: 1, signal: undefined } }],
    ['never runs', { startTimeoutMs: 1000 }, { startsAfterMs: Infinity, ignoresEof: true }],
  ])('give back what was taken for a server that %s', async (_what, overrides, habit) => {
    const { pool, clock, budget } = node(3);
    const rig = pool({ ...overrides, pool: { warm: 1 } }, habit);
    fill(rig);
    await clock.advance(500);
    rig.pool.drain();
    await clock.advance(60_000);
    expect([rig.pool.stats().starts > 0, budget.stats().containers]).toEqual([true, 0]);
  });

  it('give back what was taken for starts that the engine never heard of, at once', async () => {
    const { pool, budget, clock } = node(10, 0, 1);
    const rig = pool({ pool: { warm: 8 } }, { startsAfterMs: 60_000 });
    fill(rig);
    await settle();
    const before = budget.stats().containers;
    rig.pool.drain();
    expect([before, budget.stats().containers]).toEqual([8, 1]);
    await clock.advance(120_000);
    expect([budget.stats().containers, rig.engine.children.length]).toEqual([0, 1]);
  });
});

describe('Pool.acquire(), when the node is full,', () => {
  it('throws NODE_FULL after the time in line', async () => {
    const { pool, clock } = node(1);
    const [busy, other] = [pool(), pool({ pool: { acquireTimeoutMs: 5000 } })];
    ask(busy);
    await settle();
    const wait = ask(other);
    await clock.advance(4999);
    const early = codeOf(wait);
    await clock.advance(1);
    expect([early, codeOf(wait)]).toEqual([undefined, 'NODE_FULL']);
  });

  it('throws ACQUIRE_TIMEOUT where it is the server’s own max that is reached', async () => {
    const { pool, clock } = node(1);
    const rig = pool({ pool: { max: 1 } });
    ask(rig);
    const wait = ask(rig);
    await clock.advance(5000);
    expect(codeOf(wait)).toBe('ACQUIRE_TIMEOUT');
  });

  it('throws POOL_FULL where the line is full', async () => {
    const { pool } = node(1);
    const [busy, other] = [pool(), pool({ pool: { queue: 2 } })];
    ask(busy);
    await settle();
    const waits = [ask(other), ask(other), ask(other)];
    await settle();
    expect(waits.map(codeOf)).toEqual([undefined, undefined, 'POOL_FULL']);
  });

  it('throws NODE_FULL at once for a server that can never fit', async () => {
    const { pool } = node(0, 100 * mebibyte);
    const rig = pool({ resources: large });
    const wait = ask(rig);
    await settle();
    expect([codeOf(wait), rig.pool.stats().starts]).toEqual(['NODE_FULL', 0]);
  });

  it('is served when a container of another server is gone', async () => {
    const { pool } = node(1);
    const [busy, other] = [pool(), pool()];
    const first = ask(busy);
    await settle();
    const wait = ask(other);
    void first.lease?.release('session-ended');
    await settle();
    expect(wait.lease).toBeDefined();
  });

  it('is served in turn with the clients of other servers, however many wait there', async () => {
    const { pool, clock } = node(1);
    const [crowded, other] = [pool(), pool()];
    const first = ask(crowded);
    await settle();
    const crowd = Array.from({ length: 50 }, () => ask(crowded));
    const wait = ask(other);
    void first.lease?.release('session-ended');
    await settle();
    void crowd.find(({ lease }) => lease)?.lease?.release('session-ended');
    await clock.advance(100);
    expect(wait.lease).toBeDefined();
  });

  it('counts as a shortage: whoever left without a word makes room', async () => {
    const { pool } = node(1);
    const rig = pool({ pool: { max: 5 } });
    ask(rig);
    await settle();
    ask(rig);
    expect(rig.pool.shortage).toBe(1);
  });

  it('is served when the limits are raised', async () => {
    const { pool, budget } = node(1);
    const [busy, other] = [pool(), pool()];
    ask(busy);
    await settle();
    const wait = ask(other);
    budget.resize({ containers: 2, memoryBytes: 0 });
    await settle();
    expect(wait.lease).toBeDefined();
  });
});

describe('A client that finds the node full of idle containers', () => {
  it('gets the room of one of another server', async () => {
    const { pool, clock } = node(3);
    const [idle, other] = [pool({ pool: { warm: 3 } }), pool()];
    fill(idle);
    await settle();
    const wait = ask(other);
    await clock.advance(0);
    expect([wait.lease === undefined, idle.pool.stats().warm]).toEqual([false, 2]);
  });

  it('takes one, however long that one needs to end', async () => {
    const { pool, clock } = node(3);
    const [idle, other] = [pool({ pool: { warm: 3 } }, { ignoresEof: true }), pool()];
    fill(idle);
    await settle();
    const wait = ask(other);
    await clock.advance(990);
    const early = [wait.lease, idle.pool.stats().warm];
    await clock.advance(1000);
    expect([early, wait.lease === undefined, idle.pool.stats().warm]).toEqual([[undefined, 2], false, 2]);
  });

  it('takes a start that nobody waits for, too', async () => {
    const { pool, clock } = node(2, 0, 1);
    const [idle, other] = [pool({ pool: { warm: 2 } }, { startsAfterMs: 300 }), pool()];
    fill(idle);
    await settle();
    const wait = ask(other);
    await clock.advance(400);
    expect([wait.lease === undefined, idle.pool.stats().starting + idle.pool.stats().warm]).toEqual([false, 1]);
  });

  it('takes none that a client of that server waits for', async () => {
    const { pool, clock } = node(1);
    const [slow, other] = [pool({}, { startsAfterMs: Infinity }), pool()];
    slow.engine.habit = { startsAfterMs: Infinity };
    const first = ask(slow);
    const wait = ask(other);
    await clock.advance(2000);
    expect([first.lease === undefined, wait.lease]).toEqual([false, undefined]);
  });

  it('holds the refills of all servers back for as long as it waits', async () => {
    const { pool, clock, budget } = node(0, 1000 * mebibyte);
    const small = { cpus: 1, memoryBytes: 100 * mebibyte, pids: 1 };
    const [busy, refilled, other] = [
      pool({ resources: large }),
      pool({ resources: small, pool: { warm: 1 } }),
      pool({ resources: large, pool: { acquireTimeoutMs: 5000 } }),
    ];
    ask(busy);
    ask(busy);
    await settle();
    const wait = ask(other);
    fill(refilled);
    await clock.advance(4900);
    const early = [refilled.pool.stats().warm, budget.stats().memoryBytes / mebibyte];
    await clock.advance(2000);
    expect([early, codeOf(wait), refilled.pool.stats().warm]).toEqual([[0, 800], 'NODE_FULL', 1]);
  });

  it('need not wait in line for it', async () => {
    const { pool, clock } = node(2);
    const [idle, other] = [pool({ pool: { warm: 2 } }), pool({ pool: { queue: 0 } })];
    fill(idle);
    await settle();
    const waits = Array.from({ length: 10 }, () => ask(other));
    await clock.advance(100);
    const served = waits.filter(({ lease }) => lease);
    const refused = waits.filter((wait) => codeOf(wait) === 'POOL_FULL');
    expect([served.length, refused.length]).toEqual([2, 8]);
  });

  it('leaves what is idle alone where there is room', async () => {
    const { pool, clock } = node(3);
    const [idle, other] = [pool({ pool: { warm: 2 } }), pool()];
    fill(idle);
    await settle();
    ask(other);
    await clock.advance(2000);
    expect([idle.pool.stats().warm, idle.engine.children.length]).toEqual([2, 2]);
  });

  it('is not served by the pool that filled up again instead', async () => {
    const { pool, clock } = node(2);
    const [idle, other] = [pool({ pool: { warm: 2 } }), pool()];
    fill(idle);
    await settle();
    const waits = [ask(other), ask(other)];
    await clock.advance(10_000);
    expect([waits.every(({ lease }) => lease), idle.pool.stats().warm]).toEqual([true, 0]);
    for (const { lease } of waits) void lease?.release('session-ended');
    await clock.advance(2000);
    expect(idle.pool.stats().warm).toBe(2);
  });
});

describe('Pool.fill(), when the node is full,', () => {
  it('does not wait for room', async () => {
    const { pool } = node(1);
    const [busy, other] = [pool(), pool({ pool: { warm: 1 } })];
    ask(busy);
    await settle();
    await expect(other.pool.fill()).resolves.toBeUndefined();
  });

  it('is made up for when there is room', async () => {
    const { pool, clock } = node(1);
    const [busy, other] = [pool(), pool({ pool: { warm: 1 } })];
    const first = ask(busy);
    await settle();
    fill(other);
    void first.lease?.release('session-ended');
    await clock.advance(1000);
    expect(other.pool.stats().warm).toBe(1);
  });
});

describe('Pool, drained,', () => {
  it('leaves the room of others alone, and gives back its own', async () => {
    const { pool, clock, budget } = node(2);
    const [ending, other] = [pool({ pool: { warm: 1 } }), pool()];
    fill(ending);
    const wait = ask(ending);
    await settle();
    ending.pool.drain();
    ask(other);
    await clock.advance(1000);
    void wait.lease?.release('session-ended');
    await clock.advance(1000);
    expect(budget.stats().containers).toBe(1);
  });

  it('waits for nothing any more: others fill up', async () => {
    const { pool, clock } = node(2);
    const [busy, ending, other] = [pool(), pool(), pool({ pool: { warm: 1 } })];
    const leases = [ask(busy), ask(busy)];
    await settle();
    const wait = ask(ending);
    ending.pool.drain();
    void leases[0]?.lease?.release('session-ended');
    fill(other);
    await clock.advance(1000);
    expect([codeOf(wait), other.pool.stats().warm]).toEqual(['DRAINING', 1]);
  });
});
