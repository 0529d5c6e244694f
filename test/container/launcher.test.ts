import { expect, it, jest } from '@jest/globals';
import { containersOf, fixtureImage, remaining, removeContainers, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { childPids, launcherOf, launcherPid } from '../support/launcher.ts';
import { initialize, post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { isAlive } from '../support/processes.ts';
import { serve, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

describeEachEngine('A launcher', (engine) => {
  async function start(): Promise<Program> {
    const run = {
      ...{ image: await fixtureImage(engine), network: 'none', pull: 'never' },
      ...{ startTimeout: '60s', pool: { warm: 0, acquireTimeout: '60s' } },
    };
    const servers = {
      polite: { ...run, args: ['/servers/well-behaved.mjs'] },
      stubborn: { ...run, args: ['/servers/ignores-eof-and-sigterm.mjs'] },
    };
    const bridge = await serve({ defaults: uncounted, servers }, { args: ['--engine', engine] });
    await until('readiness', async () => (await fetch(`${bridge.url}/readyz`)).ok, { limitMs: 60_000 });
    return bridge;
  }

  const namesOf = async (bridge: Program): Promise<string[]> =>
    (await containersOf(engine, (await bridge.status()).instance)).map(({ name }) => name);
  const wordOf = async (session: RawSession): Promise<string> =>
    textOf((await session.call('echo', { text: 'hello' })).message?.result);
  const allGone = (names: readonly string[], limitMs: number): Promise<{ readonly ms: number }> =>
    timed(() =>
      until('the containers to be gone', async () => (await remaining(engine, names)).length === 0, { limitMs }),
    );

  it('is the only process that its bridge starts, and everything else is its child', async () => {
    await using bridge = await start();
    const launcher = await launcherPid(bridge);
    const seen = new Set<number>();
    let isOver = false;
    const watch = until('the end', () => {
      for (const pid of childPids(bridge.pid)) seen.add(pid);
      return isOver;
    });
    const session = await RawSession.open(bridge.url, 'polite');
    expect(await wordOf(session)).toBe('hello');
    expect(await session.delete()).toBe(200);
    await until('nothing to be held', async () => (await bridge.status()).containers === 0);
    isOver = true;
    await watch;
    expect([...seen]).toEqual([launcher]);
  });

  it('that is killed: calls are answered within 250 ms, containers are removed, and new sessions work', async () => {
    await using bridge = await start();
    const [polite, stubborn] = [
      await RawSession.open(bridge.url, 'polite'),
      await RawSession.open(bridge.url, 'stubborn'),
    ];
    const lost = await namesOf(bridge);
    expect(lost).toHaveLength(2);
    const pending = Promise.all([polite, stubborn].map((session) => session.call('sleep', { ms: 600_000 })));
    await until('the calls', async () => (await bridge.status()).callsInFlight === 2);
    process.kill(await launcherPid(bridge), 'SIGKILL');
    const gone = allGone(lost, 20_000);
    const { ms, result: answers } = await timed(() => pending);
    expect(answers.map(reasonOf)).toEqual(['ENGINE_LOST', 'ENGINE_LOST']);
    const again = await timed(() => RawSession.open(bridge.url, 'polite'));
    expect(await wordOf(again.result)).toBe('hello');
    note(
      engine,
      `calls answered ${Math.round(ms)} ms after the launcher was killed, containers gone after`,
      (await gone).ms,
    );
    note(engine, 'and a new session opened in', again.ms);
    expect(ms).toBeLessThan(250);
    await until('nothing but the new one to be held', async () => (await bridge.status()).containers === 1);
    expect(await launcherOf(bridge)).toMatchObject({ restarts: 1 });
  });

  it('that is killed while containers start: none of them is left', async () => {
    await using bridge = await start();
    const opening = Promise.all([1, 2, 3].map(() => post(`${bridge.url}/stubborn/mcp`, initialize())));
    await until('starts', async () => (await bridge.status()).containers > 0);
    process.kill(await launcherPid(bridge), 'SIGKILL');
    await opening;
    await until(
      'no container that nobody holds',
      async () => (await namesOf(bridge)).length === (await bridge.status()).containers,
      { limitMs: 20_000, everyMs: 200 },
    );
    expect((await bridge.status()).servers['stubborn']).toMatchObject({ pool: { circuit: 'closed' } });
  });

  it('whose bridge is killed removes its stubborn containers within 10 s, without a new start, and ends', async () => {
    await using bridge = await start();
    await Promise.all(['stubborn', 'stubborn', 'polite'].map((name) => RawSession.open(bridge.url, name)));
    const [launcher, orphans] = [await launcherPid(bridge), await namesOf(bridge)];
    expect(orphans).toHaveLength(3);
    try {
      await bridge.stop('SIGKILL');
      const { ms } = await allGone(orphans, 20_000);
      note(engine, 'stubborn containers of a killed bridge are gone, without a new start, after', ms);
      expect(ms).toBeLessThan(10_000);
      await until('the launcher to be gone', () => !isAlive(launcher), { limitMs: 5000 });
    } finally {
      await removeContainers(engine, await remaining(engine, orphans));
    }
  });
});

const reasonOf = ({ message }: Answer): string | undefined => message?.error?.data?.gangway?.reason;

/** A figure for whoever reads the run. */
function note(engine: string, what: string, ms: number): void {
  process.stderr.write(`    ${engine}: ${what} ${Math.round(ms)} ms\n`);
}
