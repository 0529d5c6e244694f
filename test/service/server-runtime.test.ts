import { describe, expect, it } from '@jest/globals';
import { deferred } from '../../src/base/deferred.ts';
import { BridgeError } from '../../src/base/errors.ts';
import { Eras } from '../../src/modern/eras.ts';
import { Budget } from '../../src/pool/budget.ts';
import { StartGate } from '../../src/pool/start-gate.ts';
import { LogBook } from '../../src/service/server-logs.ts';
import { ServerRuntime } from '../../src/service/server-runtime.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { never, serverConfig, startContext } from '../support/pool-rig.ts';
import { quietLog } from '../support/quiet-log.ts';

interface Rig {
  readonly clock: ManualClock;
  readonly engine: FakeEngine;
  readonly runtime: ServerRuntime;
}

function rigOf(overrides: Parameters<typeof serverConfig>[0], refusal?: BridgeError): Rig {
  const clock = new ManualClock();
  const engine = new FakeEngine(clock, {});
  const { log } = quietLog();
  const runtime = new ServerRuntime(Object.freeze(serverConfig({ modern: 'fallback', ...overrides })), {
    engines: { for: () => Promise.resolve(engine), refusal: () => refusal },
    gate: new StartGate(4),
    budget: new Budget({ containers: 0, memoryBytes: 0 }),
    context: { ...startContext(clock), log },
    logs: new LogBook(),
    clock,
    log,
    onProgress: () => undefined,
    members: () => [],
    peers: () => [],
    eras: new Eras(clock),
  });
  return { clock, engine, runtime };
}

describe('ServerRuntime.resize()', () => {
  it('changes its pool and keeps the containers it has', async () => {
    const { clock, engine, runtime } = rigOf({ pool: { warm: 1 } });
    await Promise.all([runtime.open(), clock.advance(100)]);
    const [first] = engine.live;
    runtime.resize(serverConfig({ pool: { warm: 3 } }));
    await clock.advance(100);
    expect([engine.live.length, engine.live.includes(first!)]).toEqual([3, true]);
  });

  it('is seen by whoever holds its configuration, which stays the same object', () => {
    const { runtime } = rigOf({});
    const { config } = runtime;
    runtime.resize(serverConfig({ callTimeoutMs: 7, pool: { idleTimeoutMs: 9 } }));
    expect([runtime.config === config, config.callTimeoutMs, config.pool.idleTimeoutMs]).toEqual([true, 7, 9]);
  });
});

describe('ServerRuntime.retire()', () => {
  it('ends what waits for a client, starts nothing, and is empty when its last lease has ended', async () => {
    const { clock, engine, runtime } = rigOf({ pool: { warm: 2 } });
    await Promise.all([runtime.open(), clock.advance(100)]);
    const lease = await runtime.lease(never(), 'client');
    await clock.advance(100);
    runtime.retire();
    await clock.advance(5000);
    expect([engine.live, runtime.isEmpty]).toEqual([[lease.upstream.name], false]);
    void lease.release('session-ended');
    await clock.advance(5000);
    expect([engine.live, runtime.isEmpty]).toEqual([[], true]);
  });

  it('refuses new sessions as a server that is not there', () => {
    const { runtime } = rigOf({});
    runtime.retire();
    expect(runtime.config.disabled?.code).toBe('SERVER_UNKNOWN');
  });

  it('does not let a start that waits for its image begin', async () => {
    const { clock, engine, runtime } = rigOf({ pool: { warm: 1 } });
    const opening = runtime.open();
    runtime.retire();
    await Promise.all([opening, clock.advance(5000)]);
    expect([engine.live, runtime.isEmpty]).toEqual([[], true]);
  });

  it('lets a shared server come down to what its sessions ask for', async () => {
    const scaling = { ...serverConfig().pool.scaling, downscaleDelayMs: 1000 };
    const { clock, engine, runtime } = rigOf({ sharing: 'shared', pool: { min: 2, scaling } });
    await Promise.all([runtime.open(), clock.advance(1000)]);
    const before = engine.live.length;
    runtime.retire();
    await clock.advance(10_000);
    expect([before, engine.live.length]).toEqual([2, 0]);
  });
});

