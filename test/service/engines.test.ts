import { beforeEach, describe, expect, it } from '@jest/globals';
import { deferred } from '../../src/base/deferred.ts';
import { BridgeError } from '../../src/base/errors.ts';
import type { Config, ProcessSource } from '../../src/config/config.ts';
import type { LaunchSpec } from '../../src/engine/engine.ts';
import { labelKeys, labelsFor } from '../../src/engine/labels.ts';
import { Engines } from '../../src/service/engines.ts';
import { Leaks } from '../../src/upstream/leaks.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { owner, serverConfig } from '../support/pool-rig.ts';
import { quietLog, type QuietLog } from '../support/quiet-log.ts';

const image: ProcessSource = { kind: 'image', image: 'x' };
const nobody = new BridgeError('ENGINE_UNAVAILABLE', 'Cannot find a container engine: nobody is there');

let clock: ManualClock;
let engine: FakeEngine;
let leaks: Leaks;
let held: Set<string>;
let quiet: QuietLog;
/** How looking for the engine goes. */
let detect: () => Promise<{ engine: FakeEngine; skipped: string[] }>;
/** Why nothing at all can be started. */
let makerFailure: BridgeError | undefined;
let onMakerChange: () => void;
let engines: Engines;

beforeEach(() => {
  clock = new ManualClock();
  engine = new FakeEngine(clock);
  leaks = new Leaks(clock);
  held = new Set();
  makerFailure = undefined;
  quiet = quietLog();
  detect = () => Promise.resolve({ engine, skipped: [] });
  const config = { engine: 'auto', servers: new Map([['demo', serverConfig()]]) } as Partial<Config> as Config;
  engines = new Engines(config, {
    ...{ owner, held, leaks, clock, log: quiet.log },
    maker: {
      detect: () => detect(),
      processes: () => new FakeEngine(clock, {}, 'process'),
      get failure() {
        return makerFailure;
      },
      onChange: (listener) => {
        onMakerChange = listener;
      },
      status: () => ({}),
    },
  });
});

const wanted = async (): Promise<string> =>
  engines.for(image).then(
    ({ kind }) => kind,
    (error: unknown) => (error instanceof BridgeError ? error.code : String(error)),
  );

describe('Engines, once the engine is found,', () => {
  beforeEach(async () => {
    await engines.open();
  });

  it('have nothing against a start', async () => {
    expect([engines.missing, engines.refusal(image), await wanted()]).toEqual([undefined, undefined, 'podman']);
  });

  it('ask for the list soon, then every half minute', async () => {
    const counts: number[] = [];
    for (const ms of [2000, 2000, 4000, 29_999, 1, 30_000]) {
      await clock.advance(ms);
      counts.push(engine.lists);
    }
    expect(counts).toEqual([2, 3, 4, 4, 5, 6]);
  });

  it('ask at once when there is trouble, and once for much trouble', async () => {
    for (let n = 0; n < 5; n++) engine.trouble();
    await settle();
    expect(engine.lists).toBe(2);
  });

  it('remove nothing that is held while trouble comes and goes', async () => {
    engine.foreign = [{ name: 'gangway-demo-1', state: 'running', labels: labelsFor(owner, 'demo', new Date()) }];
    held.add('gangway-demo-1');
    for (let n = 0; n < 5; n++) {
      engine.trouble();
      await clock.advance(1000);
    }
    expect(engine.removals).toEqual([]);
  });

  it('do not take a lack of descriptors of our own for a fault of the engine', async () => {
    engine.list = () => Promise.reject(new BridgeError('OVERLOADED', 'Cannot start a program: no descriptors'));
    engine.trouble();
    await settle();
    expect([engines.missing, engines.refusal(image)]).toEqual([undefined, undefined]);
    expect(quiet.lines.map(({ msg }) => msg)).toContain('could not ask the engine for its containers');
  });

  it('stay in use when an orphan cannot be removed', async () => {
    engine.foreign = [{ name: 'gangway-demo-1', state: 'running', labels: labelsFor(owner, 'demo', new Date()) }];
    engine.isFailing = true;
    await clock.advance(60_000);
    expect([engines.missing, engines.refusal(image), await wanted()]).toEqual([undefined, undefined, 'podman']);
    expect(engine.removals.length).toBeGreaterThan(1);
  });

  it('close the engine with themselves, and ask nothing any more', async () => {
    engines.close();
    engine.trouble();
    await clock.advance(120_000);
    expect([engine.isClosed, engine.lists, clock.pending]).toEqual([true, 1, 0]);
  });
});

