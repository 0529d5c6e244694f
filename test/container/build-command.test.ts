import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, jest } from '@jest/globals';
import { hasImage, removeImage, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { connect, textOf } from '../support/mcp-client.ts';
import { gangway, serve, temporaryFolder, writeConfig } from '../support/program.ts';

jest.setTimeout(2 * containerTestMs);

const fixtures = fileURLToPath(new URL('../fixtures/servers/', import.meta.url));
/** A registry that the engines here may push to without a login, such as "127.0.0.1:5000". */
const registry = process.env['GANGWAY_TEST_REGISTRY'];
const itWithRegistry = registry === undefined ? it.skip : it;

/** A folder to build with an echo server in it, and a `servers.yaml` beside it. */
function makeServer(folder: string, containerfile: string): string {
  const context = path.join(folder, 'gangway-test-pushed');
  mkdirSync(context);
  for (const file of ['mcp.mjs', 'well-behaved.mjs']) copyFileSync(`${fixtures}${file}`, path.join(context, file));
  writeFileSync(path.join(context, 'Containerfile'), containerfile);
  return writeConfig(folder, {
    servers: { pushed: { build: './gangway-test-pushed' }, other: { image: 'docker.io/mcp/time' } },
  });
}

const good = [
  'FROM docker.io/library/node:22-bookworm-slim',
  'COPY *.mjs /app/',
  'ENTRYPOINT ["node", "/app/well-behaved.mjs"]',
  '',
].join('\n');

describeEachEngine('gangway build', (engine) => {
  const build = (file: string, ...args: string[]): ReturnType<typeof gangway> =>
    gangway(['build', ...args, '--config', file, '--engine', engine]);

  itWithRegistry('builds an image and pushes it; another machine can serve it', async () => {
    using folder = temporaryFolder();
    const file = makeServer(folder.path, good);
    const reference = `${registry}/gangway-test/pushed:${engine}-${process.pid}`;
    const { code, stdout, stderr } = await build(file, 'pushed', '--push', reference, '--json');
    expect([code, stderr]).toEqual([0, expect.stringMatching(/COPY \*\.mjs/)]);
    const built = JSON.parse(stdout) as { image: string; id: string };
    try {
      expect(built).toEqual({
        ...{ server: 'pushed', engine, pushed: reference },
        image: expect.stringMatching(/^localhost\/gangway\/gangway-test-pushed:[0-9a-f]{12}$/) as unknown,
        id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as unknown,
      });
      // As on a machine that has never seen it.
      await removeImage(engine, reference);
      await removeImage(engine, built.image);
      expect(await hasImage(engine, reference)).toBe(false);
      const servers = { pulled: { image: reference, network: 'none', startTimeout: '60s' } };
      await using bridge = await serve({ defaults: uncounted, servers }, { args: ['--engine', engine] });
      await bridge.waitForLine(/✓ pulled is ready/, containerTestMs);
      await using connected = await connect(bridge.url, 'pulled');
      const call = { name: 'echo', arguments: { text: 'from the registry' } };
      expect(textOf(await connected.client.callTool(call))).toBe('from the registry');
    } finally {
      for (const image of [reference, built.image]) await removeImage(engine, image);
    }
  });

  it('says in one line what it has built, and why it cannot push it', async () => {
    using folder = temporaryFolder();
    const file = makeServer(folder.path, `${good}LABEL test=${process.pid}\n`);
    const nowhere = '127.0.0.1:9/gangway-test/nowhere:1';
    const { code, stdout, stderr } = await build(file, 'pushed', '--push', nowhere);
    const image = /built (\S+) \(sha256:[0-9a-f]{12}\) on/.exec(stdout)?.[1] ?? '';
    try {
      expect(code).toBe(1);
      expect(stdout).toMatch(
        /^pushed: built localhost\/gangway\/gangway-test-pushed:[0-9a-f]{12} \(.*\) on (podman|docker)$/,
      );
      expect(stderr).toContain(`Cannot push "${nowhere}": the registry cannot be reached`);
    } finally {
      for (const each of [nowhere, image]) await removeImage(engine, each);
    }
  });

  it('ends with 1 and the builder’s own words when it cannot build', async () => {
    using folder = temporaryFolder();
    const file = makeServer(folder.path, 'FROM docker.io/library/node:22-bookworm-slim\nRUN echo because >&2; false\n');
    const { code, stderr } = await build(file, 'pushed');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/because[^]*Cannot build the server/)]);
  });

  it('ends with 2 for a server that has nothing to build', async () => {
    using folder = temporaryFolder();
    const file = makeServer(folder.path, good);
    const { code, stderr } = await build(file, 'other');
    expect([code, stderr]).toEqual([2, expect.stringContaining('wanted a server with build or package')]);
  });
});
