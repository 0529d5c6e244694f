import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { deferred, type Deferred } from '../../src/base/deferred.ts';
import { BridgeError } from '../../src/base/errors.ts';
import type { ProcessSource } from '../../src/config/config.ts';
import type { LaunchSpec, Life, Progress, Stdio } from '../../src/engine/engine.ts';
import { labelKeys } from '../../src/engine/labels.ts';
import { Launcher } from '../../src/launcher/launcher.ts';
import type { Report, Request } from '../../src/launcher/protocol.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { portPair, type PortPair } from '../support/port-pair.ts';

const ownToken = 'space.1.1';
const streamToken = '11111111-1111-4111-8111-111111111111';
const spec: Omit<LaunchSpec, 'user'> = {
  ...{ name: 'gangway-demo-1', labels: { [labelKeys.owner]: ownToken }, source: { kind: 'image', image: 'x' } },
  ...{ args: ['--flag'], env: [{ name: 'TOKEN', value: 'x', secret: true }], mounts: [], network: 'none' },
  ...{ sandbox: 'default', lifetimeSeconds: 60, resources: { cpus: 0, memoryBytes: 0, pids: 0 } },
};
const launch = { kind: 'launch', engine: 'podman', token: streamToken, spec } as unknown as Request;

/** An engine in memory whose children have streams of somebody else's. */
class FakeLocalEngine extends FakeEngine {
  override readonly kind: 'podman' | 'docker' = 'podman';
  launchedOn: Stdio | undefined;

  progress = '';

  override prepare(source: ProcessSource, _pull?: string, progress?: Progress): Promise<LaunchSpec['source']> {
    progress?.(this.progress);
    return super.prepare(source);
  }

  launchOn(stdio: Stdio, wanted: LaunchSpec): Life {
    const child = this.launch(wanted);
    this.launchedOn = stdio;
    return child;
  }
}

let clock: ManualClock;
let engine: FakeLocalEngine;
let processes: FakeLocalEngine;
let pair: PortPair;
let reports: Report[];
let streams: Deferred<Stdio>;
let stdio: Stdio;
let detections: string[];
/** Why no engine is found. */
let noEngine: BridgeError | undefined;
let launcher: Launcher;

beforeEach(() => {
  clock = new ManualClock();
  engine = new FakeLocalEngine(clock);
  processes = new FakeLocalEngine(clock);
  pair = portPair();
  reports = [];
  pair.bridge.onMessage((report) => reports.push(report));
  streams = deferred<Stdio>();
  stdio = [new PassThrough(), new PassThrough(), new PassThrough()] as unknown as Stdio;
  detections = [];
  noEngine = undefined;
  launcher = new Launcher({
    port: pair.launcher,
    streams: { take: (token) => (token === streamToken ? streams.promise : Promise.reject(new Error('another'))) },
    detect: (wanted) => {
      detections.push(wanted);
      return noEngine ? Promise.reject(noEngine) : Promise.resolve({ engine, skipped: ['docker: no'] });
    },
    processes,
    token: ownToken,
    clock,
  });
});

async function ask(message: unknown): Promise<Report[]> {
  reports.length = 0;
  pair.bridge.send(message as Request);
  await settle();
  return [...reports];
}