describe('Engines, while the engine does not answer,', () => {
  beforeEach(async () => {
    await engines.open();
    engine.isSilent = true;
    engine.trouble();
    await settle();
  });

  it('refuse at once, and say why', async () => {
    expect(await wanted()).toBe('ENGINE_UNAVAILABLE');
    expect(engines.refusal(image)?.message).toBe('Cannot use the engine: podman does not answer');
    expect(engines.missing).toBe('Cannot use the engine: podman does not answer');
  });

  it('give up what does not run yet', async () => {
    engine.isSilent = false;
    await clock.advance(1000);
    engine.habit = { startsAfterMs: Infinity };
    const child = engine.launch({ ...launchSpec, name: 'gangway-demo-1' });
    engine.isSilent = true;
    engine.trouble();
    await settle();
    expect(await child.died).toMatchObject({ lost: 'engine' });
  });

  it('leave what runs alone', async () => {
    engine.isSilent = false;
    await clock.advance(1000);
    const child = engine.launch({ ...launchSpec, name: 'gangway-demo-1' });
    engine.isSilent = true;
    engine.trouble();
    await clock.advance(60_000);
    expect(child.hasExited).toBe(false);
  });

  it('ask again every second, in silence', async () => {
    const before = [engine.lists, quiet.lines.length];
    await clock.advance(10_000);
    expect([engine.lists, quiet.lines.length]).toEqual([(before[0] ?? 0) + 10, before[1]]);
  });

  it('are well again a second after the engine is back', async () => {
    await clock.advance(60_000);
    engine.isSilent = false;
    await clock.advance(1000);
    expect([engines.missing, await wanted()]).toEqual([undefined, 'podman']);
  });

  it('sweep what was left before they let anybody in again', async () => {
    const labels = { ...labelsFor(owner, 'demo', new Date()), [labelKeys.owner]: 'elsewhere.1.1' };
    engine.foreign = [{ name: 'gangway-demo-1', state: 'running', labels }];
    engine.isSilent = false;
    await clock.advance(1000);
    expect([engine.removals, engines.missing]).toEqual([[['gangway-demo-1']], undefined]);
  });

  it('have every removal tried again when the engine is back', async () => {
    let isOver = false;
    void leaks.pause(600_000).then(() => {
      isOver = true;
    });
    await clock.advance(5000);
    expect(isOver).toBe(false);
    engine.isSilent = false;
    await clock.advance(1000);
    expect(isOver).toBe(true);
  });
});

describe('Engines, while nothing can be started at all,', () => {
  const command: ProcessSource = { kind: 'command', command: ['x'], cwd: '/' };

  beforeEach(async () => {
    await engines.open();
    makerFailure = new BridgeError('ENGINE_UNAVAILABLE', 'Cannot start anything: fake');
    onMakerChange();
  });

  it('refuse images and plain processes, and say why', async () => {
    expect(await wanted()).toBe('ENGINE_UNAVAILABLE');
    expect([engines.refusal(image), engines.refusal(command)]).toEqual([makerFailure, makerFailure]);
    expect(engines.missing).toBe('Cannot start anything: fake');
    expect(engines.status()).toMatchObject({ kind: 'podman', missing: 'Cannot start anything: fake' });
  });

  it('look for what was left as soon as it is over, and soon again', async () => {
    await clock.advance(60_000);
    const before = engine.lists;
    makerFailure = undefined;
    onMakerChange();
    await settle();
    expect([engines.missing, engine.lists]).toEqual([undefined, before + 1]);
    await clock.advance(2000);
    expect(engine.lists).toBe(before + 2);
  });

  it('have every removal tried again when it is over', async () => {
    let isOver = false;
    void leaks.pause(600_000).then(() => {
      isOver = true;
    });
    makerFailure = undefined;
    onMakerChange();
    await settle();
    expect(isOver).toBe(true);
  });
});

