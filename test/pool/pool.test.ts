import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { settle } from '../support/manual-clock.ts';
import { ask, codeOf, fill } from '../support/pool-clients.ts';
import { never, poolRig, type PoolRig } from '../support/pool-rig.ts';

const mute = { onLine: (): undefined => undefined };

describe('Pool.fill()', () => {
  it('starts as many as "warm" says', async () => {
    const rig = poolRig({ pool: { warm: 3 } });
    fill(rig);
    await settle();
    expect(rig.pool.stats()).toMatchObject({ warm: 3, starting: 0 });
  });

  it('resolves when the first of them runs', async () => {
    const rig = poolRig({ pool: { warm: 1 } }, { startsAfterMs: 400 });
    let isDone = false;
    void rig.pool.fill().then(() => (isDone = true));
    await rig.clock.advance(399);
    const early = isDone;
    await rig.clock.advance(1);
    expect([early, isDone]).toEqual([false, true]);
  });

  it('rejects with what kept the first one from starting', async () => {
    const rig = poolRig({ pool: { warm: 1 } }, { startsAfterMs: Infinity, exits: { code: 126, signal: undefined } });
    const filled = rig.pool.fill();
    await Promise.all([rig.clock.advance(100), expect(filled).rejects.toMatchObject({ code: 'START_FAILED' })]);
  });

  it('starts none with warm: 0', async () => {
    const rig = poolRig();
    fill(rig);
    await rig.clock.advance(10_000);
    expect(rig.engine.children).toHaveLength(0);
  });

  it('starts no more than "max"', async () => {
    const rig = poolRig({ pool: { warm: 5, max: 2 } });
    fill(rig);
    await settle();
    expect(rig.engine.children).toHaveLength(2);
  });

  it('starts nothing twice', async () => {
    const rig = poolRig({ pool: { warm: 2 } });
    fill(rig);
    fill(rig);
    await rig.clock.advance(5000);
    expect(rig.engine.children).toHaveLength(2);
  });

  it('says nothing to the servers', async () => {
    const rig = poolRig({ pool: { warm: 2 } });
    fill(rig);
    await rig.clock.advance(5000);
    expect(rig.engine.children.flatMap(({ received }) => received)).toEqual([]);
  });

  it('takes a start for warm only when it runs', async () => {
    const rig = poolRig({ pool: { warm: 1 } }, { startsAfterMs: 400 });
    fill(rig);
    await rig.clock.advance(399);
    expect(rig.pool.stats()).toMatchObject({ warm: 0, starting: 1 });
  });

  it('gives up on a start that never comes up, so that its place in the gate is free again', async () => {
    const rig = poolRig({ pool: { warm: 1 }, startTimeoutMs: 5000 }, (count) =>
      count === 0 ? { startsAfterMs: Infinity, ignoresEof: true } : {},
    );
    fill(rig);
    await rig.clock.advance(120_000);
    expect(rig.pool.stats()).toMatchObject({ warm: 1, starting: 0 });
  });
});

