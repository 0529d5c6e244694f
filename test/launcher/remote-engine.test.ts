import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/base/clock.ts';
import type { Child, LaunchSpec } from '../../src/engine/engine.ts';
import { ProcessEngine } from '../../src/engine/process-engine.ts';
import { labelKeys } from '../../src/engine/labels.ts';
import { openStreams } from '../../src/launcher/child-streams.ts';
import { Launcher } from '../../src/launcher/launcher.ts';
import { Link } from '../../src/launcher/link.ts';
import { RemoteEngine } from '../../src/launcher/remote-engine.ts';
import { StdioDoor } from '../../src/launcher/stdio-door.ts';
import { portPair } from '../support/port-pair.ts';
import { temporaryFolder } from '../support/program.ts';
import { until } from '../support/until.ts';

/** Both sides in this process, with real sockets between them and real programs behind them. */
const labels = { [labelKeys.owner]: 'x.1.1' };
let folder: ReturnType<typeof temporaryFolder>;
let door: StdioDoor;
let engine: RemoteEngine;
let count = 0;
const children: Child[] = [];

beforeEach(async () => {
  folder = temporaryFolder();
  door = new StdioDoor(folder.path, systemClock);
  await door.open();
  const pair = portPair();
  const processes = new ProcessEngine(process.env, systemClock);
  const none = (): Promise<never> => Promise.reject(new Error('no containers here'));
  new Launcher({ port: pair.launcher, streams: door, detect: none, processes, token: 'x.1.1', clock: systemClock });
  const nothing = (): void => undefined;
  const link = new Link({
    ...{ port: pair.bridge, openStreams, clock: systemClock },
    ...{ onTrouble: nothing, onSilence: nothing, onHopeless: nothing },
  });
  pair.report({ kind: 'ready', socket: door.path });
  await link.ready;
  engine = new RemoteEngine('process', 'x', { current: link, link: () => Promise.resolve(link) });
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    await engine.remove([child.name]);
    await child.exited;
  }
  door.close();
  folder[Symbol.dispose]();
});

/** Runs a line of shell. */
function run(line: string): Child {
  const spec: LaunchSpec = {
    ...{ name: `gangway-remote-${process.pid}-${(count += 1)}`, labels, args: [], env: [], mounts: [] },
    ...{ source: { kind: 'command', command: ['/bin/sh', '-c', line], cwd: '/' }, user: undefined },
    ...{ network: 'none', sandbox: 'default', lifetimeSeconds: 60 },
    resources: { cpus: 0, memoryBytes: 0, pids: 0 },
  };
  const child = engine.launch(spec);
  children.push(child);
  return child;
}

describe('RemoteEngine.launch()', () => {
  it('gives the streams of the program, usable before it runs', async () => {
    const child = run('cat; echo aside >&2');
    child.stdin.write('hello ');
    child.stdin.end('you');
    expect(await Promise.all([text(child.stdout), text(child.stderr)])).toEqual(['hello you', 'aside\n']);
    expect(await child.exited).toEqual({ code: 0, signal: undefined });
  });

  it('keeps what was written, and the end of it, for a program that is not there yet', async () => {
    const child = run('cat');
    child.stdin.write('first');
    child.stdin.end();
    expect(await text(child.stdout)).toBe('first');
  });

  it('keeps what was printed until somebody reads', async () => {
    const child = run('echo early; echo printed >&2; read -r line');
    await once(child.stderr, 'data');
    const read = once(child.stdout, 'data');
    child.stdout.resume();
    const [chunk] = (await read) as [Buffer];
    expect(chunk.toString()).toBe('early\n');
  });

  it.each([
    ['stdout', 'head -c 1000000 /dev/zero'],
    ['stderr', 'head -c 1000000 /dev/zero >&2'],
  ] as const)('blocks a program that writes 1 MB to %s at once, and loses nothing', async (name, line) => {
    const child = run(`${line} || exit 9`);
    await child.running;
    // Longer than the program needs to fill the socket.
    await new Promise((resolve) => setTimeout(resolve, 100));
    let bytes = 0;
    child[name].on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
    await once(child[name], 'close');
    expect([bytes, (await child.exited).code]).toEqual([1_000_000, 0]);
  });

  it('blocks a program that reads what is not there yet', async () => {
    const child = run('read -r line; echo "got $line"');
    await child.running;
    await new Promise((resolve) => setTimeout(resolve, 50));
    child.stdin.write('late\n');
    expect(await text(child.stdout)).toBe('got late\n');
  });

  it.each(['stdout', 'stderr'] as const)('tells that %s alone was closed', async (name) => {
    const child = run(`exec ${name === 'stdout' ? '1' : '2'}>&-; read -r line`);
    const ended = once(child[name], 'end');
    child[name].resume();
    await ended;
    expect(await Promise.race([child.exited.then(() => 'ended'), Promise.resolve('lives')])).toBe('lives');
  });

  it('tells how a program ended', async () => {
    expect(await run('exit 7').exited).toEqual({ code: 7, signal: undefined });
    expect(await run('kill -9 $$').died).toEqual({ code: undefined, signal: 'SIGKILL' });
  });

  it('tells why a program cannot be started', async () => {
    const child = engine.launch({
      ...{ name: `gangway-remote-${process.pid}-none`, labels: {}, args: [], env: [], mounts: [], user: undefined },
      ...{ source: { kind: 'command', command: ['/no/such/program'], cwd: '/' }, network: 'none', sandbox: 'default' },
      ...{ resources: { cpus: 0, memoryBytes: 0, pids: 0 }, lifetimeSeconds: 60 },
    });
    expect(await child.exited).toEqual({ code: undefined, signal: undefined, error: 'ENOENT' });
    await child.running;
  });

  it('ends a program when it is told to kill it', async () => {
    const child = run('sleep 300');
    await child.running;
    child.kill();
    expect(await child.exited).toEqual({ code: undefined, signal: 'SIGKILL' });
  });

  it('keeps no stream of a program that has ended, read or not', async () => {
    const child = run('echo unread');
    await child.exited;
    await until('them to close', () => child.stdin.closed && child.stdout.closed && child.stderr.closed);
  });

  it('survives a write to a program that is gone', async () => {
    const child = run('exec 0<&-; sleep 300');
    await child.running;
    expect(() => child.stdin.write('x'.repeat(1_000_000))).not.toThrow();
  });
});

describe('RemoteEngine', () => {
  it('lists what it has launched, and removes it', async () => {
    const child = run('trap "" TERM; echo deaf; while :; do sleep 1; done');
    const isDeaf = once(child.stdout, 'data');
    child.stdout.resume();
    await isDeaf;
    expect((await engine.list()).map(({ name }) => name)).toContain(child.name);
    await engine.remove([child.name]);
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
    expect((await engine.list()).map(({ name }) => name)).not.toContain(child.name);
  });

  it('needs nothing for a command, and refuses an image', async () => {
    const command = { kind: 'command', command: ['x'], cwd: '/' } as const;
    const nobody = (): void => undefined;
    expect(await engine.prepare(command, 'missing', nobody)).toBe(command);
    await expect(engine.prepare({ kind: 'image', image: 'x' }, 'missing', nobody)).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    });
  });
});
