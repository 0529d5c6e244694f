import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { ask, codeOf, fill, type Wait } from '../support/pool-clients.ts';
import { poolRig, type PoolRig } from '../support/pool-rig.ts';

const noImage = new BridgeError('IMAGE_UNAVAILABLE', 'no image');

function resize(rig: PoolRig, pool: Partial<PoolRig['config']['pool']>): void {
  rig.pool.resize({ ...rig.config.pool, ...pool });
}

/** Numbers of the containers that live, in the order of their starts. */
function living({ engine }: PoolRig): number[] {
  return engine.children.flatMap((child, i) => (child.isGone ? [] : [i]));
}

async function leased(rig: PoolRig, count: number): Promise<Wait[]> {
  const waits = Array.from({ length: count }, () => ask(rig));
  await settle();
  return waits;
}

describe('Pool.resize()', () => {
  it('ends warm ones that are too many', async () => {
    const rig = poolRig({ pool: { warm: 3 } });
    fill(rig);
    await settle();
    resize(rig, { warm: 1 });
    await settle();
    expect(rig.pool.stats()).toMatchObject({ warm: 1, retiring: 0 });
  });

  it('starts warm ones that are missing', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    fill(rig);
    await settle();
    resize(rig, { warm: 3 });
    await settle();
    expect(rig.pool.stats().warm).toBe(3);
  });

  it('serves those in line at once with a larger max', async () => {
    const rig = poolRig({ pool: { max: 1 } });
    const waits = await leased(rig, 3);
    resize(rig, { max: 2 });
    await settle();
    expect(waits.map(({ lease }) => lease !== undefined)).toEqual([true, true, false]);
  });

  it('leaves leases alone with a smaller max, and reaches it as they end', async () => {
    const rig = poolRig({ pool: { max: 4 } });
    const waits = await leased(rig, 4);
    resize(rig, { max: 2 });
    const late = ask(rig);
    const counts: number[] = [];
    for (const { lease } of waits) {
      await settle();
      counts.push(rig.pool.stats().leased);
      void lease?.release('session-ended');
    }
    await settle();
    expect([counts, late.lease === undefined]).toEqual([[4, 3, 2, 2], false]);
  });

  it('ends warm ones first to reach a smaller max', async () => {
    const rig = poolRig({ pool: { max: 4, warm: 2 } });
    fill(rig);
    await leased(rig, 2);
    resize(rig, { max: 3, warm: 2 });
    await settle();
    expect(rig.pool.stats()).toMatchObject({ leased: 2, warm: 1, max: 3 });
  });

  it('changes the length of the line for those who come', async () => {
    const rig = poolRig({ pool: { max: 1, queue: 2 } });
    const waits = await leased(rig, 3);
    resize(rig, { max: 1, queue: 1 });
    const late = ask(rig);
    await settle();
    expect([...waits.map(codeOf), codeOf(late)]).toEqual([undefined, undefined, undefined, 'POOL_FULL']);
  });

  it('changes the time in line for those who come', async () => {
    const rig = poolRig({ pool: { max: 1, acquireTimeoutMs: 5000 } });
    await leased(rig, 1);
    resize(rig, { max: 1, acquireTimeoutMs: 100 });
    const wait = ask(rig);
    await rig.clock.advance(100);
    expect(codeOf(wait)).toBe('ACQUIRE_TIMEOUT');
  });

  it('does nothing to a pool that drains', async () => {
    const rig = poolRig();
    rig.pool.drain();
    resize(rig, { warm: 3 });
    await rig.clock.advance(5000);
    expect([rig.engine.children.length, rig.clock.pending]).toEqual([0, 0]);
  });
});