describe('Launcher, asked', () => {
  it('to detect an engine, tells which one', async () => {
    expect(await ask({ kind: 'detect', id: 1, wanted: 'auto' })).toEqual([
      { kind: 'answer', id: 1, value: { kind: 'podman', version: 'fake', skipped: ['docker: no'] } },
    ]);
  });

  it('for something of an engine that a launcher before it had found, finds it first, once', async () => {
    await ask({ kind: 'list', id: 1, engine: 'podman' });
    expect(await ask({ kind: 'remove', id: 2, engine: 'podman', names: ['gangway-a'] })).toEqual([
      { kind: 'answer', id: 2 },
    ]);
    expect([detections, engine.removals]).toEqual([['podman'], [['gangway-a']]]);
  });

  it('again after there was no engine, looks again', async () => {
    noEngine = new BridgeError('ENGINE_UNAVAILABLE', 'Cannot find it', { tried: ['podman: no'] }, { cause: 'why' });
    expect(await ask({ kind: 'list', id: 1, engine: 'podman' })).toEqual([
      {
        ...{ kind: 'failure', id: 1 },
        error: { code: 'ENGINE_UNAVAILABLE', message: 'Cannot find it', data: { tried: ['podman: no'] }, cause: 'why' },
      },
    ]);
    noEngine = undefined;
    expect(await ask({ kind: 'list', id: 2, engine: 'podman' })).toEqual([{ kind: 'answer', id: 2, value: [] }]);
  });

  it('to prepare an image, tells its progress and its source', async () => {
    engine.progress = 'half of it';
    const source = { kind: 'image', image: 'x' };
    expect(await ask({ kind: 'prepare', id: 3, engine: 'podman', source, pull: 'missing' })).toEqual([
      { kind: 'progress', id: 3, line: 'half of it' },
      { kind: 'answer', id: 3, value: source },
    ]);
  });

  it('to look at a folder again, or for a package, tells its image', async () => {
    const build = { kind: 'build', context: '/folder' };
    engine.built = 'newer';
    expect(await ask({ kind: 'renew', id: 4, engine: 'podman', source: build, pull: 'missing' })).toContainEqual({
      kind: 'answer',
      id: 4,
      value: { kind: 'image', image: 'newer' },
    });
    const what = { kind: 'package', registry: 'npm', name: 'x', version: '1.0.0', base: 'node', scripts: false };
    expect(await ask({ kind: 'prepare', id: 5, engine: 'podman', source: what, pull: 'missing' })).toContainEqual({
      kind: 'answer',
      id: 5,
      value: { kind: 'image', image: 'installed:x' },
    });
  });

  it('whether it lives, says so', async () => {
    expect(await ask({ kind: 'ping' })).toEqual([{ kind: 'pong' }]);
  });

  it.each([
    ['anything else', { kind: 'exec', id: 1, file: '/bin/sh' }],
    ['with a key too many', { kind: 'list', id: 1, engine: 'podman', args: ['--all'] }],
    ['to remove what is nobody’s of ours', { kind: 'remove', id: 1, engine: 'podman', names: ['--all'] }],
  ])('for %s, refuses', async (_, message) => {
    expect(await ask(message)).toMatchObject([{ kind: 'failure', id: 1 }]);
    expect([detections, engine.removals]).toEqual([[], []]);
  });

  it('for a launch that is none, ends it', async () => {
    expect(await ask({ ...launch, spec: { ...spec, privileged: true } })).toEqual([
      { kind: 'exited', name: spec.name, exit: { error: 'EINVAL' } },
    ]);
    expect(engine.children).toEqual([]);
  });

  it('for nonsense, goes on', async () => {
    expect(await ask({})).toEqual([]);
    expect(await ask({ kind: 'ping' })).toEqual([{ kind: 'pong' }]);
  });
});

