import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { settle } from '../support/manual-clock.ts';
import { poolRig, type PoolRig } from '../support/pool-rig.ts';
import { ask, codeOf, fill } from '../support/pool-clients.ts';

const noImage = new BridgeError('IMAGE_UNAVAILABLE', 'no image');

/** A pool without warm ones, of which five clients have had a failed start: its circuit is open for 6 s. */
async function opened(overrides: Parameters<typeof poolRig>[0] = {}): Promise<PoolRig> {
  const rig = poolRig(overrides);
  rig.startError = noImage;
  for (let i = 0; i < 5; i++) {
    ask(rig);
    await settle();
  }
  return rig;
}

describe('Pool, with an open circuit,', () => {
  it('gives clients the error itself until it opens', async () => {
    const rig = poolRig();
    rig.startError = noImage;
    const waits = [];
    for (let i = 0; i < 6; i++) {
      waits.push(ask(rig));
      await settle();
    }
    expect(waits.map(codeOf)).toEqual([...Array<string>(5).fill('IMAGE_UNAVAILABLE'), 'CIRCUIT_OPEN']);
  });

  it('refuses at once, with the last error and the time that is left, and starts nothing', async () => {
    const rig = await opened();
    const { starts } = rig.pool.stats();
    const wait = ask(rig);
    await settle();
    expect(wait.error).toMatchObject({ code: 'CIRCUIT_OPEN', data: { retryAfterMs: 6000 } });
    expect(wait.error).toMatchObject({ message: expect.stringContaining('no image') as unknown });
    expect(rig.pool.stats()).toMatchObject({ starts, waiting: 0, circuit: 'open' });
  });

  it('refuses a thousand callers in a few milliseconds each', async () => {
    const rig = await opened();
    const begun = performance.now();
    const waits = Array.from({ length: 1000 }, () => ask(rig));
    await settle();
    expect(waits.every((wait) => codeOf(wait) === 'CIRCUIT_OPEN')).toBe(true);
    expect((performance.now() - begun) / 1000).toBeLessThan(5);
  });

  it('refuses those in line when it opens, and not those whose start is under way', async () => {
    const rig = poolRig({ pool: { max: 6 } }, { startsAfterMs: Infinity }, 1);
    // The first start goes on; all that follow fail.
    rig.failStart = (count) => (count > 0 ? noImage : undefined);
    const waits = Array.from({ length: 30 }, () => ask(rig));
    await settle();
    const { starts, waiting } = rig.pool.stats();
    const codes = waits.map(codeOf);
    expect(codes.filter((code) => code === 'IMAGE_UNAVAILABLE')).toHaveLength(starts - 1);
    expect(codes.filter((code) => code === 'CIRCUIT_OPEN')).toHaveLength(30 - starts);
    expect([waits.filter(({ lease }) => lease).length, waiting, starts < 12]).toEqual([1, 0, true]);
  });

  it('starts no refills', async () => {
    const rig = poolRig({ pool: { warm: 2 } });
    rig.startError = noImage;
    fill(rig);
    await rig.clock.advance(12_000);
    const { starts } = rig.pool.stats();
    expect(rig.pool.stats().circuit).toBe('open');
    rig.startError = undefined;
    await rig.clock.advance(2000);
    expect(rig.pool.stats()).toMatchObject({ starts, warm: 0 });
  });

  it('still leases a container that is there', async () => {
    const rig = poolRig({ pool: { warm: 2, max: 2 } });
    fill(rig);
    await settle();
    rig.failStart = () => noImage;
    rig.pool.resize({ ...rig.config.pool, warm: 4, max: 4 });
    await rig.clock.advance(20_000);
    expect(rig.pool.stats()).toMatchObject({ circuit: 'open', warm: 2 });
    const waits = [ask(rig), ask(rig), ask(rig)];
    await settle();
    expect(waits.map((wait) => wait.lease?.wasWarm ?? codeOf(wait))).toEqual([true, true, 'CIRCUIT_OPEN']);
  });

  it('is left alone longer and longer, and never for ever', async () => {
    const rig = poolRig({ pool: { warm: 1 } }, { exits: { code: 1, signal: undefined } });
    fill(rig);
    await rig.clock.advance(600_000);
    const { starts } = rig.pool.stats();
    await rig.clock.advance(600_000);
    expect([starts < 30, rig.pool.stats().starts - starts]).toEqual([true, 13]);
  });

  it('is closed by recycle()', async () => {
    const rig = await opened();
    rig.startError = undefined;
    rig.pool.recycle();
    const wait = ask(rig);
    await settle();
    expect([wait.lease === undefined, rig.pool.stats().circuit]).toEqual([false, 'closed']);
  });
});