describe('Pool.acquire()', () => {
  it('leases a warm one', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    fill(rig);
    await settle();
    const wait = ask(rig);
    await settle();
    expect([wait.lease?.wasWarm, wait.lease?.upstream.name]).toEqual([true, rig.engine.children[0]?.name]);
  });

  describe('refills behind the lease', () => {
    const filled = async (warm: number): Promise<PoolRig> => {
      const rig = poolRig({ pool: { warm } });
      fill(rig);
      await settle();
      return rig;
    };

    it('when its server has answered', async () => {
      const rig = await filled(1);
      const wait = ask(rig);
      await settle();
      expect(rig.pool.stats()).toMatchObject({ warm: 0, leased: 1, starting: 0 });
      wait.lease?.prove();
      await settle();
      expect(rig.pool.stats()).toMatchObject({ warm: 1, leased: 1 });
    });

    it('when it is released', async () => {
      const rig = await filled(1);
      const wait = ask(rig);
      await settle();
      void wait.lease?.release('session-ended');
      await settle();
      expect(rig.pool.stats()).toMatchObject({ warm: 1, leased: 0 });
    });

    it('after 100 ms without an answer', async () => {
      const rig = await filled(1);
      ask(rig);
      await rig.clock.advance(99);
      expect(rig.pool.stats()).toMatchObject({ warm: 0 });
      await rig.clock.advance(1);
      expect(rig.pool.stats()).toMatchObject({ warm: 1, leased: 1 });
    });

    it('when the last one of several has its answer', async () => {
      const rig = await filled(2);
      const waits = [ask(rig), ask(rig)];
      await settle();
      waits[0]?.lease?.prove();
      await settle();
      expect(rig.pool.stats()).toMatchObject({ warm: 0, leased: 2 });
      waits[1]?.lease?.prove();
      await settle();
      expect(rig.pool.stats()).toMatchObject({ warm: 2, leased: 2 });
    });

    it('but starts one at once for whoever finds none', async () => {
      const rig = await filled(1);
      ask(rig);
      const second = ask(rig);
      await settle();
      expect(second.lease?.wasWarm).toBe(false);
    });
  });

  it('starts one when none is warm', async () => {
    const rig = poolRig();
    const wait = ask(rig);
    await settle();
    expect(wait.lease?.wasWarm).toBe(false);
  });

  it('leases one that is spawned and still comes up', async () => {
    const rig = poolRig({}, { startsAfterMs: 800 });
    const wait = ask(rig);
    await settle();
    expect(wait.lease).toBeDefined();
  });

  it('never leases one upstream twice', async () => {
    const rig = poolRig({ pool: { warm: 5, max: 20 } });
    fill(rig);
    const waits = Array.from({ length: 20 }, () => ask(rig));
    await settle();
    expect(new Set(waits.map(({ lease }) => lease?.upstream)).size).toBe(20);
  });

  it('serves in the order of arrival', async () => {
    const rig = poolRig({ pool: { max: 1, acquireTimeoutMs: 60_000 } });
    const order: number[] = [];
    for (let i = 0; i < 5; i++) {
      void rig.pool.acquire(never()).then((lease) => {
        order.push(i);
        void lease.release('session-ended');
      });
    }
    await rig.clock.advance(5000);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  it('gives a place to the one in line when a container is gone, and not before', async () => {
    const rig = poolRig({ pool: { max: 1 } }, { ignoresEof: true });
    const first = ask(rig);
    await settle();
    const second = ask(rig);
    void first.lease?.release('session-ended');
    await rig.clock.advance(999);
    const early = second.lease;
    await rig.clock.advance(1000);
    expect([early, second.lease === undefined]).toEqual([undefined, false]);
  });

  it('throws POOL_FULL at once when the line is full', async () => {
    const rig = poolRig({ pool: { max: 1, queue: 2 } });
    const waits = [ask(rig), ask(rig), ask(rig), ask(rig)];
    await settle();
    expect(waits.map(codeOf)).toEqual([undefined, undefined, undefined, 'POOL_FULL']);
  });

  it('with queue: 0 throws POOL_FULL as soon as all are in use', async () => {
    const rig = poolRig({ pool: { max: 2, queue: 0 } });
    const waits = [ask(rig), ask(rig), ask(rig)];
    await settle();
    expect(waits.map(codeOf)).toEqual([undefined, undefined, 'POOL_FULL']);
  });

  it('with queue: 0 leases a warm one', async () => {
    const rig = poolRig({ pool: { max: 1, warm: 1, queue: 0 } });
    fill(rig);
    await settle();
    const wait = ask(rig);
    await settle();
    expect(wait.lease).toBeDefined();
  });

  it('tells the limits with POOL_FULL', async () => {
    const rig = poolRig({ pool: { max: 1, queue: 0 } });
    ask(rig);
    const wait = ask(rig);
    await settle();
    expect(wait.error).toMatchObject({ data: { max: 1, waiting: 0, queue: 0 } });
  });

  it('throws ACQUIRE_TIMEOUT after its time in line', async () => {
    const rig = poolRig({ pool: { max: 1, acquireTimeoutMs: 5000 } });
    ask(rig);
    const wait = ask(rig);
    await rig.clock.advance(4999);
    const early = codeOf(wait);
    await rig.clock.advance(1);
    expect([early, codeOf(wait)]).toEqual([undefined, 'ACQUIRE_TIMEOUT']);
  });

  it('lets a wait that was given up leave the line', async () => {
    const rig = poolRig({ pool: { max: 1 } });
    const first = ask(rig);
    await settle();
    const abort = new AbortController();
    ask(rig, '', abort.signal);
    const third = ask(rig);
    abort.abort(new Error('gone'));
    void first.lease?.release('session-ended');
    await rig.clock.advance(100);
    expect([third.lease === undefined, rig.pool.stats().waiting]).toEqual([false, 0]);
  });

  it('rejects a wait that was given up with its reason', async () => {
    const rig = poolRig({ pool: { max: 1 } });
    ask(rig);
    await settle();
    const reason = new Error('gone');
    const wait = ask(rig, '', AbortSignal.abort(reason));
    await settle();
    expect(wait.error).toBe(reason);
  });

  it('gives the place in line of one that gave up to another', async () => {
    const rig = poolRig({ pool: { max: 1, queue: 1 } });
    ask(rig);
    await settle();
    const abort = new AbortController();
    ask(rig, '', abort.signal);
    abort.abort(new Error('gone'));
    const wait = ask(rig);
    await settle();
    expect(codeOf(wait)).toBeUndefined();
  });

  it('keeps no more warm than asked for after clients that gave up', async () => {
    const rig = poolRig({ pool: { warm: 1, max: 10 } }, { startsAfterMs: 500 });
    const abort = new AbortController();
    // The gate takes four at once; six of the ten are not spawned when their clients leave.
    for (let i = 0; i < 10; i++) ask(rig, '', abort.signal);
    abort.abort(new Error('gone'));
    await rig.clock.advance(120_000);
    expect(rig.pool.stats().warm).toBe(1);
  });

  it('throws DRAINING once draining', async () => {
    const rig = poolRig();
    rig.pool.drain();
    const wait = ask(rig);
    await settle();
    expect(codeOf(wait)).toBe('DRAINING');
  });
});

describe('Pool, under a storm of 500 clients,', () => {
  async function storm(): Promise<{ rig: PoolRig; served: Set<Upstream>; errors: unknown[] }> {
    const rig = poolRig({ pool: { max: 20, warm: 3, queue: 1000, acquireTimeoutMs: 600_000 } }, (count) => ({
      ignoresEof: count % 3 === 0,
      ...(count % 5 === 0 ? {} : { startsAfterMs: 50 * (count % 7) }),
    }));
    const served = new Set<Upstream>();
    const errors: unknown[] = [];
    for (let i = 0; i < 500; i++) {
      rig.pool.acquire(never()).then(
        (lease) => {
          served.add(lease.upstream);
          rig.clock.after(10 * (i % 9), () => void lease.release('session-ended'));
        },
        (error: unknown) => errors.push(error),
      );
    }
    await rig.clock.advance(120_000);
    return { rig, served, errors };
  }

  it('refuses those at once for whom there is no place in line, and starts nothing for them (E1)', async () => {
    const rig = poolRig({ pool: { max: 5, queue: 20 } }, { startsAfterMs: 200 });
    const waits = Array.from({ length: 500 }, () => ask(rig));
    const { starting, waiting, starts } = rig.pool.stats();
    await Promise.resolve();
    const refused = waits.filter((wait) => codeOf(wait) === 'POOL_FULL').length;
    expect([refused, starting, waiting, starts]).toEqual([475, 5, 25, 5]);
    await rig.clock.advance(20_000);
    expect(rig.engine.peak).toBe(5);
  });

  it('never has more than "max" containers, those that end included', async () => {
    expect((await storm()).rig.engine.peak).toBeLessThanOrEqual(20);
  });

  it('serves everybody with an upstream of their own', async () => {
    const { served, errors } = await storm();
    expect([served.size, errors]).toEqual([500, []]);
  });

  it('is back to its warm ones afterwards', async () => {
    const { rig } = await storm();
    expect(rig.pool.stats()).toMatchObject({ starting: 0, warm: 3, leased: 0, retiring: 0, waiting: 0 });
  });
});

describe('Pool, when a start fails,', () => {
  it('rejects the one that has waited longest', async () => {
    const rig = poolRig();
    const error = new BridgeError('IMAGE_UNAVAILABLE', 'no image');
    rig.startError = error;
    const wait = ask(rig);
    await settle();
    expect(wait.error).toBe(error);
  });

  it('gives the next one a start of its own', async () => {
    const rig = poolRig({ pool: { max: 1 } });
    rig.startError = new BridgeError('ENGINE_UNAVAILABLE', 'down');
    const first = ask(rig);
    const second = ask(rig);
    rig.startError = undefined;
    await settle();
    expect([codeOf(first), second.lease === undefined]).toEqual(['ENGINE_UNAVAILABLE', false]);
  });

  it('rejects everybody in line, each once, when every start fails', async () => {
    const rig = poolRig({ pool: { max: 2 } });
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no image');
    const waits = Array.from({ length: 4 }, () => ask(rig));
    await settle();
    expect([waits.map(codeOf), rig.pool.stats().starts]).toEqual([Array(4).fill('IMAGE_UNAVAILABLE'), 4]);
  });

  it('does not take the failure of a surplus start out on a client whose own start is under way', async () => {
    const rig = poolRig({ pool: { warm: 1 } }, {}, 1);
    // The start of another server holds the gate, so the client’s own start waits for its turn.
    const eternity = new Promise<void>(() => undefined);
    void rig.gate.start('foreground', () => ({ settled: eternity, gone: eternity }) as unknown as Upstream);
    rig.failStart = (count) => (count === 1 ? new BridgeError('IMAGE_UNAVAILABLE', 'no image') : undefined);
    const wait = ask(rig);
    await settle();
    expect(wait.error).toBeUndefined();
  });

  it('does not try again in the same breath for a client whose own start is under way', async () => {
    const rig = poolRig({ pool: { warm: 1 } }, {}, 1);
    const eternity = new Promise<void>(() => undefined);
    void rig.gate.start('foreground', () => ({ settled: eternity, gone: eternity }) as unknown as Upstream);
    rig.failStart = (count) => {
      if (count > 100) throw new RangeError('a hundred starts at one moment');
      return count === 0 ? undefined : new BridgeError('ENGINE_UNAVAILABLE', 'down');
    };
    ask(rig);
    await settle();
    expect(rig.pool.stats().starts).toBeLessThan(5);
  });

  it('holds the refills back, longer each time', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no image');
    fill(rig);
    await rig.clock.advance(60_000);
    const early = rig.pool.stats().starts;
    await rig.clock.advance(60_000);
    expect([early > 3 && early < 12, rig.pool.stats().starts - early < 4]).toEqual([true, true]);
  });

  it('does not hold a client back', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no image');
    fill(rig);
    await rig.clock.advance(2000);
    rig.startError = undefined;
    const wait = ask(rig);
    await settle();
    expect([rig.pool.stats().failedStarts, wait.lease === undefined]).toEqual([3, false]);
  });

  it.each(['ENGINE_UNAVAILABLE', 'IMAGE_PULLING'] as const)('looks again within a second after %s', async (code) => {
    const rig = poolRig({ pool: { warm: 1 } });
    rig.startError = new BridgeError(code, 'later');
    fill(rig);
    await rig.clock.advance(30_000);
    rig.startError = undefined;
    await rig.clock.advance(1000);
    expect(rig.pool.stats().warm).toBe(1);
  });

  it('takes its place back', async () => {
    const rig = poolRig({ pool: { max: 1 } });
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no image');
    ask(rig);
    await settle();
    expect(rig.pool.stats()).toMatchObject({ starting: 0, failedStarts: 1, lastError: 'no image' });
  });

  it('tells a launch that throws to the log, and not to people', async () => {
    const rig = poolRig({}, { launchError: new TypeError('/secret/path') });
    ask(rig);
    await settle();
    expect(rig.pool.stats().lastError).toBe('internal error');
  });

  it('goes on after a launch that threw', async () => {
    const rig = poolRig({ pool: { max: 1 } }, (count) =>
      count === 0 && rig.pool.stats().starts === 1 ? { launchError: new TypeError('no') } : {},
    );
    ask(rig);
    await settle();
    const wait = ask(rig);
    await settle();
    expect(wait.lease).toBeDefined();
  });

  it('lets no crash loop of a server that dies at once go on unbounded', async () => {
    const rig = poolRig({ pool: { warm: 2 } }, { exits: { code: 1, signal: undefined } });
    fill(rig);
    await rig.clock.advance(60_000);
    expect(rig.engine.children.length).toBeLessThan(20);
  });
});