describe('Pool.recycle()', () => {
  it('puts new containers in the place of warm ones', async () => {
    const rig = poolRig({ pool: { warm: 2 } });
    fill(rig);
    await settle();
    rig.pool.recycle();
    await rig.clock.advance(5000);
    expect([living(rig), rig.pool.stats().warm]).toEqual([[2, 3], 2]);
  });

  it('keeps an old one until the one that takes its place is up', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    fill(rig);
    await settle();
    rig.engine.habit = { startsAfterMs: 3000 };
    rig.pool.recycle();
    await rig.clock.advance(2900);
    const early = [living(rig), rig.pool.stats().warm];
    await rig.clock.advance(2000);
    expect([early, living(rig)]).toEqual([[[0, 1], 1], [1]]);
  });

  it('ends an old one first where max leaves no room for another', async () => {
    const rig = poolRig({ pool: { warm: 2, max: 2 } });
    fill(rig);
    await settle();
    rig.engine.habit = { startsAfterMs: 300 };
    rig.pool.recycle();
    const warm: number[] = [];
    for (let i = 0; i < 80; i++) {
      await rig.clock.advance(100);
      warm.push(rig.pool.stats().warm);
    }
    expect([living(rig), Math.min(...warm), rig.engine.peak]).toEqual([[2, 3], 1, 2]);
  });

  it('leases an old one while there is no other', async () => {
    const rig = poolRig({ pool: { warm: 1 } }, (count) => ({ startsAfterMs: 500 * count }));
    fill(rig);
    await rig.clock.advance(0);
    rig.pool.recycle();
    const [wait] = await leased(rig, 1);
    expect(wait?.lease?.upstream.name).toBe(rig.engine.children[0]?.name);
  });

  it('leases a new one when there is one', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    fill(rig);
    await settle();
    rig.pool.recycle();
    await settle();
    const [wait] = await leased(rig, 1);
    expect(wait?.lease?.upstream.name).toBe(rig.engine.children[1]?.name);
  });

  it('leaves leases alone', async () => {
    const rig = poolRig({ pool: { warm: 0 } });
    await leased(rig, 2);
    rig.pool.recycle();
    await rig.clock.advance(5000);
    expect(living(rig)).toEqual([0, 1]);
  });

  it('starts anew what is being started for nobody', async () => {
    const rig = poolRig({ pool: { warm: 1 } }, (count) => ({ startsAfterMs: count === 0 ? 20_000 : 100 }));
    fill(rig);
    await settle();
    rig.pool.recycle();
    await rig.clock.advance(30_000);
    expect(living(rig)).toEqual([1]);
  });

  it('keeps old ones as long as new ones cannot be started', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    fill(rig);
    await settle();
    rig.startError = noImage;
    rig.pool.recycle();
    await rig.clock.advance(60_000);
    expect(rig.pool.stats()).toMatchObject({ warm: 1, circuit: 'open' });
  });

  it('forgets failures: the pool fills up at once', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    rig.startError = noImage;
    fill(rig);
    await rig.clock.advance(20_000);
    rig.startError = undefined;
    rig.pool.recycle();
    await settle();
    expect(rig.pool.stats()).toMatchObject({ warm: 1, circuit: 'closed' });
  });

  it('does nothing to a pool that drains', async () => {
    const rig = poolRig({ pool: { warm: 2 } });
    rig.pool.drain();
    rig.pool.recycle();
    await rig.clock.advance(5000);
    expect(rig.engine.children).toHaveLength(0);
  });
});

