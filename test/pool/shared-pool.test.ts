import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import type { PoolConfig } from '../../src/config/config.ts';
import type { Habit } from '../support/fake-engine.ts';
import { settle } from '../support/manual-clock.ts';
import { serverConfig } from '../support/pool-rig.ts';
import {
  Caller,
  filledPool,
  linesOf,
  serve,
  serving,
  sharedPoolRig,
  Visitor,
  type SharedPoolRig,
} from '../support/shared-rig.ts';

const scaling: PoolConfig['scaling'] = {
  ...{ target: 2, upscaleDelayMs: 1000, downscaleDelayMs: 10_000, lookBackMs: 0 },
  ...{ upscaleFactor: 1, downscaleFactor: 1 },
};
const dies = { code: 1, signal: undefined };

/** So many calls come, one after the other. */
function visit({ pool }: SharedPoolRig, count: number): Visitor[] {
  return Array.from({ length: count }, () => new Visitor(pool));
}

/** How many calls are where: placed, waiting, refused. */
function tally(visitors: readonly Visitor[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of visitors) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

function codes(visitors: readonly Visitor[]): unknown[] {
  return visitors.map(({ error }) => (error instanceof BridgeError ? error.code : error));
}

function serves({ pool }: SharedPoolRig): number {
  return pool.stats().ready;
}

describe('SharedPool.fill()', () => {
  it('starts min, and resolves when the first serves', async () => {
    const rig = sharedPoolRig({ pool: { min: 3 } });
    await rig.pool.fill();
    await settle();
    expect([serves(rig), rig.engine.children.length]).toEqual([3, 3]);
  });

  it('rejects with why the first one could not be started', async () => {
    const rig = sharedPoolRig({ pool: { min: 1 } });
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no such image');
    await expect(rig.pool.fill()).rejects.toBe(rig.startError);
  });

  it('tries again by itself', async () => {
    const rig = sharedPoolRig({ pool: { min: 1 } });
    rig.startError = new BridgeError('ENGINE_UNAVAILABLE', 'down');
    await expect(rig.pool.fill()).rejects.toThrow('down');
    rig.startError = undefined;
    await rig.clock.advance(2000);
    expect(serves(rig)).toBe(1);
  });

  it('starts one even when there may be none, to learn what it offers', async () => {
    const rig = await filledPool({ pool: { min: 0 } });
    expect(serves(rig)).toBe(1);
  });

  it('resolves when the pool is drained meanwhile', async () => {
    const rig = sharedPoolRig({ pool: { min: 1 } }, { onLine: () => undefined });
    const filled = rig.pool.fill();
    await settle();
    rig.pool.drain();
    await expect(filled).resolves.toBeUndefined();
  });
});

describe('SharedPool, under load,', () => {
  it('follows the calls, running and in line, when they have lasted for upscaleDelay', async () => {
    const rig = await filledPool({ pool: { min: 1, max: 9, maxOngoing: 3, scaling } });
    visit(rig, 8);
    await rig.clock.advance(1000);
    expect(serves(rig)).toBe(1);
    await rig.clock.advance(400);
    expect([serves(rig), rig.pool.stats()]).toEqual([
      4,
      expect.objectContaining({ target: 4, ongoing: 8, waiting: 0 }),
    ]);
  });

  it('shrinks when downscaleDelay has passed, and keeps min', async () => {
    const rig = await filledPool({ pool: { min: 2, max: 9, maxOngoing: 3, scaling } });
    const visitors = visit(rig, 12);
    await rig.clock.advance(3000);
    expect(serves(rig)).toBe(6);
    for (const visitor of visitors) visitor.leave();
    await rig.clock.advance(9800);
    expect(serves(rig)).toBe(6);
    await rig.clock.advance(600);
    expect([serves(rig), rig.engine.live.length]).toEqual([2, 2]);
  });

  it('ends idle ones first, and lets busy ones finish', async () => {
    const rig = await filledPool({ pool: { min: 3, max: 3, maxOngoing: 9, scaling } });
    const [first, second, third] = visit(rig, 3);
    second?.leave();
    const config = (min: number): PoolConfig => ({ ...rig.config.pool, min, max: min });
    rig.pool.resize(config(2));
    await settle();
    expect([rig.engine.live.length, rig.engine.live]).toEqual([2, expect.arrayContaining([first?.at, third?.at])]);
    rig.pool.resize(config(1));
    await settle();
    expect(rig.pool.stats()).toMatchObject({ ready: 1, draining: 1, ongoing: 2 });
    first?.leave();
    third?.leave();
    await settle();
    expect(rig.engine.live.length).toBe(1);
  });

  it('keeps a fixed number whatever comes', async () => {
    const rig = await filledPool({ pool: { min: 2, max: 2, maxOngoing: 3, scaling } });
    visit(rig, 50);
    await rig.clock.advance(4000);
    expect([serves(rig), rig.engine.peak]).toEqual([2, 2]);
  });

  it('gives the next call to the one with the fewest', async () => {
    const rig = await filledPool({ pool: { min: 3, max: 3, maxOngoing: 9 } });
    const visitors = visit(rig, 9);
    const loads = rig.engine.live.map((name) => visitors.filter(({ at }) => at === name).length);
    expect(loads).toEqual([3, 3, 3]);
  });
});

describe('SharedPool, down to none,', () => {
  const none = { min: 0, max: 3, maxOngoing: 2, scaling };

  it('ends the last one when nobody has called for downscaleDelay', async () => {
    const rig = await filledPool({ pool: none });
    await rig.clock.advance(10_000);
    expect(serves(rig)).toBe(1);
    await rig.clock.advance(400);
    expect([serves(rig), rig.engine.live, rig.pool.isRunning]).toEqual([0, [], false]);
  });

  it('wakes with a call, and not before', async () => {
    const rig = await filledPool({ pool: none });
    await rig.clock.advance(60_000);
    expect(rig.engine.children.length).toBe(1);
    const [call] = visit(rig, 1);
    await settle();
    expect([call?.outcome, rig.engine.children.length]).toEqual(['placed', 2]);
  });

  it('stays awake for downscaleDelay after a call, however quickly it woke', async () => {
    const rig = await filledPool({ pool: none });
    await rig.clock.advance(60_100);
    const [call] = visit(rig, 1);
    await settle();
    call?.leave();
    await rig.clock.advance(9000);
    expect([serves(rig), rig.engine.children.length]).toEqual([1, 2]);
    await rig.clock.advance(2000);
    expect(rig.engine.live).toEqual([]);
  });

  it('wakes even when nobody may wait in line', async () => {
    const rig = await filledPool({ pool: { ...none, queue: 0 } });
    await rig.clock.advance(60_000);
    const calls = visit(rig, 3);
    await settle();
    expect([tally(calls), codes(calls)]).toEqual([{ placed: 2, refused: 1 }, [undefined, undefined, 'POOL_FULL']]);
  });

  it('wakes as many as upscaleFactor says', async () => {
    const rig = await filledPool({ pool: { ...none, scaling: { ...scaling, upscaleFactor: 1.5 } } });
    await rig.clock.advance(60_000);
    visit(rig, 1);
    await settle();
    expect(serves(rig)).toBe(2);
  });
});

describe('SharedPool.hold()', () => {
  it('wakes one although nobody calls, and keeps it', async () => {
    const rig = await filledPool({ pool: { min: 0, scaling } });
    await rig.clock.advance(60_000);
    rig.pool.hold(true);
    await settle();
    expect(serves(rig)).toBe(1);
    await rig.clock.advance(60_000);
    expect(serves(rig)).toBe(1);
  });

  it('lets it go again', async () => {
    const rig = await filledPool({ pool: { min: 0, scaling } });
    rig.pool.hold(true);
    await rig.clock.advance(60_000);
    rig.pool.hold(false);
    await rig.clock.advance(11_000);
    expect(rig.engine.live).toEqual([]);
  });

  it('replaces the one that it holds when that dies', async () => {
    const rig = await filledPool({ pool: { min: 0, scaling } });
    rig.pool.hold(true);
    await rig.clock.advance(60_000);
    rig.engine.last.exit(dies);
    await rig.clock.advance(2000);
    expect([serves(rig), rig.engine.children.length]).toEqual([1, 2]);
  });
});

describe('SharedPool.wait()', () => {
  const small = { min: 1, max: 1, maxOngoing: 1, queue: 3 };

  it('serves in the order in which the calls came', async () => {
    const rig = await filledPool({ pool: small });
    const [first, ...others] = visit(rig, 4);
    first?.leave();
    await settle();
    expect(others.map(({ outcome }) => outcome)).toEqual(['placed', 'waits', 'waits']);
    others[0]?.leave();
    await settle();
    expect(others.map(({ outcome }) => outcome)).toEqual(['placed', 'placed', 'waits']);
  });

  it('lets nobody pass the line', async () => {
    const rig = await filledPool({ pool: small });
    const [first, second] = visit(rig, 2);
    first?.leave();
    expect(rig.pool.tryTake()).toBeUndefined();
    await settle();
    expect(second?.outcome).toBe('placed');
  });

  it('is refused at once when the line is full', async () => {
    const rig = await filledPool({ pool: small });
    const visitors = visit(rig, 6);
    await settle();
    expect(codes(visitors).slice(4)).toEqual(['POOL_FULL', 'POOL_FULL']);
    expect(visitors[4]?.error).toMatchObject({ data: { max: 1, waiting: 3, queue: 3 } });
    expect(tally(visitors)).toEqual({ placed: 1, waits: 3, refused: 2 });
  });

  it('is refused after acquireTimeout', async () => {
    const rig = await filledPool({ pool: { ...small, acquireTimeoutMs: 700 } });
    const visitors = visit(rig, 2);
    await rig.clock.advance(699);
    expect(tally(visitors)).toEqual({ placed: 1, waits: 1 });
    await rig.clock.advance(1);
    expect(codes(visitors)).toEqual([undefined, 'ACQUIRE_TIMEOUT']);
  });

  it('has more time while a container for it starts', async () => {
    const slow: Habit = { onLine: () => undefined };
    const rig = await filledPool({ pool: small }, slow);
    const [call] = visit(rig, 1);
    await rig.clock.advance(20_000);
    expect(call?.outcome).toBe('waits');
    serve(rig.engine.last.received[0]!, rig.engine.last);
    await settle();
    expect(call?.outcome).toBe('placed');
  });

  it('can be given up', async () => {
    const rig = await filledPool({ pool: small });
    const [first, second, third] = visit(rig, 3);
    second?.leave();
    first?.leave();
    await settle();
    expect([second?.outcome, third?.outcome, rig.pool.stats().waiting]).toEqual(['refused', 'placed', 0]);
  });

  it('follows another acquireTimeout and another queue', async () => {
    const rig = await filledPool({ pool: small });
    rig.pool.resize({ ...rig.config.pool, acquireTimeoutMs: 100, queue: 1 });
    const visitors = visit(rig, 3);
    await rig.clock.advance(100);
    expect(codes(visitors)).toEqual([undefined, 'ACQUIRE_TIMEOUT', 'POOL_FULL']);
  });
});

describe('SharedPool, when a start fails,', () => {
  it('tells those in line why, when nobody serves', async () => {
    const rig = sharedPoolRig({ pool: { min: 1 } });
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no such image');
    const visitors = visit(rig, 3);
    await settle();
    expect(visitors.map(({ error }) => error)).toEqual([rig.startError, rig.startError, rig.startError]);
  });

  it('lets them wait on, when somebody serves', async () => {
    const rig = await filledPool({ pool: { min: 1, max: 2, maxOngoing: 1, scaling: { ...scaling, target: 1 } } });
    rig.startError = new BridgeError('START_FAILED', 'bad luck');
    const [first, second] = visit(rig, 2);
    await rig.clock.advance(3000);
    expect([second?.outcome, rig.pool.stats().failedStarts > 0]).toEqual(['waits', true]);
    first?.leave();
    await settle();
    expect(second?.outcome).toBe('placed');
  });

  it('does not try again without a pause, although somebody waits', async () => {
    const rig = await filledPool({ pool: { min: 1, max: 2, maxOngoing: 1, scaling: { ...scaling, target: 1 } } });
    rig.startError = new BridgeError('ENGINE_UNAVAILABLE', 'down');
    const visitors = visit(rig, 2);
    await rig.clock.advance(4000);
    expect(tally(visitors)).toEqual({ placed: 1, waits: 1 });
    expect(rig.startedAt.length).toBeLessThan(10);
  });

  it('tries again, later and later', async () => {
    const rig = sharedPoolRig({ pool: { min: 1 } }, { exits: dies });
    rig.pool.fill().catch(() => undefined);
    await rig.clock.advance(120_000);
    expect(rig.startedAt.length).toBeGreaterThan(3);
    expect(rig.startedAt.length).toBeLessThan(30);
    expect(rig.engine.peak).toBe(1);
  });

  it('shows how it went', async () => {
    const rig = sharedPoolRig({ pool: { min: 1 } });
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no such image');
    rig.pool.fill().catch(() => undefined);
    await settle();
    expect(rig.pool.stats()).toMatchObject({ starts: 1, failedStarts: 1, lastError: 'no such image', ready: 0 });
  });
});

describe('SharedPool, when a server ends by itself,', () => {
  it('starts another one in its place', async () => {
    const rig = await filledPool({ pool: { min: 2, max: 2 } });
    rig.engine.children[0]?.exit(dies);
    await rig.clock.advance(1500);
    expect([serves(rig), rig.engine.live.length, rig.engine.peak]).toEqual([2, 2, 2]);
  });

  it('does not start one that ends again and again in a tight loop', async () => {
    const lives = { ...serving, exits: { ...dies, afterMs: 1000 } };
    const rig = await filledPool({ pool: { min: 1 } }, lives);
    await rig.clock.advance(300_000);
    expect(rig.startedAt.length).toBeLessThan(30);
  });

  it('does not start a second one in a tight loop either, whose first one serves', async () => {
    const rig = await filledPool({ pool: { min: 2, max: 2 } }, (count) => (count === 0 ? serving : { exits: dies }));
    await rig.clock.advance(300_000);
    expect([serves(rig), rig.startedAt.length < 30]).toEqual([1, true]);
  });

  it('keeps those in line, who did nothing on it, for its successor', async () => {
    const rig = await filledPool({ pool: { min: 1, max: 1, maxOngoing: 1 } });
    const [first, second, third] = [1, 2, 3].map(() => new Caller(rig.pool));
    await settle();
    rig.engine.last.exit(dies);
    await rig.clock.advance(1500);
    expect([first?.outcome, second?.outcome, third?.outcome]).toEqual(['failed', 'sent', 'waits']);
    expect(second?.place?.shared.upstream.name).toBe(rig.engine.last.name);
  });
});

describe('SharedPool, when its servers end again and again,', () => {
  /** The only server dies so many times, each time with a call on it and two in line. */
  async function failing(times: number): Promise<{ rig: SharedPoolRig; callers: Caller[] }> {
    const rig = await filledPool({ pool: { min: 1, max: 1, maxOngoing: 1 } });
    let callers: Caller[] = [];
    for (let i = 0; i < times; i++) {
      callers = [1, 2, 3].map(() => new Caller(rig.pool));
      await settle();
      rig.engine.last.exit(dies);
      await rig.clock.advance(150);
      if (i < times - 1) for (const caller of callers.reverse()) caller.cancel(false);
      await settle();
    }
    return { rig, callers };
  }

  it('starts the next one at once for those in line, whatever the back-off says', async () => {
    const { rig, callers } = await failing(4);
    expect(callers.map(({ outcome }) => outcome)).toEqual(['failed', 'sent', 'waits']);
    expect(rig.startedAt).toHaveLength(5);
  });

  it('sends those in line away as soon as the circuit is open', async () => {
    const { rig, callers } = await failing(5);
    expect(callers.map(({ outcome }) => outcome)).toEqual(['failed', 'refused', 'refused']);
    expect([rig.pool.stats().waiting, rig.startedAt.length]).toEqual([0, 5]);
  });
});

describe('SharedPool, when a server is paused,', () => {
  /** It answers one ping, and then nothing any more. */
  const paused: Habit = {
    onLine: (line, child) => {
      if (linesOf(child, 'ping').length < 2) serve(line, child);
    },
  };

  it('replaces an idle one within two intervals', async () => {
    const rig = await filledPool({ pool: { min: 1 } }, (count) => (count === 0 ? paused : serving));
    await rig.clock.advance(32_000);
    expect([serves(rig), rig.engine.live]).toEqual([1, [rig.engine.children[1]?.name]]);
  });

  it('gives it no calls from the first one on that it leaves without an answer', async () => {
    const rig = await filledPool({ pool: { min: 2, max: 2 } });
    const [first] = visit(rig, 1);
    await rig.clock.advance(2000);
    rig.engine.children.forEach((child) => {
      if (child.name === first?.at) child.stdin.pause();
    });
    first?.place?.suspect();
    first?.leave();
    expect(visit(rig, 4).map(({ at }) => at)).not.toContain(first?.at);
  });

  it('does not let those in line wait for it alone', async () => {
    const rig = await filledPool({ pool: { min: 1, max: 2, maxOngoing: 5 } });
    const [first, second] = visit(rig, 2);
    rig.engine.last.stdin.pause();
    await rig.clock.advance(2000);
    first?.place?.suspect();
    first?.leave();
    const [third] = visit(rig, 1);
    await settle();
    expect([second?.at === third?.at, third?.outcome]).toEqual([false, 'placed']);
  });
});

describe('SharedPool.wait() for a call whose questions must be told from those of others', () => {
  /** One container, on which a call was given up that nobody has answered. */
  async function leftOver(max: number): Promise<SharedPoolRig> {
    const rig = await filledPool({ pool: { min: 1, max } });
    const call = new Caller(rig.pool);
    call.cancel(false);
    return rig;
  }

  it.each(['quiet', 'alone'] as const)('starts one more where a call was given up: %s', async (room) => {
    const rig = await leftOver(2);
    const visitor = new Visitor(rig.pool, 'client', room);
    await settle();
    expect([visitor.at, rig.engine.children.length]).toEqual([rig.engine.children[1]?.name, 2]);
  });

  it('makes do with that one when there may be no other', async () => {
    const rig = await leftOver(1);
    expect(new Visitor(rig.pool, 'client', 'quiet').at).toBe(rig.engine.last.name);
  });
});

describe('SharedPool.drain()', () => {
  it('refuses those in line and all that come', async () => {
    const rig = await filledPool({ pool: { min: 1, max: 1, maxOngoing: 1 } });
    const before = visit(rig, 2);
    rig.pool.drain();
    const after = visit(rig, 1);
    await settle();
    expect([codes(before), codes(after)]).toEqual([[undefined, 'DRAINING'], ['DRAINING']]);
  });

  it('ends idle ones at once, and busy ones when they have finished', async () => {
    const rig = await filledPool({ pool: { min: 3, max: 3 } });
    const [call] = visit(rig, 1);
    rig.pool.drain();
    await settle();
    expect(rig.engine.live).toEqual([call?.at]);
    call?.leave();
    await settle();
    expect(rig.engine.live).toEqual([]);
  });

  it('starts nothing any more, and leaves no timer behind', async () => {
    const rig = await filledPool({ pool: { min: 2 } });
    visit(rig, 1);
    rig.pool.drain();
    rig.engine.children[0]?.exit(dies);
    rig.pool.hold(true);
    rig.pool.recycle();
    await rig.clock.advance(10_000);
    expect([rig.engine.live, rig.engine.children.length, rig.clock.pending]).toEqual([[], 2, 0]);
  });

  it('ends one that is starting', async () => {
    const rig = await filledPool({ pool: { min: 2 } }, { onLine: () => undefined });
    rig.pool.drain();
    await rig.clock.advance(2000);
    expect([rig.engine.live, rig.held.size]).toEqual([[], 0]);
  });
});

describe('SharedPool, when containers are replaced,', () => {
  const fixed = { min: 2, max: 2, maxAgeMs: 3_600_000 };

  /** Lets time pass. @returns the most containers there were, and the fewest that served */
  async function pass(rig: SharedPoolRig, ms: number): Promise<{ most: number; fewest: number }> {
    const [most, fewest] = [[rig.engine.live.length], [serves(rig)]];
    for (let rest = ms; rest > 0; rest -= 100) {
      await rig.clock.advance(100);
      most.push(rig.engine.live.length);
      fewest.push(serves(rig));
    }
    return { most: Math.max(...most), fewest: Math.min(...fewest) };
  }

  it('starts the new one before the old one goes, one by one: when told to', async () => {
    const rig = await filledPool({ pool: fixed });
    const old = rig.engine.live;
    rig.pool.recycle();
    expect([await pass(rig, 5000), rig.engine.peak]).toEqual([{ most: 3, fewest: 2 }, 3]);
    expect(rig.engine.live.filter((name) => old.includes(name))).toEqual([]);
  });

  it('starts the new one before the old one goes, one by one: when too old', async () => {
    const rig = await filledPool({ pool: { ...fixed, maxAgeMs: 60_000 } });
    const old = rig.engine.live;
    await rig.clock.advance(59_000);
    expect(await pass(rig, 5000)).toMatchObject({ fewest: 2 });
    expect([rig.engine.peak, rig.engine.live.filter((name) => old.includes(name))]).toEqual([3, []]);
  });

  it('replaces one that has had maxUses calls', async () => {
    const rig = await filledPool({ pool: { min: 1, max: 1, maxUses: 2 } });
    const [old] = rig.engine.live;
    const calls = visit(rig, 2);
    await rig.clock.advance(400);
    expect([calls.map(({ at }) => at), rig.pool.stats()]).toEqual([
      [old, old],
      expect.objectContaining({ ready: 1, draining: 1 }),
    ]);
    for (const call of calls) call.leave();
    await settle();
    expect([rig.engine.live.length, rig.engine.live.includes(old!)]).toEqual([1, false]);
  });

  it('keeps an old one while its successor cannot be started', async () => {
    const rig = await filledPool({ pool: fixed });
    rig.startError = new BridgeError('ENGINE_UNAVAILABLE', 'down');
    rig.pool.recycle();
    await rig.clock.advance(20_000);
    expect(serves(rig)).toBe(2);
  });

  it('has no more than one beyond max when old ones take long to finish', async () => {
    const rig = await filledPool({ pool: fixed });
    const calls = visit(rig, 2);
    rig.pool.recycle();
    expect(await pass(rig, 5000)).toMatchObject({ most: 3 });
    for (const call of calls) call.leave();
    await rig.clock.advance(1000);
    expect([serves(rig), rig.engine.live.length]).toEqual([2, 2]);
  });

  it('does not replace what there is too much of anyway', async () => {
    const rig = await filledPool({ pool: { min: 0, max: 2, scaling } });
    rig.pool.recycle();
    await rig.clock.advance(15_000);
    expect(rig.engine.live).toEqual([]);
    expect(rig.engine.children.length).toBeLessThanOrEqual(2);
  });
});

describe('SharedPool.resize()', () => {
  it('starts what a larger min asks for, and ends what a smaller max forbids', async () => {
    const rig = await filledPool({ pool: { min: 1, max: 9 } });
    rig.pool.resize(serverConfig({ pool: { min: 4, max: 9 } }).pool);
    await settle();
    expect(serves(rig)).toBe(4);
    rig.pool.resize(serverConfig({ pool: { min: 1, max: 2 } }).pool);
    await settle();
    expect([serves(rig), rig.engine.live.length]).toEqual([2, 2]);
  });

  it('lets nothing wait for more than there is to come', async () => {
    const rig = await filledPool({ pool: { min: 1, max: 1, maxOngoing: 1 } });
    const visitors = visit(rig, 3);
    rig.pool.resize({ ...rig.config.pool, maxOngoing: 3 });
    await settle();
    expect(tally(visitors)).toEqual({ placed: 3 });
  });
});
