import { expect, it, jest } from '@jest/globals';
import { containersOf, fixtureImage } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { initialize, post, RawSession, textOf } from '../support/mcp-client.ts';
import { fixture, reconfigure, serve } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

describeEachEngine('A changed servers.yaml', (engine) => {
  it('replaces and removes containers, and leaves those of other servers and of open sessions alone', async () => {
    const image = await fixtureImage(engine);
    const run = (program: string, pool: object = { warm: 1 }): object => ({
      ...{ image, args: [`/servers/${program}.mjs`], network: 'none', pull: 'never', startTimeout: '60s', pool },
    });
    // The first containers of a Gangway that needed no engine when it started.
    const plain = { command: fixture('well-behaved'), pool: { warm: 0 } };
    await using bridge = await serve({ servers: { plain } }, { args: ['--engine', engine, '--allow-process'] });
    const { instance } = await bridge.status();
    const names = async (server: string): Promise<string[]> =>
      (await containersOf(engine, instance)).map(({ name }) => name).filter((n) => n.startsWith(`gangway-${server}-`));
    const servers = {
      kept: run('well-behaved', { warm: 0 }),
      edited: run('well-behaved'),
      removed: run('well-behaved'),
    };
    await reconfigure(bridge, { servers });

    const kept = await RawSession.open(bridge.url, 'kept');
    const [keptIn] = await names('kept');
    const old = await RawSession.open(bridge.url, 'edited');
    await until('all to be warm', async () => {
      const { edited, removed } = (await bridge.status()).servers;
      return edited?.pool.warm === 1 && removed?.pool.warm === 1;
    });
    const before = await names('edited');

    await reconfigure(bridge, { servers: { kept: servers.kept, edited: run('juggler') } });
    const next = await RawSession.open(bridge.url, 'edited');
    expect(old.opened.message?.result?.['serverInfo']).toMatchObject({ name: 'well-behaved' });
    expect(next.opened.message?.result?.['serverInfo']).not.toMatchObject({ name: 'well-behaved' });
    expect(textOf((await old.call('echo', { text: 'as before' })).message?.result)).toBe('as before');
    expect(textOf((await kept.call('echo', { text: 'here' })).message?.result)).toBe('here');
    expect(await names('kept')).toEqual([keptIn]);
    expect((await post(`${bridge.url}/removed/mcp`, initialize())).status).toBe(404);
    await until('the containers of the removed server to be gone', async () => (await names('removed')).length === 0);

    await old.delete();
    await until('the containers of the former configuration to be gone', async () => {
      const left = await names('edited');
      return (await bridge.status()).retiring.length === 0 && before.every((name) => !left.includes(name));
    });
    expect(await next.delete()).toBe(200);
  });
});
