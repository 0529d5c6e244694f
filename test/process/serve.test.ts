import { createServer } from 'node:net';
import { describe, expect, it, jest } from '@jest/globals';
import { post, RawSession, initialize, textOf } from '../support/mcp-client.ts';
import { childrenOf, isAlive } from '../support/processes.ts';
import { fixture, gangway, serve, temporaryFolder, writeConfig } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(20_000);

const plain = { servers: { good: { command: fixture('well-behaved'), pool: { warm: 0 } } } };
const allow = { args: ['--allow-process'] };

describe('gangway serve', () => {
  it('says where it listens, what it serves and how to try it', async () => {
    await using bridge = await serve(
      { servers: { ...plain.servers, off: { image: 'docker.io/mcp/fetch', env: { KEY: '${NOT_SET_ANYWHERE}' } } } },
      allow,
    );
    await bridge.waitForLine(/Try it:/);
    const said = bridge.stdout.join('\n');
    expect(said).toMatch(/^Gangway \d+\.\d+\.\d+ on http:\/\/127\.0\.0\.1:\d+ \(plain processes\)/);
    expect(said).toMatch(new RegExp(`good +${bridge.url}/good/mcp`));
    expect(said).toMatch(/off +off: the environment variable NOT_SET_ANYWHERE is not set/);
  });

  it('says where groups are, and all servers together, which are ready with their servers', async () => {
    const groups = { some: ['good'] };
    await using bridge = await serve({ ...plain, groups }, allow);
    await bridge.waitForLine(/✓ good is ready/);
    expect(bridge.stdout.join('\n')).toMatch(
      new RegExp(`good +${bridge.url}/good/mcp\n  some +${bridge.url}/some/mcp\n  all of them +${bridge.url}/mcp\n`),
    );
    expect(bridge.stdout.filter((line) => line.startsWith('✓'))).toEqual(['✓ good is ready']);
  });

  it('prints a first request that works as it stands', async () => {
    await using bridge = await serve(plain, allow);
    await bridge.waitForLine(/^ {4}-H 'Accept/);
    const body = /-d '(.*)'/.exec(bridge.stdout.join('\n'))?.[1] ?? '';
    const answer = await post(`${bridge.url}/good/mcp`, body);
    expect(answer.status).toBe(200);
    expect(answer.message?.result?.['serverInfo']).toEqual({ name: 'well-behaved', version: '1.0.0' });
  });

  it('answers /healthz, /readyz and /status', async () => {
    await using bridge = await serve(plain, allow);
    const [health, ready] = await Promise.all([fetch(`${bridge.url}/healthz`), fetch(`${bridge.url}/readyz`)]);
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }]);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
    const status = await bridge.status();
    expect(status).toMatchObject({ ready: true, sessions: 0, containers: 0, engine: { missing: 'not needed' } });
    expect(status.servers['good']).toMatchObject({ sessions: 0, sandbox: { level: 'none' }, pool: { leased: 0 } });
  });

  it('keeps stdout free of log lines', async () => {
    await using bridge = await serve(plain, { args: ['--allow-process', '--log-level', 'trace'] });
    await RawSession.open(bridge.url, 'good');
    await bridge.waitForLine(/session opened/);
    expect(bridge.stdout.join('\n')).not.toContain('session opened');
    expect(bridge.stderr.every((line) => line.startsWith('{'))).toBe(true);
  });

  it('ends with exit code 2 and the place in the file for a bad configuration', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, 'servers:\n  good:\n    image: docker.io/mcp/fetch\n    pool: { maxx: 3 }\n');
    const { code, stdout, stderr } = await gangway(['serve', '--config', file]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(`${file}:4:13: servers.good.pool.maxx: unknown key; did you mean "max"?`);
  });

  it('ends with exit code 2 when the file is not there', async () => {
    const { code, stderr } = await gangway(['serve', '--config', '/nowhere/servers.yaml']);
    expect(code).toBe(2);
    expect(stderr).toContain('/nowhere/servers.yaml: cannot be read (ENOENT)');
  });

  it('ends with exit code 2 when the port is in use', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, plain);
    const taken = createServer().listen(0, '127.0.0.1');
    await until('a port', () => taken.listening);
    const { port } = taken.address() as { port: number };
    const { code, stderr } = await gangway(['serve', '-c', file, '-p', String(port), '--allow-process']);
    taken.close();
    expect(code).toBe(2);
    expect(stderr).toBe(`Cannot listen on 127.0.0.1 port ${port}: it is in use by another program`);
  });

  it('refuses an address that other machines can reach', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, plain);
    const { code, stderr } = await gangway(['serve', '-c', file, '--host', '0.0.0.0', '-p', '0']);
    expect(code).toBe(2);
    expect(stderr).toContain('"0.0.0.0" can be reached from other machines');
  });

  it('serves on such an address when it is told to, and says so in /status', async () => {
    await using bridge = await serve(plain, {
      args: ['--allow-process', '--host', '0.0.0.0', '--insecure-no-auth'],
    });
    const answer = await fetch(`http://127.0.0.1:${new URL(bridge.url).port}/status`);
    expect(await answer.json()).toMatchObject({ insecureNoAuth: true });
  });

  it('serves the other servers when one lacks its secret', async () => {
    const secretive = { command: fixture('well-behaved'), env: { KEY: '${NOT_SET_ANYWHERE}' } };
    await using bridge = await serve({ servers: { ...plain.servers, secretive } }, allow);
    const refused = await post(`${bridge.url}/secretive/mcp`, initialize());
    expect(refused.status).toBe(503);
    expect(refused.message?.error).toMatchObject({ code: -32603, data: { gangway: { reason: 'SERVER_DISABLED' } } });
    expect(refused.message?.error?.message).toContain('NOT_SET_ANYWHERE');
    expect((await bridge.status()).servers['secretive']?.disabled).toContain('NOT_SET_ANYWHERE');
    const session = await RawSession.open(bridge.url, 'good');
    expect(textOf((await session.call('echo', { text: 'hi' })).message?.result)).toBe('hi');
  });

  it('does not run a plain process unless it is allowed to', async () => {
    await using bridge = await serve(plain);
    const refused = await post(`${bridge.url}/good/mcp`, initialize());
    expect(refused.status).toBe(503);
    expect(refused.message?.error?.message).toContain('--allow-process');
    expect(childrenOf(bridge.pid)).toEqual([]);
  });
});