describe('Pool, with a full gate,', () => {
  it('starts for a client before it refills another pool', async () => {
    // One place in the gate, taken by the first refill.
    const rig = poolRig({ pool: { warm: 3, max: 10 } }, { startsAfterMs: 100 }, 1);
    fill(rig);
    await settle();
    const wait = ask(rig);
    await settle();
    // The refill under way is handed over: nothing waits behind two more refills.
    expect(wait.lease?.upstream.name).toBe(rig.engine.children[0]?.name);
  });

  it('counts a start that was begun as a refill for the client that waits', async () => {
    const rig = poolRig({ pool: { warm: 1, max: 1 } }, { startsAfterMs: 100 }, 1);
    fill(rig);
    const wait = ask(rig);
    await rig.clock.advance(200);
    expect([wait.lease === undefined, rig.engine.children.length]).toEqual([false, 1]);
  });

  it('promotes a refill that waits for its turn when a client waits for it', async () => {
    const promoted: string[] = [];
    const rig = poolRig({ pool: { warm: 2, max: 2 } }, { startsAfterMs: 100 }, 1);
    const start = rig.gate.start.bind(rig.gate);
    let count = 0;
    rig.gate.start = (priority, open) => {
      const turn = start(priority, open);
      const name = `${priority}-${(count += 1)}`;
      return {
        upstream: turn.upstream,
        promote: () => {
          promoted.push(name);
          turn.promote();
        },
      };
    };
    fill(rig);
    await settle();
    ask(rig);
    ask(rig);
    await settle();
    expect(promoted).toContain('refill-2');
  });
});

