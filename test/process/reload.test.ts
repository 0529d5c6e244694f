import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { initialize, post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { childrenOf, isAlive, processes } from '../support/processes.ts';
import { fixture, main, reconfigure, serve, temporaryFolder, writeConfig, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(20_000);

const allow = { args: ['--allow-process'] };

/** A server whose sessions tell which configuration they were opened with. */
function server(mark: string, pool: object = { warm: 0 }, more: object = {}): object {
  return { command: fixture('well-behaved'), env: { MARK: mark }, pool, ...more };
}

async function markOf(session: RawSession): Promise<string | undefined> {
  const answer = await session.call('env');
  return (JSON.parse(textOf(answer.message?.result)) as Record<string, string>)['MARK'];
}

async function pidOf(session: RawSession): Promise<number> {
  return Number(textOf((await session.call('pid')).message?.result));
}

function openOn(bridge: Program, name: string): Promise<Answer> {
  return post(`${bridge.url}/${name}/mcp`, initialize());
}

const reasonOf = ({ status, message }: Answer): unknown[] => [status, message?.error?.data?.gangway?.reason];

describe('A changed servers.yaml', () => {
  it('gives new sessions of a changed server what is new; its old ones, and other servers, go on untouched', async () => {
    await using bridge = await serve({ servers: { edited: server('old'), other: server('other') } }, allow);
    const [old, other] = [await RawSession.open(bridge.url, 'edited'), await RawSession.open(bridge.url, 'other')];
    const before = [await pidOf(old), await pidOf(other)];
    await reconfigure(bridge, { servers: { edited: server('new'), other: server('other') } });
    const next = await RawSession.open(bridge.url, 'edited');
    expect([await markOf(old), await markOf(next), await markOf(other)]).toEqual(['old', 'new', 'other']);
    expect([await pidOf(old), await pidOf(other)]).toEqual(before);
    const status = await bridge.status();
    expect(status.retiring).toMatchObject([{ name: 'edited', sessions: 1 }]);
    expect([status.sessions, status.servers['edited']?.sessions, status.servers['other']?.sessions]).toEqual([3, 1, 1]);
    await old.delete();
    await until('the old runtime to be gone', async () => (await bridge.status()).retiring.length === 0);
    expect(isAlive(before[0]!)).toBe(false);
    expect(await markOf(next)).toBe('new');
  });

  it('leaves the sessions of a shared server on its old containers, until the last of them has ended', async () => {
    const shared = (mark: string): object => server(mark, { min: 1, max: 1 }, { sharing: 'shared' });
    await using bridge = await serve({ servers: { common: shared('old') } }, allow);
    const [one, two] = [await RawSession.open(bridge.url, 'common'), await RawSession.open(bridge.url, 'common')];
    const pid = await pidOf(one);
    await reconfigure(bridge, { servers: { common: shared('new') } });
    const next = await RawSession.open(bridge.url, 'common');
    await one.delete();
    expect([await markOf(two), await markOf(next), await pidOf(two)]).toEqual(['old', 'new', pid]);
    await two.delete();
    await until('the old one to be gone', async () => (await bridge.status()).retiring.length === 0);
    expect([isAlive(pid), await markOf(next)]).toEqual([false, 'new']);
  });

  it('ends what an old configuration kept warm, and keeps new ones warm in its place', async () => {
    await using bridge = await serve({ servers: { kept: server('old', { warm: 2 }) } }, allow);
    const marks = (): (string | undefined)[] =>
      childrenOf(bridge.pid).map(({ environment }) => environment.get('MARK'));
    await until('two warm ones', async () => (await bridge.status()).servers['kept']?.pool.warm === 2);
    await reconfigure(bridge, { servers: { kept: server('new', { warm: 2 }) } });
    await until('two others', () => marks().join() === 'new,new');
  });

  it('changes the size of a pool without touching what runs', async () => {
    await using bridge = await serve({ servers: { sized: server('same', { warm: 0, max: 1, queue: 0 }) } }, allow);
    const session = await RawSession.open(bridge.url, 'sized');
    const pid = await pidOf(session);
    expect(reasonOf(await openOn(bridge, 'sized'))).toEqual([503, 'POOL_FULL']);
    await reconfigure(bridge, { servers: { sized: server('same', { warm: 0, max: 2, queue: 0 }) } });
    await bridge.waitForLine(/"resized":\["sized: pool.max"\].*configuration reloaded/);
    expect((await openOn(bridge, 'sized')).status).toBe(200);
    expect([await pidOf(session), (await bridge.status()).retiring]).toEqual([pid, []]);
  });

  it('shortens the patience with idle sessions that are open already', async () => {
    await using bridge = await serve({ servers: { idle: server('same', { warm: 0, idleTimeout: '1h' }) } }, allow);
    await RawSession.open(bridge.url, 'idle');
    await reconfigure(bridge, { servers: { idle: server('same', { warm: 0, idleTimeout: '1s' }) } });
    await bridge.waitForLine(/"reason":"idle"/);
  });

  it('adds a server', async () => {
    await using bridge = await serve({ servers: { first: server('first') } }, allow);
    expect(reasonOf(await openOn(bridge, 'second'))).toEqual([404, 'SERVER_UNKNOWN']);
    await reconfigure(bridge, { servers: { first: server('first'), second: server('second') } });
    await bridge.waitForLine(/"server":"second".*a server is ready/);
    expect(await markOf(await RawSession.open(bridge.url, 'second'))).toBe('second');
  });

  it('removes a server: nobody new, its sessions to their end, then nothing is left of it', async () => {
    await using bridge = await serve({ servers: { kept: server('kept'), gone: server('gone', { warm: 1 }) } }, allow);
    const session = await RawSession.open(bridge.url, 'gone');
    await reconfigure(bridge, { servers: { kept: server('kept') } });
    expect(reasonOf(await openOn(bridge, 'gone'))).toEqual([404, 'SERVER_UNKNOWN']);
    expect(await markOf(session)).toBe('gone');
    const status = await bridge.status();
    expect([Object.keys(status.servers), status.retiring]).toMatchObject([['kept'], [{ name: 'gone', sessions: 1 }]]);
    expect(await session.delete()).toBe(200);
    await until('its processes to be gone', () => childrenOf(bridge.pid).length === 0);
    await until('the last of it', async () => (await bridge.status()).retiring.length === 0);
    expect(reasonOf(await session.call('echo', { text: 'x' }))).toEqual([404, 'SERVER_UNKNOWN']);
  });

  it('hands a client in line to the new server of that name', async () => {
    const narrow = { warm: 0, max: 1, acquireTimeout: '15s' };
    await using bridge = await serve({ servers: { narrow: server('old', narrow) } }, allow);
    await RawSession.open(bridge.url, 'narrow');
    const waiting = RawSession.open(bridge.url, 'narrow');
    await until('the line', async () => (await bridge.status()).servers['narrow']?.pool.waiting === 1);
    await reconfigure(bridge, { servers: { narrow: server('new', narrow) } });
    expect(await markOf(await waiting)).toBe('new');
  });

  it('tells a client in line of a removed server that there is none', async () => {
    const narrow = { warm: 0, max: 1, acquireTimeout: '15s' };
    await using bridge = await serve({ servers: { narrow: server('old', narrow), other: server('other') } }, allow);
    await RawSession.open(bridge.url, 'narrow');
    const waiting = openOn(bridge, 'narrow');
    await until('the line', async () => (await bridge.status()).servers['narrow']?.pool.waiting === 1);
    await reconfigure(bridge, { servers: { other: server('other') } });
    expect(reasonOf(await waiting)).toEqual([404, 'SERVER_UNKNOWN']);
  });

  it('changes limits, allowed hosts and the size of bodies in place', async () => {
    const servers = { one: server('one') };
    await using bridge = await serve({ servers }, allow);
    const session = await RawSession.open(bridge.url, 'one');
    const listen = { allowedOrigins: ['https://app.example.com'], maxBodyBytes: '2k' };
    const ask = async (): Promise<number> =>
      (await fetch(`${bridge.url}/healthz`, { headers: { Origin: 'https://app.example.com' } })).status;
    expect(await ask()).toBe(403);
    await reconfigure(bridge, { listen, limits: { sessions: 1 }, servers });
    expect(await ask()).toBe(200);
    expect(reasonOf(await openOn(bridge, 'one'))).toEqual([503, 'SESSION_LIMIT']);
    expect((await session.call('echo', { text: 'x'.repeat(3000) })).status).toBe(413);
    expect(await markOf(session)).toBe('one');
  });

  it('names what waits for a restart, and does not apply it', async () => {
    const servers = { one: server('one') };
    await using bridge = await serve({ servers }, allow);
    await reconfigure(bridge, { listen: { sse: true }, engine: 'docker', servers });
    const line = await bridge.waitForLine(/wait for a restart/);
    expect(JSON.parse(line)).toMatchObject({ level: 40, keys: ['engine', 'listen.sse'] });
    expect((await bridge.status()).config.needsRestart).toEqual(['engine', 'listen.sse']);
    expect((await fetch(`${bridge.url}/one/sse`)).status).toBe(404);
    await reconfigure(bridge, { servers });
    expect((await bridge.status()).config).not.toHaveProperty('needsRestart');
  });

  it('may ask for an engine that was not needed before', async () => {
    using folder = temporaryFolder();
    symlinkSync(process.execPath, path.join(folder.path, 'node'));
    const env = { PATH: folder.path };
    const image = { image: 'docker.io/mcp/fetch', pool: { warm: 0 } };
    await using bridge = await serve({ servers: { plain: server('plain') } }, { ...allow, env });
    expect((await fetch(`${bridge.url}/readyz`)).status).toBe(200);
    await reconfigure(bridge, { servers: { plain: server('plain'), image } });
    const podman = '#!/bin/sh\n[ "$1" = info ] && echo \'{"host":{},"version":{"Version":"5.0.0"}}\' || echo "[]"\n';
    await bridge.waitForLine(/no container engine/);
    expect((await fetch(`${bridge.url}/readyz`)).status).toBe(503);
    writeFileSync(path.join(folder.path, 'podman'), podman);
    chmodSync(path.join(folder.path, 'podman'), 0o755);
    await until('the engine', async () => (await bridge.status()).engine.kind === 'podman');
    expect((await fetch(`${bridge.url}/readyz`)).status).toBe(200);
  });

  it('may be the first with a plain process', async () => {
    using empty = temporaryFolder();
    symlinkSync(process.execPath, path.join(empty.path, 'node'));
    const image = { image: 'docker.io/mcp/fetch', pool: { warm: 0 } };
    await using bridge = await serve({ servers: { image } }, { ...allow, env: { PATH: empty.path } });
    await reconfigure(bridge, { servers: { image, plain: server('plain') } });
    expect(await markOf(await RawSession.open(bridge.url, 'plain'))).toBe('plain');
  });
});

describe('A servers.yaml that is not valid', () => {
  it('changes nothing, is reported once with its place, and is forgotten when it is mended', async () => {
    await using bridge = await serve({ servers: { one: server('one', { warm: 1 }) } }, allow);
    const session = await RawSession.open(bridge.url, 'one');
    await reconfigure(bridge, 'servers:\n  one:\n    image: docker.io/mcp/fetch\n    pool: { maxx: 3 }\n  two: {}\n');
    const { lastError } = (await bridge.status()).config;
    expect(lastError).toContain('servers.yaml:4:13: servers.one.pool.maxx: unknown key; did you mean "max"?');
    expect(await markOf(session)).toBe('one');
    expect(await markOf(await RawSession.open(bridge.url, 'one'))).toBe('one');
    expect(reasonOf(await openOn(bridge, 'two'))).toEqual([404, 'SERVER_UNKNOWN']);
    bridge.signal('SIGHUP');
    await bridge.waitForLine(/still not valid/);
    expect(bridge.stderr.filter((line) => line.includes('pool.maxx'))).toHaveLength(1);
    await reconfigure(bridge, { servers: { one: server('mended') } });
    expect((await bridge.status()).config).not.toHaveProperty('lastError');
    expect(await markOf(await RawSession.open(bridge.url, 'one'))).toBe('mended');
  });

  it('may also be one that is gone', async () => {
    await using bridge = await serve({ servers: { one: server('one') } }, allow);
    rmSync(path.join(bridge.folder, 'servers.yaml'));
    await bridge.waitForLine(/"level":50.*cannot be read \(ENOENT\)/);
    expect(await markOf(await RawSession.open(bridge.url, 'one'))).toBe('one');
    await reconfigure(bridge, { servers: { one: server('back') } });
    expect(await markOf(await RawSession.open(bridge.url, 'one'))).toBe('back');
  });
});

describe('servers.yaml is seen to have changed', () => {
  it('within a second when another file takes its place, as editors do', async () => {
    await using bridge = await serve({ servers: { one: server('one') } }, allow);
    const draft = path.join(bridge.folder, 'draft');
    writeFileSync(draft, JSON.stringify({ servers: { one: server('two') } }));
    const { ms } = await timed(async () => {
      renameSync(draft, path.join(bridge.folder, 'servers.yaml'));
      await bridge.waitForLine(/configuration reloaded/);
    });
    expect(ms).toBeLessThan(1000);
    expect(await markOf(await RawSession.open(bridge.url, 'one'))).toBe('two');
  });

  it('within seconds where no event tells: behind a symbolic link, as in a mounted ConfigMap', async () => {
    using elsewhere = temporaryFolder();
    const [first, second] = ['first', 'second'].map((name) => {
      mkdirSync(path.join(elsewhere.path, name));
      return writeConfig(path.join(elsewhere.path, name), { servers: { one: server(name) } });
    });
    const link = path.join(elsewhere.path, 'now');
    symlinkSync(path.dirname(first!), link);
    await using bridge = await serve(
      { servers: { unused: server('unused') } },
      { args: ['--allow-process', '--config', path.join(link, 'servers.yaml')] },
    );
    expect(await markOf(await RawSession.open(bridge.url, 'one'))).toBe('first');
    rmSync(link);
    symlinkSync(path.dirname(second!), link);
    await bridge.waitForLine(/configuration reloaded/);
    expect(await markOf(await RawSession.open(bridge.url, 'one'))).toBe('second');
  });
});

describe('SIGHUP', () => {
  it('has a secret file read again that was rotated: the next session has the new one', async () => {
    using folder = temporaryFolder();
    const secret = path.join(folder.path, 'secret');
    const rotate = (value: string): void => {
      writeFileSync(secret, value, { mode: 0o600 });
    };
    rotate('old-secret');
    const servers = { one: server('one'), keyed: server('file:secret', { warm: 1 }) };
    await using bridge = await serve({ servers }, { ...allow, folder: folder.path });
    const [other, old] = [await RawSession.open(bridge.url, 'one'), await RawSession.open(bridge.url, 'keyed')];
    const pid = await pidOf(other);
    rotate('new-secret');
    bridge.signal('SIGHUP');
    // The other server, and the endpoint for both.
    await bridge.waitForLine(/"changed":\["keyed: env"\],"unchanged":2.*configuration reloaded/);
    expect([await markOf(old), await markOf(await RawSession.open(bridge.url, 'keyed'))]).toEqual([
      'old-secret',
      'new-secret',
    ]);
    expect(await pidOf(other)).toBe(pid);
    expect(bridge.stderr.join('\n')).not.toContain('-secret');
  });

  it('switches a server on whose secret has come', async () => {
    using folder = temporaryFolder();
    await using bridge = await serve({ servers: { late: server('file:secret') } }, { ...allow, folder: folder.path });
    expect(reasonOf(await openOn(bridge, 'late'))).toEqual([503, 'SERVER_DISABLED']);
    writeFileSync(path.join(folder.path, 'secret'), 'here it is', { mode: 0o600 });
    bridge.signal('SIGHUP');
    await bridge.waitForLine(/configuration reloaded/);
    expect(await markOf(await RawSession.open(bridge.url, 'late'))).toBe('here it is');
  });

  it('reads the file at once, and twice in a row does no harm', async () => {
    await using bridge = await serve({ servers: { one: server('one') } }, allow);
    const session = await RawSession.open(bridge.url, 'one');
    writeConfig(bridge.folder, { servers: { one: server('two') } });
    bridge.signal('SIGHUP');
    bridge.signal('SIGHUP');
    await bridge.waitForLine(/configuration reloaded/);
    expect([await markOf(session), await markOf(await RawSession.open(bridge.url, 'one'))]).toEqual(['one', 'two']);
    expect(bridge.stderr.filter((line) => line.includes('configuration reloaded'))).toHaveLength(1);
  });

  it('changes nothing while Gangway drains', async () => {
    await using bridge = await serve({ servers: { one: server('one') } }, allow);
    const session = await RawSession.open(bridge.url, 'one');
    const call = session.call('sleep', { ms: 1500 });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    bridge.signal('SIGTERM');
    await bridge.waitForLine(/"draining"/);
    writeConfig(bridge.folder, { servers: { two: server('two') } });
    bridge.signal('SIGHUP');
    await bridge.waitForLine(/not read again: Gangway is shutting down/);
    expect(textOf((await call).message?.result)).toBe('slept');
    expect(await bridge.ended).toBe(0);
    expect(bridge.stderr.join('\n')).not.toContain('configuration reloaded');
  });
});

describe('SIGHUP of a Gangway that runs at a terminal', () => {
  const mark = `at-terminal-${process.pid}`;
  const hasScript = spawnSync('script', ['--version']).status === 0;

  /** `gangway serve` as the program of a terminal of its own. */
  function atTerminal(folder: string): { readonly terminal: ChildProcess; readonly said: () => string } {
    const file = writeConfig(folder, { servers: { one: server(mark, { warm: 1 }) } });
    const command = `exec ${process.execPath} ${main} serve --config ${file} --port 0 --allow-process`;
    const terminal = spawn('script', ['--quiet', '--flush', '--command', command, '/dev/null']);
    let said = '';
    terminal.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    return { terminal, said: () => said };
  }

  (hasScript ? it : it.skip)('reloads as long as the terminal is there, and drains when it is gone', async () => {
    using folder = temporaryFolder();
    const { terminal, said } = atTerminal(folder.path);
    await until('the server', () => said().includes('one is ready'));
    const child = processes().find(({ environment }) => environment.get('MARK') === mark);
    const pids = [Number(child?.environment.get('GANGWAY_OWNER')?.split('.')[1]), Number(child?.pid)];
    try {
      process.kill(pids[0]!, 'SIGHUP');
      await until('a reload', () => said().includes('configuration read again'));
      terminal.kill('SIGKILL');
      await until('the end of it all', () => !pids.some(isAlive));
    } finally {
      for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
    }
  });
});
