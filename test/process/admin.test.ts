import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, jest } from '@jest/globals';
import { initialize, post, RawSession, textOf } from '../support/mcp-client.ts';
import { childrenOf } from '../support/processes.ts';
import {
  begin,
  fixture,
  gangway,
  serve,
  temporaryFolder,
  writeConfig,
  type Finished,
  type Program,
} from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(20_000);

const canary = `canary-${process.pid}-${Math.random().toString(36).slice(2)}`;
const servers = {
  good: { command: fixture('well-behaved'), pool: { warm: 1 } },
  shared: { command: fixture('well-behaved'), sharing: 'shared', pool: { min: 1, max: 2 } },
  talker: { command: fixture('floods-stderr'), pool: { warm: 0 } },
  broken: { command: fixture('dies-at-start'), pool: { warm: 0 }, env: { API_TOKEN: '${GANGWAY_TEST_CANARY}' } },
};

function start(): Promise<Program> {
  return serve({ servers }, { args: ['--allow-process'], env: { GANGWAY_TEST_CANARY: canary } });
}

/** Where a command finds this bridge: its file does not know the port. */
function at({ url, folder }: Program): string[] {
  return ['--config', `${folder}/servers.yaml`, '--port', new URL(url).port];
}

/** Process ids of the containers of one server. */
function pidsOf(bridge: Program, server: string): number[] {
  const own = childrenOf(bridge.pid).filter(({ environment }) => environment.get('GANGWAY_SERVER') === server);
  return own.map(({ pid }) => pid);
}

function operate(bridge: Program, ...words: string[]): Promise<Finished> {
  return gangway([...words, ...at(bridge)]);
}

async function poolOf(bridge: Program, server: string): Promise<Readonly<Record<string, unknown>>> {
  return (await bridge.status()).servers[server]!.pool;
}

describe('gangway top', () => {
  it('prints the table once when its output is no terminal', async () => {
    await using bridge = await start();
    await RawSession.open(bridge.url, 'good');
    await post(`${bridge.url}/broken/mcp`, initialize());
    await until('a new warm one', async () => (await poolOf(bridge, 'good'))['warm'] === 1);
    const { code, stdout, stderr } = await operate(bridge, 'top');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [about, figures, , head, ...rows] = stdout.split('\n');
    expect(about).toMatch(/^Gangway \d+\.\d+\.\d+ · up \d+ s · engine: not needed · ready$/);
    expect(figures).toMatch(/^sessions 1 · calls 0 · containers 3 · .*memory \d+ MB/);
    expect(head).toMatch(/^SERVER +SHARING +STARTING +READY +BUSY +RETIRING +MAX +LINE +SESSIONS +CALLS/);
    expect(rows.map((row) => row.split(/ +/)[0])).toEqual(['good', 'shared', 'talker', 'broken']);
    expect(rows[0]).toMatch(/^good +session +0 +1 +1 +0 +20 +0 +1 +0 /);
    expect(rows[3]).toContain('exit code 3');
  });

  it('--once does the same, --json prints /status', async () => {
    await using bridge = await start();
    const [once, json] = await Promise.all([operate(bridge, 'top', '--once'), operate(bridge, 'top', '--json')]);
    expect([once.code, json.code]).toEqual([0, 0]);
    expect(once.stdout).toContain('SERVER');
    const { instance, servers: named } = JSON.parse(json.stdout) as { instance: string; servers: object };
    expect([instance, Object.keys(named)]).toEqual([(await bridge.status()).instance, Object.keys(servers)]);
  });
});

