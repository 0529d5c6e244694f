import { describe, expect, it } from '@jest/globals';
import { Budget } from '../../src/pool/budget.ts';
import { SharedPool } from '../../src/pool/shared-pool.ts';
import { settle } from '../support/manual-clock.ts';
import { ask, codeOf } from '../support/pool-clients.ts';
import { poolRig } from '../support/pool-rig.ts';
import { filledPool, linesOf, startRig, Visitor, type SharedPoolRig } from '../support/shared-rig.ts';

/** The pool of one, recycled. @returns whether its first container is still there after a while */
async function staysWhenRecycled({ pool, clock, engine }: SharedPoolRig): Promise<boolean> {
  pool.recycle();
  await clock.advance(10_000);
  return engine.children[0]?.isGone === false;
}

describe('SharedPool.guard()', () => {
  it('keeps a container that is to be replaced until the last guard is over, called once or often', async () => {
    const rig = await filledPool();
    const [shared] = rig.pool.upstreams();
    const [first, second] = [rig.pool.guard(shared!), rig.pool.guard(shared!)];
    const stays = [await staysWhenRecycled(rig)];
    first();
    first();
    await rig.clock.advance(10_000);
    stays.push(rig.engine.children[0]?.isGone === false);
    second();
    await rig.clock.advance(10_000);
    stays.push(rig.engine.children[0]?.isGone === false);
    expect(stays).toEqual([true, true, false]);
  });

  it('keeps one that drains already, with its calls and after them', async () => {
    const rig = await filledPool();
    const visitor = new Visitor(rig.pool);
    const shared = visitor.place!.shared;
    expect(await staysWhenRecycled(rig)).toBe(true);
    const unguard = rig.pool.guard(shared);
    visitor.leave();
    await rig.clock.advance(10_000);
    expect(rig.engine.children[0]?.isGone).toBe(false);
    unguard();
    await rig.clock.advance(10_000);
    expect(rig.engine.children[0]?.isGone).toBe(true);
  });

  it('takes no room of calls', async () => {
    const rig = await filledPool({ pool: { max: 1, maxOngoing: 1 } });
    rig.pool.guard(rig.pool.upstreams()[0]!);
    expect([new Visitor(rig.pool).outcome, rig.pool.stats().ongoing]).toEqual(['placed', 1]);
  });

  it('keeps a container from being given up for a client of another server', async () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    const rig = Object.assign(startRig({ pool: { min: 0 }, pingIntervalMs: 60_000 }), { budget });
    const { startTimeoutMs } = rig.config;
    const pool = new SharedPool(rig.config.pool, { ...rig, start: rig.start, startTimeoutMs });
    await pool.fill();
    const unguard = pool.guard(pool.upstreams()[0]!);
    const other = poolRig({}, {}, 4, { clock: rig.clock, budget, gate: rig.gate, random: () => 0.5 });
    const early = ask(other);
    await rig.clock.advance(6000);
    unguard();
    const late = ask(other);
    await rig.clock.advance(4000);
    expect([codeOf(early), late.lease === undefined]).toEqual(['NODE_FULL', false]);
  });

  it('is the work that a container may be busy with: it is not taken for dead for its silence', async () => {
    let isSilent = false;
    const rig = await filledPool(
      { pingIntervalMs: 1000 },
      {
        onLine: (line, child) => {
          const { id } = JSON.parse(line) as { id?: number };
          const result = { protocolVersion: '2025-11-25', capabilities: {} };
          if (!isSilent && id !== undefined) child.say({ jsonrpc: '2.0', id, result });
        },
      },
    );
    await rig.clock.advance(1500);
    rig.pool.guard(rig.pool.upstreams()[0]!);
    isSilent = true;
    await rig.clock.advance(30_000);
    expect([rig.engine.children.length, linesOf(rig.engine.last, 'ping').length > 0]).toEqual([1, true]);
  });

  it('does nothing for a container that is gone', async () => {
    const rig = await filledPool();
    const [shared] = rig.pool.upstreams();
    rig.engine.last.exit();
    await rig.clock.advance(3000);
    expect(rig.pool.guard(shared!)).not.toThrow();
  });
});

describe('SharedPool, before a container goes,', () => {
  it.each<['recycled' | 'draining', (pool: SharedPool) => void]>([
    [
      'recycled',
      (pool) => {
        pool.recycle();
      },
    ],
    [
      'draining',
      (pool) => {
        pool.drain();
      },
    ],
  ])('tells that it takes nothing new, and why: %s', async (wanted, goes) => {
    const rig = startRig();
    const left: string[] = [];
    const { startTimeoutMs } = rig.config;
    const pool = new SharedPool(rig.config.pool, {
      ...{ ...rig, startTimeoutMs },
      onLeaving: (shared, reason) => {
        left.push(`${shared.upstream.name} ${reason} ${pool.upstreams().includes(shared)} ${shared.hasEnded}`);
      },
    });
    await pool.fill();
    const { name } = rig.engine.last;
    goes(pool);
    await rig.clock.advance(5000);
    await settle();
    expect(left).toEqual([`${name} ${wanted} false false`]);
  });
});
