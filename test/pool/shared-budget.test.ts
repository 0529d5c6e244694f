import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { Budget } from '../../src/pool/budget.ts';
import { SharedPool } from '../../src/pool/shared-pool.ts';
import { settle } from '../support/manual-clock.ts';
import { ask, codeOf, fill } from '../support/pool-clients.ts';
import { poolRig, type serverConfig } from '../support/pool-rig.ts';
import { serving, startRig, Visitor, type SharedPoolRig } from '../support/shared-rig.ts';

type PoolNumbers = ReturnType<typeof serverConfig>['pool'];

const gigabyte = 1024 ** 3;
const unlimited = { containers: 0, memoryBytes: 0 };
const calm = { upscaleDelayMs: 0, downscaleDelayMs: 0, lookBackMs: 1000, upscaleFactor: 1, downscaleFactor: 1 };

/** A shared pool with one call for each container, at a gigabyte each. */
function sharedRig(budget: Budget, numbers: Partial<PoolNumbers> = {}): SharedPoolRig {
  const pool = { min: 0, max: 4, maxOngoing: 1, scaling: { target: 1, ...calm }, ...numbers };
  const rig = Object.assign(startRig({ pool, pingIntervalMs: 60_000 }), { budget, memoryBytes: gigabyte });
  const { startTimeoutMs } = rig.config;
  return Object.assign(rig, { pool: new SharedPool(rig.config.pool, { ...rig, start: rig.start, startTimeoutMs }) });
}

function call({ pool }: SharedPoolRig): Visitor {
  return new Visitor(pool);
}

function code({ error }: Visitor): string | undefined {
  return error instanceof BridgeError ? error.code : undefined;
}

/** The last one goes: nothing is kept that nobody asks for. */
async function emptied(rig: SharedPoolRig): Promise<SharedPoolRig> {
  rig.pool.fill().catch(() => undefined);
  await rig.clock.advance(10_000);
  return rig;
}

describe('SharedPool, with a budget,', () => {
  it('takes what each container needs, and gives it back when it is gone', async () => {
    const rig = sharedRig(new Budget(unlimited), { min: 2 });
    rig.pool.fill().catch(() => undefined);
    await settle();
    const before = rig.budget.stats();
    rig.pool.drain();
    await rig.clock.advance(3000);
    expect([before, rig.budget.stats()]).toMatchObject([
      { containers: 2, memoryBytes: 2 * gigabyte },
      { containers: 0, memoryBytes: 0 },
    ]);
  });

  it.each(['START_FAILED', 'IMAGE_UNAVAILABLE'] as const)(
    'gives back what was taken for a start with %s',
    async (why) => {
      const rig = sharedRig(new Budget(unlimited), { min: 2 });
      rig.startError = new BridgeError(why, 'no');
      rig.pool.fill().catch(() => undefined);
      await settle();
      expect(rig.budget.stats()).toMatchObject({ containers: 0, memoryBytes: 0 });
    },
  );

  it('never has more containers than it allows, however many calls wait', async () => {
    const rig = sharedRig(new Budget({ containers: 2, memoryBytes: 0 }));
    const calls = Array.from({ length: 10 }, () => call(rig));
    await rig.clock.advance(3000);
    expect([rig.engine.peak, calls.filter(({ place }) => place).length]).toEqual([2, 2]);
  });

  it('tells a call NODE_FULL after its time in line', async () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    const rig = await emptied(sharedRig(budget));
    budget.take(0);
    const wait = call(rig);
    await rig.clock.advance(5000);
    expect(code(wait)).toBe('NODE_FULL');
  });

  it('tells a call NODE_FULL at once when no container of it can ever fit', async () => {
    const rig = sharedRig(new Budget({ containers: 0, memoryBytes: gigabyte - 1 }));
    const wait = call(rig);
    await settle();
    expect(code(wait)).toBe('NODE_FULL');
  });

  it('does not keep anybody waiting at its start for room that is not there', async () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    budget.take(0);
    await expect(sharedRig(budget, { min: 1 }).pool.fill()).resolves.toBeUndefined();
  });

  it('gives an idle container up for a client of another pool, and none that works', async () => {
    const budget = new Budget({ containers: 2, memoryBytes: 0 });
    const rig = sharedRig(budget, { scaling: { target: 1, ...calm, downscaleDelayMs: 3_600_000 } });
    const other = poolRig({}, {}, 4, { clock: rig.clock, budget });
    const calls = [call(rig), call(rig)];
    await rig.clock.advance(3000);
    calls[0]?.leave();
    const waits = [ask(other), ask(other)];
    await rig.clock.advance(5000);
    expect(waits.map((wait) => wait.lease !== undefined || codeOf(wait))).toEqual([true, 'NODE_FULL']);
    expect(rig.pool.stats()).toMatchObject({ ready: 1, ongoing: 1 });
  });

  it('keeps min', async () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    const rig = sharedRig(budget, { min: 1 });
    rig.pool.fill().catch(() => undefined);
    const other = poolRig({}, {}, 4, { clock: rig.clock, budget });
    await settle();
    const wait = ask(other);
    await rig.clock.advance(5000);
    expect([codeOf(wait), rig.pool.stats().ready]).toEqual(['NODE_FULL', 1]);
  });

  it('has the room of another pool’s idle containers for a call', async () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    const rig = await emptied(sharedRig(budget));
    const other = poolRig({ pool: { warm: 1 } }, {}, 4, { clock: rig.clock, budget });
    fill(other);
    await settle();
    const wait = call(rig);
    await rig.clock.advance(1000);
    expect([wait.place === undefined, other.pool.stats().warm]).toEqual([false, 0]);
  });
});