describe('Launcher, asked to launch,', () => {
  it('starts it on the streams when they are there, closes its own ends, and then says so', async () => {
    engine.habit = { startsAfterMs: 100 };
    expect(await ask(launch)).toEqual([]);
    streams.resolve(stdio);
    await settle();
    expect(reports).toEqual([{ kind: 'taken', name: spec.name }]);
    expect([engine.launchedOn, stdio.map(({ destroyed }) => destroyed)]).toEqual([stdio, [true, true, true]]);
    expect(engine.last.spec).toEqual({ ...spec, user: undefined });
  });

  it('tells what becomes of it', async () => {
    engine.habit = { startsAfterMs: 100 };
    streams.resolve(stdio);
    await ask(launch);
    await clock.advance(100);
    engine.last.die({ code: 137, signal: undefined, isOomKilled: true });
    await settle();
    engine.last.exit({ code: 137, signal: undefined });
    await settle();
    expect(reports).toEqual([
      { kind: 'taken', name: spec.name },
      { kind: 'running', name: spec.name },
      { kind: 'died', name: spec.name, exit: { code: 137, isOomKilled: true } },
      { kind: 'exited', name: spec.name, exit: { code: 137 } },
    ]);
  });

  it.each([
    ['short of descriptors', new BridgeError('OVERLOADED', 'Cannot'), { error: 'EMFILE' }],
    ['the engine is gone', new BridgeError('ENGINE_UNAVAILABLE', 'Cannot'), { lost: 'engine' }],
    ['something else is wrong', Object.assign(new Error('no'), { code: 'EWHATEVER' }), { error: 'EWHATEVER' }],
  ])('says so when it cannot: %s', async (_, launchError, exit) => {
    engine.habit = { launchError };
    streams.resolve(stdio);
    expect(await ask(launch)).toContainEqual({ kind: 'exited', name: spec.name, exit });
    expect(stdio.map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
  });

  it('starts nothing whose streams do not come', async () => {
    streams.reject(new BridgeError('OVERLOADED', 'Cannot start a program: its streams did not come'));
    expect(await ask(launch)).toContainEqual({ kind: 'exited', name: spec.name, exit: { error: 'EMFILE' } });
  });

  it('starts nothing that was killed before its streams came', async () => {
    await ask(launch);
    expect(await ask({ kind: 'kill', name: spec.name })).toEqual([
      { kind: 'exited', name: spec.name, exit: { signal: 'SIGKILL' } },
    ]);
    streams.resolve(stdio);
    await settle();
    expect(engine.children).toEqual([]);
    expect(stdio.map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
  });

  it('kills what runs when it is told to', async () => {
    streams.resolve(stdio);
    await ask(launch);
    await ask({ kind: 'kill', name: spec.name });
    expect(engine.last.wasKilled).toBe(true);
  });

  it('gives up starts, and listens to its engine no more, when it is told to', async () => {
    engine.habit = { startsAfterMs: Infinity };
    streams.resolve(stdio);
    await ask(launch);
    expect(await ask({ kind: 'abandonStarts', engine: 'podman' })).toContainEqual({
      ...{ kind: 'died', name: spec.name },
      exit: { lost: 'engine' },
    });
    await ask({ kind: 'close', engine: 'podman' });
    expect(engine.isClosed).toBe(true);
  });

  it('passes the troubles of its engine on', async () => {
    await ask({ kind: 'detect', id: 1, wanted: 'auto' });
    reports.length = 0;
    engine.trouble();
    await settle();
    expect(reports).toEqual([{ kind: 'trouble', engine: 'podman' }]);
  });
});

describe('Launcher.end()', () => {
  /** Whether it has ended. */
  function ending(): { readonly isOver: boolean } {
    const state = { isOver: false };
    void launcher.end().then(() => (state.isOver = true));
    return state;
  }

  it('is over at once when nothing is left', async () => {
    streams.resolve(stdio);
    await ask(launch);
    engine.last.exit();
    await settle();
    const state = ending();
    await settle();
    expect([state.isOver, engine.lists]).toEqual([true, 0]);
  });

  it('lets those leave by themselves who do, and looks whether they have', async () => {
    streams.resolve(stdio);
    await ask(launch);
    const state = ending();
    await clock.advance(500);
    expect(engine.removals).toEqual([]);
    engine.last.exit();
    await clock.advance(100);
    expect([state.isOver, engine.removals]).toEqual([true, []]);
  });

  it('removes whatever is left after a second, and nobody else’s', async () => {
    streams.resolve(stdio);
    await ask(launch);
    const foreign = { name: 'gangway-other-1', state: 'running', labels: { [labelKeys.owner]: 'space.2.2' } };
    engine.foreign = [foreign, { ...foreign, name: 'mine-by-its-label', labels: { [labelKeys.owner]: ownToken } }];
    const state = ending();
    await clock.advance(2000);
    expect([state.isOver, engine.removals, engine.live]).toEqual([true, [[spec.name]], []]);
  });

  it('removes also what appears late, and tries again what fails', async () => {
    engine.habit = { startsAfterMs: 3000, ignoresEof: true };
    streams.resolve(stdio);
    await ask(launch);
    engine.isFailing = true;
    const state = ending();
    await clock.advance(5000);
    expect([state.isOver, engine.live]).toEqual([false, [spec.name]]);
    engine.isFailing = false;
    await clock.advance(1000);
    expect([state.isOver, engine.live]).toEqual([true, []]);
  });

  it('gives up after half a minute', async () => {
    streams.resolve(stdio);
    await ask(launch);
    engine.isSilent = true;
    const state = ending();
    await clock.advance(29_000);
    expect(state.isOver).toBe(false);
    await clock.advance(2000);
    expect(state.isOver).toBe(true);
  });

  it('starts nothing any more', async () => {
    await ask(launch);
    const state = ending();
    streams.resolve(stdio);
    await settle();
    expect([state.isOver, engine.children]).toEqual([true, []]);
  });
});
