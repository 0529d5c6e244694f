import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it, jest } from '@jest/globals';
import { containersOf, fixtureImage } from '../support/containers.ts';
import { containerTestMs, describeEachEngine, type EngineName } from '../support/engines.ts';
import { initialize, post, RawSession, textOf } from '../support/mcp-client.ts';
import { commandLines, isAlive } from '../support/processes.ts';
import { serve, temporaryFolder } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

/** Puts a client of the engine into a folder that, told to run a container, waits as long as the file `hold` is there. */
function holdingClient(engine: EngineName, folder: string): { hold: string; begun: string; env: { PATH: string } } {
  const [hold, begun] = [path.join(folder, 'hold'), path.join(folder, 'begun')];
  const real = spawnSync('which', [engine], { encoding: 'utf8' }).stdout.trim();
  // The shell becomes the client, so its process id is the client's.
  const wait = `echo $$ >"${begun}"; while [ -e "${hold}" ]; do sleep 0.05; done`;
  const script = `#!/bin/sh\nif [ "$1" = run ]; then ${wait}; fi\nexec ${real} "$@"\n`;
  writeFileSync(path.join(folder, engine), script, { mode: 0o755 });
  return { hold, begun, env: { PATH: `${folder}:${process.env['PATH'] ?? ''}` } };
}

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

  it('that 10 clients ask for at once start two at a time, and each client has one', async () => {
    using folder = temporaryFolder();
    const { hold, env } = holdingClient(engine, folder.path);
    const servers = { crowded: server('well-behaved', { warm: 0, max: 10 }) };
    await using bridge = await serve({ limits: { starts: 2 }, servers }, { args, env });
    await until('readiness', async () => (await fetch(`${bridge.url}/readyz`)).ok);
    writeFileSync(hold, '');
    const opening = Promise.all(Array.from({ length: 10 }, () => RawSession.open(bridge.url, 'crowded')));
    await until('ten places', async () => {
      const { starting, leased } = (await bridge.status()).servers['crowded']!.pool;
      return starting + leased === 10;
    });
    const clients = (): string[] => commandLines().filter((line) => /\brun\b.* --name gangway-crowded-/.test(line));
    await until('two clients of the engine', () => clients().length >= 2);
    expect(clients()).toHaveLength(2);
    rmSync(hold);
    const { ms, result: sessions } = await timed(() => opening);
    note(engine, '10 sessions, two starts at a time, are open after', ms);
    const texts = await Promise.all(sessions.map((session) => session.call('echo', { text: session.id })));
    expect(texts.map(({ message }) => textOf(message?.result))).toEqual(sessions.map(({ id }) => id));
    expect((await bridge.status()).containers).toBe(10);
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
      const { hold, begun, env } = holdingClient(engine, folder.path);
      const options = { args, env, folder: folder.path };
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
      if (existsSync(hold)) expect([isAlive(client), await containers()]).toEqual([true, 0]);

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