describe('Pool, with the age of its warm containers,', () => {
  const maxAgeMs = 100_000;

  /** A pool whose first warm container may live for this share of the last tenth of `maxAge`. */
  async function aged(random: number, startsAfterMs = 0): Promise<PoolRig> {
    const rig = poolRig({ pool: { warm: 1, maxAgeMs } }, {}, 4, { random: () => random });
    fill(rig);
    await settle();
    rig.engine.habit = { startsAfterMs };
    return rig;
  }

  it.each([
    [0, 90_000],
    [0.5, 95_000],
  ])('replaces one (chance %d) after %d ms', async (random, ms) => {
    const rig = await aged(random);
    await rig.clock.advance(ms - 1000);
    const early = living(rig);
    await rig.clock.advance(2000);
    expect([early, living(rig)]).toEqual([[0], [1]]);
  });

  it('keeps it until the one that takes its place is up', async () => {
    const rig = await aged(0, 5000);
    await rig.clock.advance(94_000);
    const early = [living(rig), rig.pool.stats().warm];
    await rig.clock.advance(3000);
    expect([early, living(rig)]).toEqual([[[0, 1], 1], [1]]);
  });

  it('ends it after maxAge in any case', async () => {
    const rig = await aged(0);
    rig.startError = noImage;
    await rig.clock.advance(99_900);
    const early = living(rig);
    await rig.clock.advance(1100);
    expect([early, living(rig)]).toEqual([[0], []]);
  });

  it('does not end all that began together at once', async () => {
    const clock = new ManualClock();
    let draw = 0;
    const rig = poolRig({ pool: { warm: 10, max: 12, maxAgeMs } }, {}, 4, { clock, random: () => (draw += 0.1) % 1 });
    fill(rig);
    await settle();
    const left: number[] = [];
    for (let i = 0; i < 12; i++) {
      await clock.advance(i === 0 ? 90_500 : 1000);
      left.push(living(rig).filter((number) => number < 10).length);
    }
    expect([new Set(left).size > 6, Math.min(...left)]).toEqual([true, 0]);
    expect(rig.pool.stats().warm).toBe(10);
  });
});

describe('Pool, with its warm containers drained (E8),', () => {
  it('starts for each client who comes', async () => {
    const rig = poolRig({ pool: { warm: 2, max: 10 } }, { startsAfterMs: 400 });
    fill(rig);
    await rig.clock.advance(1000);
    const waits = await leased(rig, 6);
    await rig.clock.advance(1000);
    expect(waits.map(({ lease }) => lease?.wasWarm)).toEqual([true, true, false, false, false, false]);
  });

  it('lets every client’s start go before the refills, of whatever pool', async () => {
    const rig = poolRig({ pool: { warm: 4, max: 20 } }, { startsAfterMs: 100 }, 1);
    const neighbour = poolRig({ pool: { warm: 4, max: 20 } }, { startsAfterMs: 100 }, 1, rig);
    fill(neighbour);
    fill(rig);
    await settle();
    // One refill of the neighbour is under way; everything else waits behind it.
    const waits = [ask(rig), ask(rig), ask(rig), ask(rig)];
    const served: number[] = [];
    for (let i = 0; i < 6; i++) {
      await rig.clock.advance(100);
      served.push(waits.filter(({ lease }) => lease).length);
    }
    expect(served).toEqual([1, 2, 3, 4, 4, 4]);
    expect(neighbour.engine.children.length).toBeLessThanOrEqual(3);
  });

  it('is full again when the clients have what they want', async () => {
    const rig = poolRig({ pool: { warm: 3, max: 20 } }, { startsAfterMs: 100 }, 1);
    fill(rig);
    await rig.clock.advance(1000);
    await leased(rig, 8);
    await rig.clock.advance(3000);
    expect(rig.pool.stats()).toMatchObject({ warm: 3, leased: 8 });
  });
});

describe('Pool.acquire(), with several clients,', () => {
  it('serves them in turns', async () => {
    const rig = poolRig({ pool: { max: 1, acquireTimeoutMs: 60_000 } });
    const order: string[] = [];
    for (const client of ['a', 'a', 'a', 'a', 'b', 'c']) {
      void rig.pool.acquire(new AbortController().signal, client).then((lease) => {
        order.push(client);
        void lease.release('session-ended');
      });
    }
    await rig.clock.advance(5000);
    expect(order.join('')).toBe('abcaaa');
  });

  it('gives a newcomer a place in a line that one client fills', async () => {
    const rig = poolRig({ pool: { max: 1, queue: 3 } });
    await leased(rig, 1);
    const greedy = [ask(rig, 'greedy'), ask(rig, 'greedy'), ask(rig, 'greedy')];
    const other = ask(rig, 'other');
    await settle();
    expect([...greedy.map(codeOf), codeOf(other)]).toEqual([undefined, undefined, 'POOL_FULL', undefined]);
  });
});