describe('A command that operates a bridge', () => {
  it('finds it where the file says that it listens, though only serve may judge that address', async () => {
    await using bridge = await start();
    using folder = temporaryFolder();
    const port = Number(new URL(bridge.url).port);
    const file = writeConfig(folder.path, { listen: { host: '0.0.0.0', port }, servers });
    const { code, stdout } = await gangway(['top', '--config', file]);
    expect(code).toBe(0);
    expect(stdout).toContain('talker');
  });

  it('needs no file when it is told the whole address', async () => {
    await using bridge = await start();
    const address = ['--host', '127.0.0.1', '--port', new URL(bridge.url).port, '--config', '/nowhere/servers.yaml'];
    expect((await gangway(['top', ...address])).code).toBe(0);
  });

  it.each([['top'], ['top', '--json'], ['recycle', 'good'], ['drain'], ['logs', 'good'], ['logs', 'good', '-f']])(
    '%s %s ends with exit code 1 and one sentence when nothing listens there',
    async (...words) => {
      const { code, stdout, stderr } = await gangway([...words.filter(Boolean), '--host', '127.0.0.1', '--port', '1']);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toBe(
        'Cannot reach Gangway at http://127.0.0.1:1: nothing listens there; is it running, and with this file?',
      );
    },
  );

  it('ends with exit code 1 when something else listens there', async () => {
    const other = createServer((_request, response) => response.end('<h1>It works</h1>')).listen(0, '127.0.0.1');
    await until('a port', () => other.listening);
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await gangway(['recycle', 'good', '--host', '127.0.0.1', '-p', String(port)]);
    other.close();
    expect({ code, stderr }).toEqual({ code: 1, stderr: `What answers at http://127.0.0.1:${port} is no Gangway` });
  });

  it.each([['recycle'], ['logs']])(
    '%s ends with exit code 2 for an unknown server, or several as one, and names the others',
    async (word) => {
      await using bridge = await start();
      for (const name of ['goood', 'mcp']) {
        const { code, stdout, stderr } = await operate(bridge, word, name);
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
        expect(stderr).toBe(`Unknown server "${name}", wanted one of good, shared, talker, broken`);
      }
    },
  );

  it('is refused when a web page tries the same', async () => {
    await using bridge = await start();
    const headers = { 'Content-Type': 'application/json', Origin: 'http://localhost:3000' };
    const answer = await fetch(`${bridge.url}/admin/drain`, { method: 'POST', headers });
    expect([answer.status, (await fetch(`${bridge.url}/readyz`)).status]).toEqual([403, 200]);
  });
});

describe('gangway recycle', () => {
  it('replaces what stands ready and leaves sessions alone', async () => {
    await using bridge = await start();
    const session = await RawSession.open(bridge.url, 'good');
    const own = Number(textOf((await session.call('pid')).message?.result));
    const warm = await until('a new warm one', async () => {
      const pids = pidsOf(bridge, 'good');
      return (await poolOf(bridge, 'good'))['warm'] === 1 && pids.length === 2 && pids.find((pid) => pid !== own);
    });
    const { code, stdout } = await operate(bridge, 'recycle', 'good');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'good: new containers take the place of those that stand ready; those in use go on',
    });
    await until('another one', async () => {
      const pids = pidsOf(bridge, 'good');
      return (await poolOf(bridge, 'good'))['warm'] === 1 && pids.length === 2 && !pids.includes(warm);
    });
    expect(Number(textOf((await session.call('pid')).message?.result))).toBe(own);
    await bridge.waitForLine(/an operator recycles a server/);
  });

  it('replaces a shared container under its sessions', async () => {
    await using bridge = await start();
    const session = await RawSession.open(bridge.url, 'shared');
    const pid = async (): Promise<string> => textOf((await session.call('pid')).message?.result);
    const before = await pid();
    expect((await operate(bridge, 'recycle', 'shared')).code).toBe(0);
    await until('an answer of another one', async () => ![before, ''].includes(await pid()));
    const { stdout } = await operate(bridge, 'top');
    expect(stdout).toMatch(/^shared +shared +0 +1 +- /m);
  });
});