describe('Lease.release()', () => {
  it('resolves when the container is gone', async () => {
    const rig = poolRig({}, { ignoresEof: true });
    const wait = ask(rig);
    await settle();
    const released = wait.lease?.release('session-ended');
    await rig.clock.advance(3000);
    await released;
    expect(rig.engine.live).toEqual([]);
  });

  it('throws the second time', async () => {
    const rig = poolRig();
    const wait = ask(rig);
    await settle();
    void wait.lease?.release('session-ended');
    expect(() => wait.lease?.release('session-ended')).toThrow('A lease is released once');
  });

  it('never hands a used upstream on', async () => {
    const rig = poolRig({ pool: { max: 1, warm: 1 } }, mute);
    const seen = new Set<Upstream>();
    for (let i = 0; i < 10; i++) {
      const wait = ask(rig);
      await rig.clock.advance(2000);
      if (wait.lease) seen.add(wait.lease.upstream);
      void wait.lease?.release('session-ended');
      await rig.clock.advance(2000);
    }
    expect(seen.size).toBe(10);
  });

  it('counts against "max" until the container is gone', async () => {
    const rig = poolRig({ pool: { max: 1 } }, { ignoresEof: true });
    const wait = ask(rig);
    await settle();
    void wait.lease?.release('session-ended');
    await rig.clock.advance(500);
    expect(rig.pool.stats()).toMatchObject({ leased: 0, retiring: 1 });
  });

  it('comes with the end of "await using"', async () => {
    const rig = poolRig();
    {
      await using lease = await rig.pool.acquire(never());
      expect(lease.upstream.state).toBe('ready');
    }
    expect(rig.engine.live).toEqual([]);
  });

  it('after the server had answered holds nothing back, however it ended', async () => {
    const rig = poolRig({ pool: { warm: 1, max: 2 } });
    const wait = ask(rig);
    await settle();
    wait.lease?.prove();
    void wait.lease?.release('start-failed');
    await rig.clock.advance(0);
    expect(rig.pool.stats()).toMatchObject({ failedStarts: 0, warm: 1 });
  });

  it('of a server that never answered holds the refills back', async () => {
    const rig = poolRig({ pool: { warm: 1, max: 2 } });
    const wait = ask(rig);
    await settle();
    await rig.clock.advance(0);
    void wait.lease?.release('start-failed');
    await rig.clock.advance(0);
    expect(rig.pool.stats().failedStarts).toBe(1);
  });
});

