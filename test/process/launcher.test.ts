import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it, jest } from '@jest/globals';
import { childPids, launcherOf, launcherPid } from '../support/launcher.ts';
import { initialize, post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { childrenOf, isAlive } from '../support/processes.ts';
import { fixture, serve } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(60_000);

const pool = { warm: 0 };
const config = {
  servers: {
    polite: { command: fixture('well-behaved'), pool },
    stubborn: { command: fixture('ignores-eof-and-sigterm'), pool },
    shared: { command: fixture('well-behaved'), sharing: 'shared', modern: 'translate', pool: { min: 1, max: 1 } },
  },
};
const args = ['--allow-process'];

const factsOf = ({ message }: Answer): unknown => message?.error?.data?.gangway;
const wordOf = async (session: RawSession): Promise<string> =>
  textOf((await session.call('echo', { text: 'hello' })).message?.result);
const foldersOf = (bridgePid: number): string[] =>
  readdirSync(tmpdir()).filter((entry) => /^gangway-run-[^.]+\.(\d+)\./.exec(entry)?.[1] === String(bridgePid));

describe('A bridge', () => {
  it('starts no process itself but its launcher, which has short options and a short environment', async () => {
    const env = { SECRET_OF_THE_BRIDGE: 'x', NODE_OPTIONS: '--no-warnings' };
    await using bridge = await serve(config, { args, env });
    const sessions = await Promise.all(
      ['polite', 'stubborn', 'shared'].map((name) => RawSession.open(bridge.url, name)),
    );
    expect(await Promise.all(sessions.map(wordOf))).toEqual(['hello', 'hello', 'hello']);
    const launcher = await launcherPid(bridge);
    expect(childPids(bridge.pid)).toEqual([launcher]);
    const servers = childrenOf(bridge.pid);
    expect(childPids(launcher).sort()).toEqual(servers.map(({ pid }) => pid).sort());
    for (const { environment } of servers) expect([...environment.keys()]).not.toContain('NODE_CHANNEL_FD');
    const shell = await import('node:fs').then(({ readFileSync }) => readFileSync(`/proc/${launcher}/environ`, 'utf8'));
    expect(shell).not.toMatch(/SECRET_OF_THE_BRIDGE|NODE_OPTIONS/);
  });

  it('that ends in order takes its launcher with it, and leaves nothing behind', async () => {
    await using bridge = await serve(config, { args });
    await RawSession.open(bridge.url, 'stubborn');
    const launcher = await launcherPid(bridge);
    expect(foldersOf(bridge.pid)).toHaveLength(1);
    expect(await bridge.stop('SIGTERM')).toBe(0);
    await until('the launcher to be gone', () => !isAlive(launcher), { limitMs: 3000 });
    expect([childrenOf(bridge.pid), foldersOf(bridge.pid)]).toEqual([[], []]);
  });

  it('that is killed leaves nothing behind, stubborn processes and its launcher included, within 3 s', async () => {
    await using bridge = await serve(config, { args });
    await Promise.all([1, 2, 3].map(() => RawSession.open(bridge.url, 'stubborn')));
    const pids = [...childrenOf(bridge.pid).map(({ pid }) => pid), await launcherPid(bridge)];
    expect(pids).toHaveLength(5);
    await bridge.stop('SIGKILL');
    const { ms } = await timed(() => until('all of them to be gone', () => !pids.some(isAlive), { limitMs: 10_000 }));
    process.stderr.write(`    3 stubborn processes of a killed bridge are gone after ${Math.round(ms)} ms\n`);
    expect(ms).toBeLessThan(3000);
    expect(foldersOf(bridge.pid)).toEqual([]);
  });
});

describe('A launcher', () => {
  it('that is killed: pending calls are answered within 250 ms, sessions are over, new ones work, nothing is left', async () => {
    await using bridge = await serve(config, { args });
    const [own, shared] = [await RawSession.open(bridge.url, 'stubborn'), await RawSession.open(bridge.url, 'shared')];
    const ids = [1000, 1001, 1002];
    const pending = Promise.all(
      [own, shared].flatMap((session) => ids.map((id) => session.call('sleep', { ms: 600_000 }, { id }))),
    );
    await until('the calls', async () => (await bridge.status()).callsInFlight === 6);
    const [launcher, lost] = [await launcherPid(bridge), childrenOf(bridge.pid).map(({ pid }) => pid)];
    process.kill(launcher, 'SIGKILL');
    const { ms, result: answers } = await timed(() => pending);
    process.stderr.write(`    6 calls are answered ${Math.round(ms)} ms after the launcher was killed\n`);
    const told = expect.objectContaining({ reason: 'ENGINE_LOST', retryable: true, lost: 'launcher' });
    expect(answers.map(factsOf)).toEqual(answers.map(() => told));
    expect(ms).toBeLessThan(250);
    expect((await own.call('echo', { text: 'x' })).status).toBe(404);

    const again = await RawSession.open(bridge.url, 'stubborn');
    expect(await wordOf(again)).toBe('hello');
    // Those that share a server keep their session.
    expect(await wordOf(shared)).toBe('hello');
    await until('what was lost to be gone', () => !lost.some(isAlive), { limitMs: 5000 });
    expect(await launcherOf(bridge)).toMatchObject({ restarts: 1 });
    expect(childPids(bridge.pid)).toEqual([await launcherPid(bridge)]);
    expect((await fetch(`${bridge.url}/readyz`)).status).toBe(200);
    const { servers } = await bridge.status();
    expect(servers['stubborn']).toMatchObject({ pool: { circuit: 'closed' }, deaths: { total: 1, launcherLost: 1 } });
    expect(servers['shared']).toMatchObject({ pool: { circuit: 'closed' } });
    await again.delete();
    await until('nothing but the shared server to be held', async () => (await bridge.status()).containers === 1);
    expect(foldersOf(bridge.pid)).toHaveLength(1);
  });

  it('that is killed again and again is started more slowly; in between, /readyz and /status say so; nobody is blamed', async () => {
    await using bridge = await serve(config, { args });
    for (const restarts of [1, 2, 3]) {
      process.kill(await launcherPid(bridge), 'SIGKILL');
      await until('the next one', async () => (await launcherOf(bridge)).restarts === restarts);
    }
    const missing = await until('the pause', async () => (await launcherOf(bridge)).missing);
    expect(missing).toBe('Cannot start or end anything: the launcher ended, and is started again');
    const readiness = await fetch(`${bridge.url}/readyz`);
    expect([readiness.status, await readiness.text()]).toEqual([503, expect.stringContaining('engine_unavailable')]);
    const { ms, result: refused } = await timed(() => post(`${bridge.url}/polite/mcp`, initialize()));
    expect([refused.status, factsOf(refused)]).toEqual([
      503,
      expect.objectContaining({ reason: 'ENGINE_UNAVAILABLE' }),
    ]);
    expect(ms).toBeLessThan(250);
    await until('readiness', async () => (await fetch(`${bridge.url}/readyz`)).ok, { limitMs: 15_000 });
    expect(await wordOf(await RawSession.open(bridge.url, 'polite'))).toBe('hello');
    const { servers } = await bridge.status();
    expect(Object.values(servers).map(({ pool: { circuit } }) => circuit)).toEqual(['closed', 'closed', 'closed']);
  });

  it('that is stopped: who comes is refused within 15 s, who is there goes on; all is well when it goes on', async () => {
    await using bridge = await serve(config, { args });
    const session = await RawSession.open(bridge.url, 'polite');
    const launcher = await launcherPid(bridge);
    process.kill(launcher, 'SIGSTOP');
    const { ms, result: refused } = await timed(() => post(`${bridge.url}/polite/mcp`, initialize()));
    process.stderr.write(`    a client is refused ${Math.round(ms)} ms after the launcher was stopped\n`);
    expect([refused.status, factsOf(refused)]).toEqual([
      503,
      expect.objectContaining({ reason: 'ENGINE_UNAVAILABLE' }),
    ]);
    expect(ms).toBeLessThan(15_000);
    expect((await fetch(`${bridge.url}/readyz`)).status).toBe(503);
    expect((await launcherOf(bridge)).missing).toBe('Cannot start or end anything: the launcher does not answer');
    expect(await wordOf(session)).toBe('hello');
    process.kill(launcher, 'SIGCONT');
    await until('readiness', async () => (await fetch(`${bridge.url}/readyz`)).ok, { limitMs: 5000 });
    expect(await wordOf(await RawSession.open(bridge.url, 'polite'))).toBe('hello');
    expect(await wordOf(session)).toBe('hello');
    expect(await launcherOf(bridge)).toMatchObject({ pid: launcher, restarts: 0 });
  });

  it('obeys no signal but the end of its bridge', async () => {
    await using bridge = await serve(config, { args });
    const launcher = await launcherPid(bridge);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(launcher, signal);
    expect(await wordOf(await RawSession.open(bridge.url, 'polite'))).toBe('hello');
    expect(await launcherOf(bridge)).toEqual({ pid: launcher, restarts: 0 });
  });
});