describe('gangway logs', () => {
  it('prints what ended and live containers wrote, each line with its container, and no secret', async () => {
    await using bridge = await start();
    await post(`${bridge.url}/broken/mcp`, initialize());
    const { code, stdout } = await operate(bridge, 'logs', 'broken');
    expect(code).toBe(0);
    const name = /^gangway-broken-\w+/.exec(stdout)?.[0] ?? '';
    expect(stdout.split('\n')).toEqual([
      `${name} | reading the settings`,
      `${name} | the token is [redacted]`,
      `${name} | fatal: no database`,
      `${name} * ended with exit code 3`,
    ]);
    const session = await RawSession.open(bridge.url, 'talker');
    await session.call('complain', { lines: ['one', 'two', 'three'] });
    const live = await until('all three', async () => {
      const { stdout: text } = await operate(bridge, 'logs', 'talker', '--lines', '2');
      return text.includes('three') && text;
    });
    expect(live).toMatch(/^gangway-talker-\w+ \| two\ngangway-talker-\w+ \| three$/);
  });

  it('prints JSON with --json', async () => {
    await using bridge = await start();
    await post(`${bridge.url}/broken/mcp`, initialize());
    const { stdout } = await operate(bridge, 'logs', 'broken', '--json', '-n', '1');
    expect(JSON.parse(stdout)).toMatchObject({
      server: 'broken',
      containers: [{ state: 'ended', exitCode: 3, lines: ['fatal: no database'] }],
    });
  });

  it('--follow prints lines as they come, of containers that start later too, until the bridge ends', async () => {
    await using bridge = await start();
    const first = await RawSession.open(bridge.url, 'talker');
    await first.call('complain', { lines: ['before'] });
    const following = begin(['logs', 'talker', '--follow', ...at(bridge)]);
    const seen = (pattern: RegExp): Promise<string> =>
      until(`${String(pattern)} in the log`, () => following.stdout.find((line) => pattern.test(line)));
    await seen(/ \| before$/);
    await first.call('complain', { lines: ['\u001b[2Jsecond\rover'] });
    await seen(/^gangway-talker-\w+ \| secondover$/);
    const later = await RawSession.open(bridge.url, 'talker');
    await later.call('crash', { lines: 3 });
    await seen(/ \| last words 3$/);
    await seen(/ \* ended with exit code 7$/);
    expect(await bridge.stop()).toBe(0);
    expect(await following.ended).toBe(0);
  });

  it('--follow says so when the bridge is killed, exit code 1', async () => {
    await using bridge = await start();
    const session = await RawSession.open(bridge.url, 'talker');
    await session.call('complain', { lines: ['before'] });
    const following = begin(['logs', 'talker', '--follow', ...at(bridge)]);
    await until('its reader', () => following.stdout.some((line) => line.endsWith(' | before')));
    bridge.signal('SIGKILL');
    expect(await following.ended).toBe(1);
    expect(following.stderr.join('\n')).toContain(`Cannot reach Gangway at ${bridge.url}`);
  });
});

describe('gangway drain', () => {
  it('returns at once; the call in flight is answered, then the bridge exits 0 and leaves no process', async () => {
    await using bridge = await start();
    const session = await RawSession.open(bridge.url, 'good');
    const state = { isAnswered: false };
    const call = session.call('sleep', { ms: 6000 }).finally(() => (state.isAnswered = true));
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    expect(await operate(bridge, 'drain')).toEqual({
      code: 0,
      stdout: `Gangway at ${bridge.url} takes no new session and ends with its last call, within 25 s`,
      stderr: '',
    });
    expect(state.isAnswered).toBe(false);
    await bridge.waitForLine(/an operator drains Gangway/);
    expect(textOf((await call).message?.result)).toBe('slept');
    expect(await bridge.ended).toBe(0);
    expect(childrenOf(bridge.pid)).toEqual([]);
  });

  it('is hurried by two signals', async () => {
    await using bridge = await start();
    const session = await RawSession.open(bridge.url, 'good');
    const call = session.call('sleep', { ms: 60_000 });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    await operate(bridge, 'drain');
    bridge.signal('SIGTERM');
    await bridge.waitForLine(/once more to end at once/);
    bridge.signal('SIGTERM');
    expect((await call).message?.error?.data?.gangway?.reason).toBe('DRAINING');
    expect(await bridge.ended).toBe(1);
    expect(childrenOf(bridge.pid)).toEqual([]);
  });
});