describe('Lease.prove()', () => {
  it('ends the back-off: the pool fills up at once', async () => {
    const rig = poolRig({ pool: { warm: 1, max: 2 } });
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no image');
    fill(rig);
    await rig.clock.advance(2000);
    rig.startError = undefined;
    const wait = ask(rig);
    await settle();
    const before = rig.pool.stats().warm;
    wait.lease?.prove();
    await settle();
    expect([before, rig.pool.stats().warm]).toEqual([0, 1]);
  });
});

describe('Pool, with the time,', () => {
  it('retires warm ones that are older than maxAge', async () => {
    const rig = poolRig({ pool: { warm: 1, maxAgeMs: 60_000 } });
    fill(rig);
    await rig.clock.advance(62_000);
    expect(rig.engine.children[0]?.isGone).toBe(true);
  });

  it('puts a new one in the place of one that was too old', async () => {
    const rig = poolRig({ pool: { warm: 1, maxAgeMs: 60_000 } });
    fill(rig);
    await rig.clock.advance(62_000);
    expect([rig.engine.children.length, rig.pool.stats().warm]).toEqual([2, 1]);
  });

  it('leaves a lease alone, however old its container', async () => {
    const rig = poolRig({ pool: { maxAgeMs: 60_000 } });
    ask(rig);
    await rig.clock.advance(120_000);
    expect(rig.pool.stats().leased).toBe(1);
  });
});

