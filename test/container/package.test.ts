import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { containersOf, imagesBuiltFrom, imageUser, labelOf, removeImage, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { connect, initialize, post, textOf } from '../support/mcp-client.ts';
import { gangway, serve, temporaryFolder, writeConfig, type Program } from '../support/program.ts';

// It installs a hundred packages from the registry.
const installMs = 3 * containerTestMs;
jest.setTimeout(installMs + containerTestMs);

const everything = 'npm:@modelcontextprotocol/server-everything@2026.8.31';
const name = 'npm-modelcontextprotocol-server-everything';

describeEachEngine('package:', (engine) => {
  let bridge: Program;
  let before: string[];

  beforeAll(async () => {
    before = await imagesBuiltFrom(engine, 'npm-');
    const server = { network: 'none', startTimeout: '60s' };
    const servers = {
      everything: { ...server, package: everything },
      unknown: { ...server, package: 'npm:@modelcontextprotocol/server-everything@0.0.1' },
      other: { ...server, package: { npm: 'semver@7.8.1', bin: 'nothing' } },
      none: { ...server, package: 'npm:ms@2.1.3' },
    };
    bridge = await serve({ defaults: uncounted, servers }, { args: ['--engine', engine] });
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
    const built = (await imagesBuiltFrom(engine, 'npm-')).filter((image) => !before.includes(image));
    for (const image of built) await removeImage(engine, image);
  });

  it('serves a package of npm like any image', async () => {
    await bridge.waitForLine(/✓ everything is ready/, installMs);
    await using connected = await connect(bridge.url, 'everything');
    const call = { name: 'get-sum', arguments: { a: 40, b: 2 } };
    expect(textOf(await connected.client.callTool(call))).toContain('42');
    const [container] = await containersOf(engine, (await bridge.status()).instance);
    expect(await labelOf(engine, container!.name, 'io.gangway.built')).toBe('yes');
    const [image = ''] = await imagesBuiltFrom(engine, name);
    expect(await imageUser(engine, image)).toBe('1000:1000');
  });

  it.each([
    ['unknown', /: Cannot install npm:@modelcontextprotocol\/server-everything@0.0.1: the registry does not have this/],
    ['other', /: it has no program "nothing", wanted bin to be one of: semver$/],
    ['none', /: it has no program to start$/],
  ])('says why it cannot serve one, and serves the others: %s', async (wrong, why) => {
    expect(await bridge.waitForLine(new RegExp(`✗ ${wrong}`), installMs)).toMatch(why);
    const { message } = await post(`${bridge.url}/${wrong}/mcp`, initialize());
    // After five tries it is left alone for a while.
    expect(['BUILD_FAILED', 'CIRCUIT_OPEN']).toContain(message?.error?.data?.gangway?.reason);
  });

  it('is installed once: the next start takes the image that is there', async () => {
    using folder = temporaryFolder();
    const file = writeConfig(folder.path, { servers: { everything: { package: everything } } });
    const { code, stdout, stderr } = await gangway(['check', '--config', file, '--engine', engine]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/✓ everything: .* tools/)]);
    expect(stderr).not.toContain('building an image');
  });
});
