import { expect, it, jest } from '@jest/globals';
import { containersOf, fixtureImage, listContainers, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { initialize, post, RawSession, textOf } from '../support/mcp-client.ts';
import { gangway, serve, temporaryFolder, writeConfig } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

describeEachEngine('The command line', (engine) => {
  const config = (image: string): object => {
    const common = { image, network: 'none', pull: 'never', startTimeout: '60s' };
    return {
      servers: {
        good: { ...common, args: ['/servers/well-behaved.mjs'], pool: { warm: 0 } },
        stubborn: { ...common, args: ['/servers/ignores-eof-and-sigterm.mjs'], pool: { warm: 0 } },
        broken: { ...common, args: ['/servers/dies-at-start.mjs'], pool: { warm: 0 } },
        loud: { ...common, args: ['/servers/floods-stderr.mjs'], pool: { warm: 0 } },
      },
    };
  };

  it('ps lists each container with its server, state and owner', async () => {
    using folder = temporaryFolder();
    const options = { args: ['--engine', engine], folder: folder.path };
    await using bridge = await serve(config(await fixtureImage(engine)), options);
    await RawSession.open(bridge.url, 'good');
    const { instance } = await bridge.status();
    const [container] = await listContainers(engine, 'io.gangway.instance', instance);
    const file = `${folder.path}/servers.yaml`;
    const text = await gangway(['ps', '--config', file, '--engine', engine]);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^NAME +SERVER +STATE +AGE +OWNER/);
    expect(text.stdout).toMatch(new RegExp(`^${container!.name} +good +running +\\d+s +process ${bridge.pid}$`, 'm'));
    const json = await gangway(['ps', '--config', file, '--engine', engine, '--json']);
    expect(JSON.parse(json.stdout)).toContainEqual(
      expect.objectContaining({ name: container!.name, server: 'good', owner: `process ${bridge.pid}` }),
    );
  });

  it('check tries each server in a container of its own and leaves none', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, config(await fixtureImage(engine)));
    const env = { GANGWAY_INSTANCE: `test-check-${process.pid}-${engine}` };
    const { code, stdout } = await gangway(['check', '--config', file, '--engine', engine], { env });
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`✓ good: well-behaved 1\\.0\\.0, 12 tools, \\d+ ms on ${engine}`));
    expect(stdout).toMatch(/✓ stubborn/);
    expect(stdout).toMatch(/✗ broken: .*exit code 3[^]*fatal: no database/);
    expect(await listContainers(engine, 'io.gangway.instance', env.GANGWAY_INSTANCE)).toEqual([]);
  });

  it('call calls a tool in a container and leaves none', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, config(await fixtureImage(engine)));
    const env = { GANGWAY_INSTANCE: `test-call-${process.pid}-${engine}` };
    const call = ['call', 'good', 'echo', '{"text":"hello"}', '--config', file, '--engine', engine];
    expect(await gangway(call, { env })).toEqual({ code: 0, stdout: 'hello', stderr: '' });
    expect(await listContainers(engine, 'io.gangway.instance', env.GANGWAY_INSTANCE)).toEqual([]);
  });

  it('logs prints what containers wrote, top shows them, recycle replaces the warm ones', async () => {
    const { servers } = config(await fixtureImage(engine)) as { servers: Record<string, object> };
    servers['good'] = { ...servers['good'], pool: { warm: 1 } };
    await using bridge = await serve({ defaults: uncounted, servers }, { args: ['--engine', engine] });
    const address = ['--host', '127.0.0.1', '--port', new URL(bridge.url).port];
    const isWarm = async (): Promise<boolean> => (await bridge.status()).servers['good']?.pool.warm === 1;
    await until('a warm container', isWarm, { limitMs: 60_000 });

    await post(`${bridge.url}/broken/mcp`, initialize());
    const logs = await gangway(['logs', 'broken', ...address]);
    expect(logs.stdout).toMatch(
      /^gangway-broken-\w+ \| fatal: no database\ngangway-broken-\w+ \* ended with exit code 3$/m,
    );

    const top = await gangway(['top', ...address]);
    expect(top.stdout).toMatch(new RegExp(`^Gangway .* · ${engine} .* · ready$`, 'm'));
    expect(top.stdout).toMatch(/^good +session +0 +1 +0 +0 /m);

    const { instance } = await bridge.status();
    const names = async (): Promise<string[]> => (await containersOf(engine, instance)).map(({ name }) => name);
    const before = await names();
    expect((await gangway(['recycle', 'good', ...address])).code).toBe(0);
    await until('another one', async () => {
      const now = await names();
      return (await isWarm()) && now.length === 1 && now[0] !== before[0];
    });
  });

  it('a container that floods stderr answers all the while, and its last words are kept', async () => {
    await using bridge = await serve(config(await fixtureImage(engine)), { args: ['--engine', engine] });
    const loud = await RawSession.open(bridge.url, 'loud');
    const state = { isOver: false };
    const flood = loud.call('flood', { megabytes: 20, kind: 'ansi' }).finally(() => (state.isOver = true));
    let calls = 0;
    while (!state.isOver) {
      expect(textOf((await loud.call('echo', { text: 'here' })).message?.result)).toBe('here');
      calls += 1;
    }
    expect(textOf((await flood).message?.result)).toBe('flooded');
    expect(calls).toBeGreaterThan(1);
    const died = await loud.call('crash', { lines: 50 });
    expect(died.message?.error?.data?.gangway).toMatchObject({ reason: 'UPSTREAM_EXITED', exitCode: 7 });
    const path = '/admin/logs/loud?lines=2';
    const ended = await until('its end', async () => {
      const { containers } = (await (await fetch(bridge.url + path)).json()) as { containers: { state: string }[] };
      return containers.find(({ state: how }) => how === 'ended');
    });
    expect(ended).toMatchObject({ exitCode: 7, lines: ['last words 49', 'last words 50'] });
  });

  it('serve, told to end, leaves no container, stubborn or warm', async () => {
    const servers = config(await fixtureImage(engine)) as { servers: Record<string, object> };
    servers.servers['good'] = { ...servers.servers['good'], pool: { warm: 2 } };
    await using bridge = await serve(servers, { args: ['--engine', engine] });
    const { instance } = await bridge.status();
    await RawSession.open(bridge.url, 'stubborn');
    await until(
      'three containers',
      async () => (await listContainers(engine, 'io.gangway.instance', instance)).length === 3,
    );
    expect(await bridge.stop()).toBe(0);
    expect(await listContainers(engine, 'io.gangway.instance', instance)).toEqual([]);
  });
});
