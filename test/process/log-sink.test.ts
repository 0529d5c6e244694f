import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RawSession, textOf } from '../support/mcp-client.ts';
import { childrenOf, residentBytes } from '../support/processes.ts';
import { fixture, gangway, serve, temporaryFolder, writeConfig, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(40_000);

const isLinux = process.platform === 'linux';
const config = { servers: { good: { command: fixture('well-behaved'), pool: { warm: 0, max: 100 } } } };

let folder: ReturnType<typeof temporaryFolder>;

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(() => {
  folder[Symbol.dispose]();
});

/** A bridge whose stderr is this file. */
function serveLoggingTo(file: string): Promise<Program> {
  const through = ['sh', '-c', 'exec "$0" "$@" 2>>"$SINK"'];
  return serve(config, { args: ['--allow-process'], through, env: { SINK: file } });
}

/** A pipe with a name. @returns its path, and its reading end, which nobody reads */
function pipe(): { file: string; reader: number } {
  const file = path.join(folder.path, 'log');
  execFileSync('mkfifo', [file]);
  return { file, reader: openSync(file, constants.O_RDONLY | constants.O_NONBLOCK) };
}

/** Writes until nothing more goes in. */
function fill(file: string): void {
  const writer = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK);
  const page = Buffer.alloc(4096, '.');
  try {
    for (;;) writeSync(writer, page);
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' });
  }
  closeSync(writer);
}

const dropped = async ({ url }: Program): Promise<number> => {
  const status = (await (await fetch(`${url}/status`)).json()) as { log: { dropped: number } };
  return status.log.dropped;
};

/** Sessions come and go: two lines of log each. */
async function useIt(bridge: Program, sessions: number): Promise<void> {
  for (let n = 0; n < sessions; n++) {
    const session = await RawSession.open(bridge.url, 'good');
    const { ms, result } = await timed(() => session.call('echo', { text: `${n}` }));
    expect(textOf(result.message?.result)).toBe(`${n}`);
    expect(ms).toBeLessThan(1000);
    await session.delete();
  }
}

async function endsInOrder(bridge: Program): Promise<void> {
  const { ms, result } = await timed(() => bridge.stop());
  expect(result).toBe(0);
  expect(ms).toBeLessThan(5000);
  expect(childrenOf(bridge.pid)).toEqual([]);
}

(isLinux ? describe : describe.skip)('A bridge whose log', () => {
  it('is a full pipe that nobody reads goes on, and ends in order', async () => {
    const { file, reader } = pipe();
    try {
      fill(file);
      await using bridge = await serveLoggingTo(file);
      const before = residentBytes(bridge.pid);
      await useIt(bridge, 5);
      expect(residentBytes(bridge.pid) - before).toBeLessThan(32 * 1024 ** 2);
      expect(await dropped(bridge)).toBe(0);
      await endsInOrder(bridge);
    } finally {
      closeSync(reader);
    }
  });

  it('is a pipe without a reader goes on, counts what is lost, and ends in order', async () => {
    const { file, reader } = pipe();
    await using bridge = await serveLoggingTo(file);
    closeSync(reader);
    await useIt(bridge, 5);
    expect(await dropped(bridge)).toBeGreaterThanOrEqual(9);
    await endsInOrder(bridge);
  });

  it('is on a full disk goes on, counts what is lost, and ends in order', async () => {
    await using bridge = await serveLoggingTo('/dev/full');
    await useIt(bridge, 5);
    expect(await dropped(bridge)).toBeGreaterThanOrEqual(9);
    await endsInOrder(bridge);
  });

  it('and whose stdout cannot be written goes on, and ends in order', async () => {
    const file = writeConfig(folder.path, config);
    const pidFile = path.join(folder.path, 'pid');
    const port = await freePort();
    const through = ['sh', '-c', 'echo $$ >"$PID_FILE"; exec "$0" "$@" >/dev/full 2>/dev/full'];
    const args = ['serve', '--config', file, '--port', String(port), '--allow-process'];
    const ended = gangway(args, { through, env: { PID_FILE: pidFile } });
    const url = `http://127.0.0.1:${port}`;
    await until('the bridge', async () => (await fetch(`${url}/readyz`)).ok);
    const session = await RawSession.open(url, 'good');
    expect(textOf((await session.call('echo', { text: 'x' })).message?.result)).toBe('x');
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
    expect(await ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

/** Why no file system can be mounted here; undefined when one can. */
function whyNoMount(): string | undefined {
  if (!isLinux) return 'not Linux';
  const probe = temporaryFolder();
  try {
    mount(probe.path);
    unmount(probe.path);
    return undefined;
  } catch (error) {
    return String(error);
  } finally {
    probe[Symbol.dispose]();
  }
}

function mount(at: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'gangway-test', at], { stdio: 'ignore' });
}

function unmount(at: string): void {
  execFileSync('umount', [at], { stdio: 'ignore' });
}

const noMount = whyNoMount();

(noMount === undefined ? describe : describe.skip)(`A bridge whose disk is full (mount: ${noMount ?? 'yes'})`, () => {
  it('goes on, counts what is lost, and logs again when there is room', async () => {
    const disk = path.join(folder.path, 'disk');
    mkdirSync(disk);
    mount(disk);
    try {
      const log = path.join(disk, 'log');
      const ballast = path.join(disk, 'ballast');
      await using bridge = await serveLoggingTo(log);
      fillDisk(ballast);
      // The last page of the log may have room for some lines.
      await useIt(bridge, 20);
      const lost = await until('lines to be lost', () => dropped(bridge));
      await useIt(bridge, 2);
      expect(await dropped(bridge)).toBeGreaterThan(lost);
      rmSync(ballast);
      const before = readFileSync(log, 'utf8').length;
      await useIt(bridge, 1);
      await until('the log to go on', () => readFileSync(log, 'utf8').length > before);
      await endsInOrder(bridge);
      expect(readFileSync(log, 'utf8')).toMatch(/"msg":"stopped"}\n$/);
    } finally {
      unmount(disk);
    }
  });
});

function fillDisk(file: string): void {
  expect(() => {
    for (let n = 0; !existsSync(file) || n < 1000; n++) writeFileSync(file, Buffer.alloc(4096), { flag: 'a' });
  }).toThrow(/ENOSPC/);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await until('a port', () => server.listening);
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