describe('gangway serve, ended by a signal', () => {
  it('answers the call in flight, then exits 0 and leaves no process', async () => {
    await using bridge = await serve(plain, allow);
    const session = await RawSession.open(bridge.url, 'good');
    const [child] = childrenOf(bridge.pid);
    const call = session.call('sleep', { ms: 1000 });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    bridge.signal('SIGTERM');
    expect(textOf((await call).message?.result)).toBe('slept');
    expect(await bridge.ended).toBe(0);
    expect(isAlive(child!.pid)).toBe(false);
    expect(childrenOf(bridge.pid)).toEqual([]);
  });

  it('takes no new session while it drains, and says so in /readyz', async () => {
    await using bridge = await serve(plain, allow);
    const session = await RawSession.open(bridge.url, 'good');
    // Connections that are open already: a listener that drains takes no new ones.
    const call = session.call('sleep', { ms: 1500 });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    bridge.signal('SIGTERM');
    await bridge.waitForLine(/"draining"/);
    const late = await post(`${bridge.url}/good/mcp`, initialize()).catch(() => undefined);
    expect([undefined, 503]).toContain(late?.status);
    expect(textOf((await call).message?.result)).toBe('slept');
    expect(await bridge.ended).toBe(0);
  });

  it('ends stubborn servers too', async () => {
    const stubborn = { command: fixture('ignores-eof-and-sigterm') };
    await using bridge = await serve({ servers: { stubborn } }, allow);
    await RawSession.open(bridge.url, 'stubborn');
    const pids = childrenOf(bridge.pid).map(({ pid }) => pid);
    expect(pids.length).toBeGreaterThanOrEqual(1);
    const { ms, result } = await timed(() => bridge.stop());
    expect(result).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(ms).toBeLessThan(5000);
  });

  it('ends at once at the second signal, and leaves no process', async () => {
    await using bridge = await serve(plain, allow);
    const session = await RawSession.open(bridge.url, 'good');
    const call = session.call('sleep', { ms: 60_000 });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    bridge.signal('SIGTERM');
    await bridge.waitForLine(/"draining"/);
    const { ms, result } = await timed(() => bridge.stop('SIGTERM'));
    expect(result).toBe(1);
    expect(ms).toBeLessThan(3000);
    expect((await call).message?.error?.data?.gangway?.reason).toBe('DRAINING');
    expect(childrenOf(bridge.pid)).toEqual([]);
  });
});