describe('Pool, when a warm one dies,', () => {
  it('replaces it', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    fill(rig);
    await settle();
    rig.engine.last.exit({ code: 1, signal: undefined });
    await rig.clock.advance(2000);
    expect([rig.engine.children.length, rig.pool.stats().warm]).toEqual([2, 1]);
  });

  it('never leases it', async () => {
    const rig = poolRig({ pool: { warm: 1, max: 2 } });
    fill(rig);
    await settle();
    const dead = rig.engine.last;
    dead.exit({ code: 1, signal: undefined });
    await settle();
    const wait = ask(rig);
    await settle();
    expect([wait.lease === undefined, wait.lease?.upstream.name === dead.name]).toEqual([false, false]);
  });

  it('says why in the log and in the stats', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    fill(rig);
    await settle();
    rig.engine.last.exit({ code: 127, signal: undefined });
    await settle();
    expect(rig.pool.stats().lastError).toBe(
      'Cannot start the server: it ended with exit code 127 (its command does not exist) before it was ready',
    );
  });
});

describe('Pool.drain()', () => {
  it('refuses everybody in line', async () => {
    const rig = poolRig({ pool: { max: 1 } });
    ask(rig);
    await settle();
    const wait = ask(rig);
    rig.pool.drain();
    await settle();
    expect(codeOf(wait)).toBe('DRAINING');
  });

  it('ends warm ones', async () => {
    const rig = poolRig({ pool: { warm: 3 } });
    fill(rig);
    await settle();
    rig.pool.drain();
    await rig.clock.advance(3000);
    expect(rig.engine.live).toEqual([]);
  });

  it('ends those that wait for their turn in the gate as soon as they are spawned', async () => {
    const rig = poolRig({ pool: { warm: 5 } }, { startsAfterMs: 200 }, 1);
    fill(rig);
    await settle();
    rig.pool.drain();
    await rig.clock.advance(30_000);
    expect([rig.engine.live, rig.pool.stats()]).toMatchObject([[], { starting: 0, retiring: 0 }]);
  });

  it('lets leases run on', async () => {
    const rig = poolRig();
    ask(rig);
    await settle();
    rig.pool.drain();
    await rig.clock.advance(60_000);
    expect(rig.engine.live).toHaveLength(1);
  });

  it('takes releases, and starts nothing behind them', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    const wait = ask(rig);
    await settle();
    rig.pool.drain();
    void wait.lease?.release('session-ended');
    await rig.clock.advance(5000);
    expect(rig.engine.live).toEqual([]);
  });

  it('leaves no timer behind', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    fill(rig);
    await settle();
    rig.pool.drain();
    await rig.clock.advance(3000);
    expect(rig.clock.pending).toBe(0);
  });

  it('may be called twice', async () => {
    const rig = poolRig({ pool: { warm: 2 } });
    fill(rig);
    await settle();
    rig.pool.drain();
    rig.pool.drain();
    await rig.clock.advance(3000);
    expect(rig.pool.stats()).toMatchObject({ warm: 0, retiring: 0 });
  });
});
