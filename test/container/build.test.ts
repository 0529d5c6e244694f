import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, jest } from '@jest/globals';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { containersOf, imageOf, imagesBuiltFrom, removeImage } from '../support/containers.ts';
import { connect, initialize, post, textOf } from '../support/mcp-client.ts';
import { gangway, serve, temporaryFolder } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const servers = fileURLToPath(new URL('../fixtures/servers/', import.meta.url));
const base = 'FROM docker.io/library/node:22-bookworm-slim\n';

describeEachEngine('build:', (engine) => {
  it('serves the folder of a Containerfile, and says why it cannot', async () => {
    using folder = temporaryFolder();
    const make = (name: string, containerfile?: string): void => {
      const context = path.join(folder.path, name);
      mkdirSync(context);
      for (const file of ['mcp.mjs', 'well-behaved.mjs']) copyFileSync(`${servers}${file}`, path.join(context, file));
      if (containerfile !== undefined) writeFileSync(path.join(context, 'Containerfile'), containerfile);
    };
    make('gangway-test-good', `${base}COPY *.mjs /app/\nENTRYPOINT ["node", "/app/well-behaved.mjs"]\n`);
    make('gangway-test-wrong', `${base}COPY no-such-file /app/\n`);
    make('gangway-test-empty');
    const server = (name: string): object => ({ build: `./${name}`, network: 'none', startTimeout: '60s' });
    const config = {
      servers: {
        good: server('gangway-test-good'),
        wrong: server('gangway-test-wrong'),
        empty: server('gangway-test-empty'),
      },
    };
    try {
      await using bridge = await serve(config, { args: ['--engine', engine], folder: folder.path });
      await bridge.waitForLine(/✓ good is ready/, 60_000);
      await using connected = await connect(bridge.url, 'good');
      const call = { name: 'echo', arguments: { text: 'built' } };
      expect(textOf(await connected.client.callTool(call))).toBe('built');

      for (const [name, why] of [
        ['wrong', /the builder failed, the log has its output$/],
        ['empty', /no Containerfile or Dockerfile/],
      ] as const) {
        const refused = await post(`${bridge.url}/${name}/mcp`, initialize());
        expect(refused.status).toBe(502);
        expect(refused.message?.error?.data?.gangway?.reason).toBe('BUILD_FAILED');
        expect(refused.message?.error?.message).toMatch(why);
      }
      // The builder's own words are for the operator.
      await bridge.waitForLine(/no-such-file/);
    } finally {
      for (const image of await imagesBuiltFrom(engine, 'gangway-test-')) await removeImage(engine, image);
    }
  });

  it('builds a folder that has changed on recycle and on SIGHUP, and goes on with what there was when it cannot', async () => {
    using folder = temporaryFolder();
    const name = `gangway-test-changing-${process.pid}`;
    const context = path.join(folder.path, name);
    mkdirSync(context);
    for (const file of ['mcp.mjs', 'well-behaved.mjs']) copyFileSync(`${servers}${file}`, path.join(context, file));
    const write = (line: string): void => {
      const text = `${base}COPY *.mjs /app/\n${line}\nENTRYPOINT ["node", "/app/well-behaved.mjs"]\n`;
      writeFileSync(path.join(context, 'Containerfile'), text);
    };
    write('ENV VERSION=1');
    // No other container than the one that is looked at.
    const changing = { build: `./${name}`, network: 'none', startTimeout: '60s', modern: 'fallback' };
    try {
      await using bridge = await serve({ servers: { changing } }, { args: ['--engine', engine], folder: folder.path });
      await bridge.waitForLine(/✓ changing is ready/, 60_000);
      const { instance } = await bridge.status();
      const image = async (): Promise<string | undefined> => {
        const [container, ...others] = await containersOf(engine, instance);
        return container && others.length === 0 ? imageOf(engine, container.name) : undefined;
      };
      const another = (than: string): Promise<string> =>
        until(
          'a container of another image',
          async () => {
            const now = await image();
            return now !== than && now;
          },
          { limitMs: 60_000, everyMs: 200 },
        );
      const first = (await image()) ?? '';
      expect(first).toMatch(new RegExp(`^localhost/gangway/${name}:`));

      write('ENV VERSION=2');
      const [host, port] = [...new URL(bridge.url).host.split(':')] as [string, string];
      await gangway(['recycle', 'changing', '--host', host, '--port', port]);
      const second = await another(first);

      write('ENV VERSION=3');
      bridge.signal('SIGHUP');
      const third = await another(second);

      write('COPY no-such-file /app/');
      bridge.signal('SIGHUP');
      await bridge.waitForLine(/goes on with the image that there was/, 60_000);
      await using connected = await connect(bridge.url, 'changing');
      const call = { name: 'echo', arguments: { text: 'still here' } };
      expect(textOf(await connected.client.callTool(call))).toBe('still here');
      expect(new Set([first, second, third]).size).toBe(3);
    } finally {
      for (const image of await imagesBuiltFrom(engine, name)) await removeImage(engine, image);
    }
  });
});