describe('Pool, with a half-open circuit,', () => {
  it('makes one start for one caller, and refuses the others', async () => {
    const rig = await opened();
    await rig.clock.advance(6000);
    const { starts } = rig.pool.stats();
    rig.startError = undefined;
    const waits = Array.from({ length: 10 }, (_, i) => ask(rig, `client ${i}`));
    await settle();
    expect(waits.map(({ lease, error }) => lease !== undefined || (error as BridgeError).code)).toEqual([
      true,
      ...Array<string>(9).fill('CIRCUIT_OPEN'),
    ]);
    expect(rig.pool.stats().starts - starts).toBe(1);
  });

  it('refuses others until that server has answered its client', async () => {
    const rig = await opened();
    await rig.clock.advance(6000);
    rig.startError = undefined;
    const probe = ask(rig);
    await rig.clock.advance(20_000);
    const early = ask(rig);
    await settle();
    probe.lease?.prove();
    const late = ask(rig);
    await settle();
    expect([codeOf(early), late.lease === undefined, rig.pool.stats().circuit]).toEqual([
      'CIRCUIT_OPEN',
      false,
      'closed',
    ]);
  });

  it('opens again when the start fails; its caller gets the error itself', async () => {
    const rig = await opened();
    await rig.clock.advance(6000);
    const probe = ask(rig);
    await settle();
    const next = ask(rig);
    await settle();
    expect(codeOf(probe)).toBe('IMAGE_UNAVAILABLE');
    expect(next.error).toMatchObject({ code: 'CIRCUIT_OPEN', data: { retryAfterMs: 12_000 } });
  });

  it('opens again when the server does not answer its client', async () => {
    const rig = await opened();
    await rig.clock.advance(6000);
    rig.startError = undefined;
    const probe = ask(rig);
    await settle();
    void probe.lease?.release('start-failed');
    await settle();
    expect(rig.pool.stats().circuit).toBe('open');
  });

  it('tries with another caller when the first one went away', async () => {
    const rig = await opened();
    await rig.clock.advance(6000);
    rig.startError = undefined;
    const probe = ask(rig);
    await settle();
    void probe.lease?.release('never-used');
    await settle();
    const next = ask(rig);
    await settle();
    expect(next.lease).toBeDefined();
  });

  it('makes one refill, which a caller may have and which decides', async () => {
    const rig = poolRig({ pool: { warm: 3 } });
    rig.startError = noImage;
    fill(rig);
    await rig.clock.advance(3000);
    expect(rig.pool.stats().circuit).toBe('open');
    rig.startError = undefined;
    await rig.clock.advance(60_000);
    const before = rig.pool.stats();
    const wait = ask(rig);
    const refused = ask(rig);
    await settle();
    wait.lease?.prove();
    await settle();
    expect(before).toMatchObject({ warm: 1, circuit: 'half-open' });
    expect([codeOf(refused), rig.pool.stats().warm, rig.pool.stats().circuit]).toEqual(['CIRCUIT_OPEN', 3, 'closed']);
  });
});

describe('Pool, of a server that works,', () => {
  it('takes no offence at clients who kill their own servers', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    for (let i = 0; i < 20; i++) {
      const wait = ask(rig);
      await settle();
      wait.lease?.prove();
      rig.engine.children.find(({ name }) => name === wait.lease?.upstream.name)?.exit({ code: 1, signal: undefined });
      void wait.lease?.release('session-ended');
      await rig.clock.advance(200);
    }
    expect(rig.pool.stats()).toMatchObject({ circuit: 'closed', failedStarts: 0, restarts: 0, warm: 1 });
  });

  it('counts the starts that followed a failure', async () => {
    const rig = poolRig({ pool: { warm: 1 } });
    fill(rig);
    await settle();
    rig.engine.last.exit({ code: 1, signal: undefined });
    await rig.clock.advance(2000);
    expect(rig.pool.stats()).toMatchObject({ starts: 2, restarts: 1, failedStarts: 1 });
  });

  it.each(['ENGINE_UNAVAILABLE', 'ENGINE_LOST', 'IMAGE_PULLING'] as const)(
    'is not left alone because of %s',
    async (code) => {
      const rig = poolRig();
      rig.startError = new BridgeError(code, 'later');
      const waits = Array.from({ length: 20 }, () => ask(rig));
      await settle();
      expect(waits.map(codeOf)).toEqual(Array(20).fill(code));
    },
  );
});
