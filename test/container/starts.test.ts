import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it, jest } from '@jest/globals';
import { containersOf, fixtureImage } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { initialize, post, RawSession, textOf } from '../support/mcp-client.ts';
import { clientsOf } from '../support/container-processes.ts';
import { isAlive } from '../support/processes.ts';
import { serve, temporaryFolder } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

describeEachEngine('Containers', (engine) => {
  let image: string;

  beforeAll(async () => {
    image = await fixtureImage(engine);
  });

  const server = (program: string, pool: object): object => ({
    ...{ image, args: [`/servers/${program}.mjs`], network: 'none', pull: 'never', startTimeout: '60s' },
    pool: { acquireTimeout: '60s', ...pool },
  });
  const args = ['--engine', engine];

  it('that 16 clients ask for at once start two at a time, and each client has one', async () => {
    const servers = { crowded: server('well-behaved', { warm: 0, max: 16 }) };
    await using bridge = await serve({ limits: { starts: 2 }, servers }, { args });
    const { instance } = await bridge.status();
    let isOver = false;
    let most = 0;
    const sampling = until(
      'the end',
      async () => {
        // What runs by the time of the second look may have been starting in the first, and not the other way round.
        const begun = clientsOf(engine, 'gangway-crowded-');
        const running = (await containersOf(engine, instance)).filter(({ state }) => /^(running|up)/.test(state));
        const names = new Set(running.map(({ name }) => name));
        most = Math.max(most, begun.filter((name) => !names.has(name)).length);
        return isOver;
      },
      { limitMs: 60_000 },
    );
    const { ms, result: sessions } = await timed(() =>
      Promise.all(Array.from({ length: 16 }, () => RawSession.open(bridge.url, 'crowded'))),
    );
    isOver = true;
    await sampling;
    note(engine, `16 sessions, at most ${most} starts at once, are open after`, ms);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(2);
    expect(ms).toBeLessThan(60_000);
    const texts = await Promise.all(sessions.map((session) => session.call('echo', { text: session.id })));
    expect(texts.map(({ message }) => textOf(message?.result))).toEqual(sessions.map(({ id }) => id));
    expect((await bridge.status()).containers).toBe(16);
  });

  it('that stand warm and are all taken: the next client gets a cold start, and the pool fills up again', async () => {
    await using bridge = await serve({ servers: { warm: server('well-behaved', { warm: 1, max: 3 }) } }, { args });
    const warm = async (): Promise<number> => (await bridge.status()).servers['warm']?.pool.warm ?? 0;
    const isFull = async (): Promise<boolean> => (await warm()) === 1;
    await until('a warm container', isFull, { limitMs: 30_000 });
    const sessions = await Promise.all([1, 2, 3].map(() => RawSession.open(bridge.url, 'warm')));
    const texts = await Promise.all(sessions.map((session) => session.call('echo', { text: session.id })));
    expect(texts.map(({ message }) => textOf(message?.result))).toEqual(sessions.map(({ id }) => id));
    expect(await warm()).toBe(0);
    expect(await sessions[0]!.delete()).toBe(200);
    await until('another warm container', isFull, { limitMs: 30_000 });
  });

  it.each(['has made no container yet', 'has just made it'])(
    'whose bridge is killed when the engine’s client %s do not outlive its next start, whenever they appear',
    async (moment) => {
      using folder = temporaryFolder();
      const [hold, begun] = [path.join(folder.path, 'hold'), path.join(folder.path, 'begun')];
      const real = spawnSync('which', [engine], { encoding: 'utf8' }).stdout.trim();
      // The shell becomes the client, so its process id is the client's.
      const script = `#!/bin/sh\nif [ "$1" = run ]; then echo $$ >"${begun}"; while [ -e "${hold}" ]; do sleep 0.05; done; fi\nexec ${real} "$@"\n`;
      writeFileSync(path.join(folder.path, engine), script, { mode: 0o755 });
      const options = { args, folder: folder.path, env: { PATH: `${folder.path}:${process.env['PATH'] ?? ''}` } };
      const config = { servers: { stubborn: server('ignores-eof-and-sigterm', { warm: 0 }) } };
      await using killed = await serve(config, options);
      const { instance } = await killed.status();
      const containers = async (): Promise<number> => (await containersOf(engine, instance)).length;
      await until('readiness', async () => (await fetch(`${killed.url}/readyz`)).ok);
      if (moment === 'has made no container yet') writeFileSync(hold, '');
      post(`${killed.url}/stubborn/mcp`, initialize()).catch(() => undefined);
      const client = Number(await until('a client', () => existsSync(begun) && readFileSync(begun, 'utf8').trim()));
      if (!existsSync(hold)) await until('a container', containers);
      await killed.stop('SIGKILL');
      expect([isAlive(client), await containers()]).toEqual([true, existsSync(hold) ? 0 : 1]);

      await using again = await serve(config, options);
      await until('it to be ready', async () => (await fetch(`${again.url}/readyz`)).ok);
      rmSync(hold, { force: true });
      const isGone = async (): Promise<boolean> => !isAlive(client) && (await containers()) === 0;
      const { ms } = await timed(() => until('it to be gone', isGone, { limitMs: 30_000 }));
      note(engine, `a container of a client that ${moment} is gone, after readiness,`, ms);
    },
  );
});

/** A figure for whoever reads the run. */
function note(engine: string, what: string, ms: number): void {
  process.stderr.write(`    ${engine}: ${what} ${Math.round(ms)} ms\n`);
}