describe('SharedPool, with a circuit,', () => {
  /** Its starts have failed until the circuit opened. */
  async function opened(): Promise<SharedPoolRig> {
    const rig = sharedRig(new Budget(unlimited), { min: 1 });
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no image');
    rig.pool.fill().catch(() => undefined);
    while (rig.pool.stats().circuit === 'closed') await rig.clock.advance(200);
    return rig;
  }

  it('refuses calls at once while it is open and nothing runs', async () => {
    const rig = await opened();
    const { starts } = rig.pool.stats();
    const wait = call(rig);
    await settle();
    expect(wait.error).toMatchObject({ code: 'CIRCUIT_OPEN', data: { retryAfterMs: expect.any(Number) as unknown } });
    expect(rig.pool.stats().starts).toBe(starts);
  });

  it('lets calls wait for the one start that is tried', async () => {
    const rig = await opened();
    rig.startError = undefined;
    rig.engine.habit = { ...serving, startsAfterMs: 100 };
    while (rig.pool.stats().circuit === 'open') await rig.clock.advance(10);
    await rig.clock.advance(200);
    const wait = call(rig);
    await settle();
    expect([wait.place === undefined, rig.pool.stats()]).toMatchObject([false, { circuit: 'half-open', ready: 1 }]);
  });

  it('is closed when that one has served for a while', async () => {
    const rig = await opened();
    rig.startError = undefined;
    await rig.clock.advance(30_000);
    expect(rig.pool.stats()).toMatchObject({ circuit: 'closed', ready: 1 });
  });

  it('is opened by servers that end again and again after their handshake', async () => {
    const rig = sharedRig(new Budget(unlimited), { min: 1 });
    rig.engine.habit = { ...serving, exits: { code: 1, signal: undefined, afterMs: 500 } };
    rig.pool.fill().catch(() => undefined);
    await rig.clock.advance(30_000);
    expect([rig.pool.stats().circuit === 'closed', rig.engine.children.length < 10]).toEqual([false, true]);
  });

  it('is closed by recycle()', async () => {
    const rig = await opened();
    rig.startError = undefined;
    rig.pool.recycle();
    await settle();
    expect(rig.pool.stats()).toMatchObject({ circuit: 'closed', ready: 1 });
  });
});
