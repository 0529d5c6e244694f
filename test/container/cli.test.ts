import { expect, it, jest } from '@jest/globals';
import { fixtureImage, listContainers } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { RawSession } from '../support/mcp-client.ts';
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
