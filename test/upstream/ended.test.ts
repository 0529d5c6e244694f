import { describe, expect, it } from '@jest/globals';
import type { Exit } from '../../src/engine/engine.ts';
import { Deaths } from '../../src/upstream/deaths.ts';
import { endError } from '../../src/upstream/end-error.ts';
import { startFailed } from '../../src/upstream/start-failed.ts';
import { startUpstream } from '../../src/upstream/start.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { FakeEngine, type FakeChild } from '../support/fake-engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { serverConfig, startContext } from '../support/pool-rig.ts';
import { quietLog, type LogLine } from '../support/quiet-log.ts';

interface Rig {
  readonly clock: ManualClock;
  readonly child: FakeChild;
  readonly upstream: Upstream;
  readonly deaths: Deaths;
  readonly lines: LogLine[];
}

/** A server with a limit of 32 MiB. */
function rig(startsAfterMs = 0): Rig {
  const clock = new ManualClock();
  const engine = new FakeEngine(clock, { startsAfterMs, ignoresEof: true });
  const { log, lines } = quietLog();
  const deaths = new Deaths();
  const config = serverConfig({ resources: { cpus: 1, memoryBytes: 32 * 1024 ** 2, pids: 0 } });
  const context = { ...startContext(clock), deaths, log };
  const upstream = startUpstream(engine, config, { kind: 'image', image: 'x' }, context);
  return { clock, child: engine.last, upstream, deaths, lines };
}

const oom: Exit = { code: 137, signal: undefined, isOomKilled: true };
const lost: Exit = { code: 125, signal: undefined, lost: 'engine' };
const launcherLost: Exit = { code: undefined, signal: undefined, lost: 'launcher' };

describe('endError()', () => {
  it.each<[string, Exit, object]>([
    [
      'a server that was killed',
      { code: 137, signal: undefined },
      { code: 'UPSTREAM_EXITED', message: 'Cannot finish the request: the server ended while it was pending' },
    ],
    [
      'a lack of memory',
      oom,
      {
        code: 'UPSTREAM_EXITED',
        message:
          'Cannot finish the request: the server was killed by the kernel for lack of memory (limit 32m) while it was pending',
        data: { exitCode: 137, signal: 'SIGKILL', oomKilled: true, memoryLimit: '32m' },
      },
    ],
    ['an engine that went away', lost, { code: 'ENGINE_LOST', data: { lost: 'engine' } }],
    [
      'a launcher that went away',
      launcherLost,
      {
        code: 'ENGINE_LOST',
        message: 'Cannot finish the request: the launcher ended while it was pending, and the server with it',
        data: { lost: 'launcher' },
      },
    ],
    [
      'a monitor that went away',
      { code: undefined, signal: undefined, lost: 'monitor' },
      { code: 'UPSTREAM_EXITED', data: { lost: 'monitor' } },
    ],
  ])('tells of %s', async (_what, exit, expected) => {
    const { clock, child, upstream } = rig();
    await clock.advance(10);
    child.die(exit);
    await clock.advance(100);
    expect(endError({ reason: 'exited', exit }, 1000, upstream)).toMatchObject(expected);
  });

  it('does not tell what the client of an engine that went away has printed', async () => {
    const { clock, child, upstream } = rig();
    await clock.advance(10);
    child.stderr.write('error during connect: Get "http://%2Frun%2Fuser%2F1000%2Fdocker.sock/v1.41/containers": EOF\n');
    child.die(lost);
    await clock.advance(100);
    expect(endError({ reason: 'exited', exit: lost }, 1000, upstream).data).toEqual({ exitCode: 125, lost: 'engine' });
  });
});