describe('ServerRuntime.drain()', () => {
  it('ends a shared server that has retired', async () => {
    const { clock, engine, runtime } = rigOf({ sharing: 'shared', pool: { min: 1 } });
    await Promise.all([runtime.open(), clock.advance(1000)]);
    runtime.retire();
    await clock.advance(5000);
    const before = engine.live.length;
    runtime.drain();
    await clock.advance(5000);
    expect([before, engine.live, runtime.isEmpty]).toEqual([1, [], true]);
  });
});

describe('ServerRuntime of a server that is switched off', () => {
  it.each(['session', 'shared'] as const)('starts nothing (%s)', async (sharing) => {
    const disabled = { code: 'SERVER_DISABLED', reason: 'API_KEY is not set' } as const;
    const { clock, engine, runtime } = rigOf({ sharing, disabled, pool: { warm: 1, min: 1 } });
    await Promise.all([runtime.open(), clock.advance(10_000)]);
    expect([engine.live, runtime.stats()?.starts]).toEqual([[], 0]);
  });
});

describe('ServerRuntime.lease()', () => {
  it.each(['session', 'shared'] as const)(
    'is refused while the engine fails, ready containers or not (%s)',
    async (sharing) => {
      const refusal = new BridgeError('ENGINE_UNAVAILABLE', 'Cannot use the engine: fake does not answer');
      const { clock, runtime } = rigOf({ sharing, pool: { warm: 1 } }, refusal);
      await Promise.all([runtime.open(), clock.advance(100)]);
      await expect(runtime.lease(never(), 'client')).rejects.toBe(refusal);
    },
  );
});

describe('ServerRuntime, for a folder that is built,', () => {
  const build = { source: { kind: 'build', context: '/folder' }, pool: { warm: 1 } } as const;

  async function opened(): Promise<Rig & { images: () => string[] }> {
    const rig = rigOf(build);
    await Promise.all([rig.runtime.open(), rig.clock.advance(100)]);
    const images = (): string[] =>
      rig.engine.children
        .filter(({ isGone }) => !isGone)
        .map(({ spec }) => (spec.source.kind === 'image' ? spec.source.image : ''));
    return { ...rig, images };
  }

  it('recycle() starts from what is in it now', async () => {
    const { runtime, engine, clock, images } = await opened();
    engine.built = 'newer';
    runtime.recycle();
    await clock.advance(2000);
    expect(images()).toEqual(['newer']);
  });

  it('refresh() does the same, and leaves alone what has not changed', async () => {
    const { runtime, engine, clock, images } = await opened();
    const [first] = engine.live;
    await Promise.all([runtime.refresh(), clock.advance(2000)]);
    expect(engine.live).toEqual([first]);
    engine.built = 'newer';
    await Promise.all([runtime.refresh(), clock.advance(2000)]);
    expect(images()).toEqual(['newer']);
  });

  it('refresh() that cannot build leaves alone what there is', async () => {
    const { runtime, engine, clock } = await opened();
    const [first] = engine.live;
    engine.renewError = new BridgeError('BUILD_FAILED', 'Cannot build the server: no');
    await Promise.all([runtime.refresh(), clock.advance(2000)]);
    expect(engine.live).toEqual([first]);
  });

  it('starts what comes later from what it was opened with, not from what is there now', async () => {
    const { runtime, engine, clock, images } = await opened();
    engine.built = 'newer';
    await Promise.all([runtime.lease(never(), 'client'), clock.advance(2000)]);
    expect(images()).toEqual(['built:/folder', 'built:/folder']);
  });
});

describe('ServerRuntime.open()', () => {
  it('waits for an image that takes longer than startTimeout', async () => {
    const { clock, engine, runtime } = rigOf({ pool: { warm: 1 }, startTimeoutMs: 1000 });
    const arrival = deferred();
    const known = engine.prepare.bind(engine);
    engine.prepare = engine.renew = async (source) => {
      await arrival.promise;
      return known(source);
    };
    const opened = runtime.open();
    // A refill that began meanwhile has given up.
    await clock.advance(2500);
    arrival.resolve();
    await Promise.all([opened, clock.advance(5000)]);
    expect(engine.live).toHaveLength(1);
  });
});
