import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, jest } from '@jest/globals';
import { containerProcesses } from '../support/container-processes.ts';
import { containersOf, fixtureImage, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine, type EngineName } from '../support/engines.ts';
import { initialize, post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { processes } from '../support/processes.ts';
import { serve, temporaryFolder, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const reasonOf = ({ message }: Answer): string | undefined => message?.error?.data?.gangway?.reason;

type Failure = 'absent' | 'hanging';

/** A folder for the PATH with an engine's client that fails, or hangs, whatever it is asked, when it is told to. */
function unreliable(
  engine: EngineName,
): Disposable & { readonly path: string; fail(how: Failure): void; mend(how: Failure): void } {
  const folder = temporaryFolder();
  const fault = (how: Failure): string => path.join(folder.path, how);
  const real = spawnSync('which', [engine], { encoding: 'utf8' }).stdout.trim();
  const script = [
    '#!/bin/sh',
    `[ -e "${fault('absent')}" ] && echo "Cannot connect" >&2 && exit 125`,
    `while [ -e "${fault('hanging')}" ]; do sleep 0.1; done`,
    `exec ${real} "$@"`,
  ];
  writeFileSync(path.join(folder.path, engine), script.join('\n'), { mode: 0o755 });
  return {
    path: folder.path,
    fail: (how) => {
      writeFileSync(fault(how), '');
    },
    mend: (how) => {
      rmSync(fault(how));
    },
    [Symbol.dispose]: () => {
      folder[Symbol.dispose]();
    },
  };
}

async function start(engine: EngineName, { path: folder }: { readonly path: string }): Promise<Program> {
  const image = await fixtureImage(engine);
  const good = { image, args: ['/servers/well-behaved.mjs'], network: 'none', pull: 'never', startTimeout: '60s' };
  const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  const servers = { good: { ...good, pool: { warm: 0, acquireTimeout: '60s' } } };
  return serve({ defaults: uncounted, servers }, { args: ['--engine', engine], env });
}

const attempt = ({ url }: Program): Promise<Answer> => post(`${url}/good/mcp`, initialize());

async function ready({ url }: Program): Promise<unknown[]> {
  const response = await fetch(`${url}/readyz`);
  return [response.status, ((await response.json()) as { reason?: string }).reason];
}

const opened = (bridge: Program): Promise<{ ms: number; result: RawSession }> =>
  timed(() => until('a session', () => RawSession.open(bridge.url, 'good'), { limitMs: 20_000 }));

describeEachEngine('An engine', (engine) => {
  it('that is not there at the start: alive, not ready, 503; it serves soon after the engine is there, without a restart', async () => {
    using bin = unreliable(engine);
    bin.fail('absent');
    await using bridge = await start(engine, bin);
    expect((await fetch(`${bridge.url}/healthz`)).status).toBe(200);
    await until('the first look', async () => (await bridge.status()).engine.missing?.includes('Cannot connect'));
    expect(await ready(bridge)).toEqual([503, 'engine_unavailable']);
    const refused = await timed(() => attempt(bridge));
    expect([refused.result.status, reasonOf(refused.result)]).toEqual([503, 'ENGINE_UNAVAILABLE']);
    expect(refused.ms).toBeLessThan(1000);
    bin.mend('absent');
    const { ms, result: session } = await opened(bridge);
    note(engine, 'once the engine is there, a session is open after', ms);
    expect(ms).toBeLessThan(12_000);
    expect(await session.delete()).toBe(200);
  });
});

// Docker hangs in engine-lost.test.ts, with a daemon of its own.
describeEachEngine(
  'An engine',
  (engine) => {
    it('that hangs: new sessions are refused, soon at once; what lives goes on, and so does everything when it does', async () => {
      using bin = unreliable(engine);
      await using bridge = await start(engine, bin);
      const { instance } = await bridge.status();
      const { result: living } = await opened(bridge);
      bin.fail('hanging');
      const first = await timed(() => attempt(bridge));
      expect([first.result.status, reasonOf(first.result)]).toEqual([503, 'ENGINE_UNAVAILABLE']);
      expect(first.ms).toBeLessThan(15_000);
      expect(await ready(bridge)).toEqual([503, 'engine_unavailable']);
      const crowd = await timed(() => Promise.all(Array.from({ length: 20 }, () => attempt(bridge))));
      expect(new Set(crowd.result.map(reasonOf))).toEqual(new Set(['ENGINE_UNAVAILABLE']));
      expect(crowd.ms).toBeLessThan(2000);
      const answer = await living.call('echo', { text: 'still here' });
      expect(textOf(answer.message?.result)).toBe('still here');
      bin.mend('hanging');
      const { ms, result: session } = await opened(bridge);
      note(engine, `refused after ${Math.round(first.ms)} ms, then at once; a session, once it goes on, after`, ms);
      expect(ms).toBeLessThan(8000);
      expect([await living.delete(), await session.delete()]).toEqual([200, 200]);
      await until('nothing to be left', async () => (await containersOf(engine, instance)).length === 0);
      await until('nothing to be held', async () => (await bridge.status()).containers === 0, { limitMs: 20_000 });
    });
  },
  ['podman'],
);

// Podman has no such stream.
describeEachEngine(
  'An engine',
  (engine) => {
    it('whose stream of events is lost is listened to again, and no death is missed, nor told twice', async () => {
      using bin = unreliable(engine);
      await using bridge = await start(engine, bin);
      const { instance } = await bridge.status();
      const { result: session } = await opened(bridge);
      const listener = await until('its stream', () => eventsClientOf(bridge.pid));
      process.kill(listener, 'SIGKILL');
      await until('another stream', () => ![undefined, listener].includes(eventsClientOf(bridge.pid)));
      const pending = session.call('sleep', { ms: 600_000 });
      await until('the call', async () => (await bridge.status()).callsInFlight === 1);
      const [container] = await containersOf(engine, instance);
      process.kill((await containerProcesses(engine, container!.name)).server, 'SIGKILL');
      expect((await pending).message?.error?.data?.gangway).toMatchObject({
        ...{ reason: 'UPSTREAM_EXITED', exitCode: 137, signal: 'SIGKILL' },
      });
      await until('nothing to be held', async () => (await bridge.status()).containers === 0);
      expect((await bridge.status()).servers['good']).toMatchObject({ deaths: { total: 1 } });
    });
  },
  ['docker'],
);

/** The client of Docker that a bridge has running to hear of its own containers. */
function eventsClientOf(bridgePid: number): number | undefined {
  const owner = new RegExp(`^\\S*docker events .*io\\.gangway\\.owner=[^. ]*\\.${bridgePid}\\.`);
  return processes().find(({ pid }) => owner.test(commandLine(pid)))?.pid;
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** A figure for whoever reads the run. */
function note(engine: string, what: string, ms: number): void {
  process.stderr.write(`    ${engine}: ${what} ${Math.round(ms)} ms\n`);
}
