import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { connect, initialize, post, textOf } from '../support/mcp-client.ts';
import { npmOnly } from '../support/npm-only.ts';
import { serve, temporaryFolder, type Program } from '../support/program.ts';

jest.setTimeout(180_000);

const everything = 'npm:@modelcontextprotocol/server-everything@2026.8.31';
let folder: ReturnType<typeof temporaryFolder>;

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(() => {
  folder[Symbol.dispose]();
});

const start = (servers: object): Promise<Program> =>
  serve({ servers }, { args: ['--allow-process'], env: { PATH: npmOnly(folder.path), XDG_CACHE_HOME: folder.path } });
const installed = (): string[] => readdirSync(path.join(folder.path, 'gangway/packages'));
const reasonOf = async (bridge: Program, server: string): Promise<string | undefined> =>
  (await post(`${bridge.url}/${server}/mcp`, initialize())).message?.error?.data?.gangway?.reason;

describe('A package without an engine, with --allow-process,', () => {
  it('is a plain process, installed once, and shown as not sandboxed', async () => {
    const servers = { everything: { package: everything, startTimeout: '120s' } };
    const wereInstalled: boolean[] = [];
    for (let round = 0; round < 2; round++) {
      await using bridge = await start(servers);
      await bridge.waitForLine(/✓ everything is ready/, 120_000);
      await using connected = await connect(bridge.url, 'everything');
      const call = { name: 'get-sum', arguments: { a: 40, b: 2 } };
      expect(textOf(await connected.client.callTool(call))).toContain('42');
      wereInstalled.push(bridge.stderr.some((line) => line.includes(`installing ${everything}`)));
      expect((await bridge.status()).servers['everything']?.sandbox).toEqual({ level: 'none' });
    }
    expect(wereInstalled).toEqual([true, false]);
    expect(installed()).toEqual([expect.stringMatching(/^npm-modelcontextprotocol-server-everything-[0-9a-f]{12}$/)]);
  });

  it('that is not there is BUILD_FAILED; one that asks for a sandbox waits for an engine', async () => {
    const unknown = 'npm:@modelcontextprotocol/server-everything@0.0.1';
    await using bridge = await start({
      unknown: { package: unknown },
      confined: { package: everything, network: 'none' },
    });
    await bridge.waitForLine(/✗ unknown: .*the registry does not have this version of it/, 60_000);
    expect([await reasonOf(bridge, 'unknown'), await reasonOf(bridge, 'confined')]).toEqual([
      'BUILD_FAILED',
      'ENGINE_UNAVAILABLE',
    ]);
  });
});