describe('Engines, while there is no engine,', () => {
  it('refuse after the first look, and find one that appears within 5 s', async () => {
    detect = () => Promise.reject(nobody);
    await engines.open();
    expect(await wanted()).toBe('ENGINE_UNAVAILABLE');
    detect = () => Promise.resolve({ engine, skipped: [] });
    await clock.advance(5000);
    expect([engines.missing, await wanted()]).toEqual([undefined, 'podman']);
  });

  it('say so once in the log, and again when the reason changes', async () => {
    detect = () => Promise.reject(nobody);
    await engines.open();
    await clock.advance(30_000);
    expect(quiet.lines).toHaveLength(1);
    detect = () => Promise.reject(new BridgeError('ENGINE_UNAVAILABLE', 'Cannot find a container engine: it is ill'));
    await clock.advance(30_000);
    expect(quiet.lines).toHaveLength(2);
  });

  it('let clients wait for a first look that is quick', async () => {
    const look = deferred<{ engine: FakeEngine; skipped: string[] }>();
    detect = () => look.promise;
    const opened = engines.open();
    const waiting = wanted();
    await clock.advance(4000);
    look.resolve({ engine, skipped: [] });
    expect(await waiting).toBe('podman');
    await opened;
  });

  it('refuse after 5 s of a first look that hangs, and serve when it ends well', async () => {
    const look = deferred<{ engine: FakeEngine; skipped: string[] }>();
    detect = () => look.promise;
    const opened = engines.open();
    const waiting = wanted();
    await clock.advance(5000);
    expect([await waiting, await wanted()]).toEqual(['ENGINE_UNAVAILABLE', 'ENGINE_UNAVAILABLE']);
    look.resolve({ engine, skipped: [] });
    await opened;
    expect(await wanted()).toBe('podman');
  });
});

const launchSpec: Omit<LaunchSpec, 'name'> = {
  ...{ labels: {}, source: { kind: 'image', image: 'x' }, args: [], env: [], mounts: [], user: undefined },
  ...{ network: 'none', sandbox: 'default', resources: { cpus: 0, memoryBytes: 0, pids: 0 }, lifetimeSeconds: 60 },
};

describe('Engines, for a package that may be a plain process,', () => {
  const plain: ProcessSource = {
    ...{ kind: 'package', registry: 'npm', name: 'x', version: '1.0.0', base: 'node', scripts: false },
    plainIn: '/',
  };
  const kindFor = (source: ProcessSource): Promise<string> =>
    engines.for(source).then(
      ({ kind }) => kind,
      (error: unknown) => (error instanceof BridgeError ? error.code : String(error)),
    );

  beforeEach(() => {
    engines.need([serverConfig({ source: plain })]);
  });

  it('take the container engine that they find', async () => {
    await engines.open();
    expect(await kindFor(plain)).toBe('podman');
  });

  it('take plain processes when they find none, and then nothing is missing', async () => {
    detect = () => Promise.reject(nobody);
    await engines.open();
    expect([await kindFor(plain), engines.refusal(plain), engines.missing]).toEqual(['process', undefined, undefined]);
  });

  it('refuse one that asks for a sandbox', async () => {
    detect = () => Promise.reject(nobody);
    engines.need([serverConfig({ source: { ...plain, plainIn: undefined } })]);
    await engines.open();
    expect([await kindFor({ ...plain, plainIn: undefined }), engines.missing]).toEqual([
      'ENGINE_UNAVAILABLE',
      nobody.message,
    ]);
  });

  it('never take a plain process once there was a container engine', async () => {
    await engines.open();
    engine.isSilent = true;
    await clock.advance(2000);
    expect([await kindFor(plain), engines.refusal(plain)?.code]).toEqual(['ENGINE_UNAVAILABLE', 'ENGINE_UNAVAILABLE']);
  });
});