describe('startFailed()', () => {
  it('names the limit of a server that had no memory left', async () => {
    const { clock, child, upstream } = rig();
    await clock.advance(10);
    child.die(oom);
    await clock.advance(100);
    expect(startFailed(upstream)).toMatchObject({
      code: 'START_FAILED',
      message:
        'Cannot start the server: the server was killed by the kernel for lack of memory (limit 32m) before it was ready',
    });
  });

  it('is ENGINE_UNAVAILABLE when the engine does not answer', async () => {
    const { clock, child, upstream } = rig(Infinity);
    child.die({ code: undefined, signal: undefined, lost: 'engine' });
    await clock.advance(100);
    expect(startFailed(upstream)).toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
  });

  it.each<[string, Exit]>([
    ['ENGINE_UNAVAILABLE', launcherLost],
    ['OVERLOADED', { code: undefined, signal: undefined, error: 'EMFILE' }],
    ['OVERLOADED', { code: undefined, signal: undefined, error: 'ENFILE' }],
    ['START_FAILED', { code: undefined, signal: undefined, error: 'ENOENT' }],
  ])('is %s after %j', async (code, exit) => {
    const { clock, child, upstream } = rig(Infinity);
    child.exit(exit);
    await clock.advance(100);
    expect(startFailed(upstream)).toMatchObject({ code });
  });

  it('is ENGINE_UNAVAILABLE when the client says that it cannot reach the engine', async () => {
    const { clock, child, upstream } = rig(Infinity);
    child.stderr.write('docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n');
    child.exit({ code: 125, signal: undefined });
    await clock.advance(100);
    expect(startFailed(upstream)).toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
  });

  it('gives a client the reason of a refusal, and only the log its text', async () => {
    const { clock, child, upstream, lines } = rig(Infinity);
    const text = 'docker: Error response from daemon: write /var/lib/docker/secret-place: no space left on device.';
    child.stderr.write(`${text}\n`);
    child.exit({ code: 125, signal: undefined });
    await clock.advance(100);
    const { code, message, data } = startFailed(upstream);
    expect({ code, message, data }).toEqual({
      code: 'START_FAILED',
      message: 'Cannot start the server: the engine refused to run it: there is no space left on the engine’s disk',
      data: { exitCode: 125, engineReason: 'no-space' },
    });
    expect(lines).toMatchObject([{ msg: 'the engine refused to run a container', reason: 'no-space', text: [text] }]);
  });

  it('gives the reason also when the output of the engine’s client closes long before it ends', async () => {
    const { clock, child, upstream } = rig(Infinity);
    upstream.attach({ onMessage: () => undefined, onGarbled: () => undefined, onEnd: () => undefined });
    child.stderr.write(
      'docker: Error response from daemon: range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available.\n',
    );
    child.stdout.end();
    await clock.advance(1500);
    child.exit({ code: 125, signal: undefined });
    await clock.advance(100);
    expect(startFailed(upstream)).toMatchObject({ code: 'START_FAILED', data: { engineReason: 'limit' } });
  });

  it('takes exit code 125 of a server that ran for the server’s own', async () => {
    const { clock, child, upstream } = rig();
    await clock.advance(10);
    child.stderr.write('my own words\n');
    child.exit({ code: 125, signal: undefined });
    await clock.advance(100);
    expect(startFailed(upstream).data).toEqual({ exitCode: 125, stderr: ['my own words'] });
  });
});

describe('Deaths', () => {
  it('counts those that nobody asked for, and why', async () => {
    const { clock, child, deaths } = rig();
    await clock.advance(10);
    child.die(oom);
    await clock.advance(100);
    expect(deaths.of('demo')).toMatchObject({ total: 1, oomKilled: 1, engineLost: 0 });
  });

  it('does not count a server that was stopped', async () => {
    const { clock, upstream, deaths } = rig();
    await clock.advance(10);
    await Promise.all([upstream.stop(), clock.advance(5000)]);
    expect([upstream.state, deaths.of('demo').total]).toEqual(['gone', 0]);
  });

  it('keeps servers apart', () => {
    const deaths = new Deaths();
    deaths.add('a', oom);
    deaths.add('b', lost);
    deaths.add('c', launcherLost);
    expect(['a', 'b', 'c', 'd'].map((server) => deaths.of(server))).toEqual([
      { total: 1, oomKilled: 1, engineLost: 0, launcherLost: 0 },
      { total: 1, oomKilled: 0, engineLost: 1, launcherLost: 0 },
      { total: 1, oomKilled: 0, engineLost: 0, launcherLost: 1 },
      { total: 0, oomKilled: 0, engineLost: 0, launcherLost: 0 },
    ]);
  });
});
