import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { documentOf, operation } from '../support/app-rig.ts';
import { answering, httpApp } from '../support/http-app.ts';
import { connect } from '../support/mcp-client.ts';
import { gangway, serve, type Program } from '../support/program.ts';

// The machine may have much else to do.
jest.setTimeout(30_000);

const examples = fileURLToPath(new URL('../../examples/http-apps/', import.meta.url));
const file = `${examples}servers.yaml`;
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const apps: ChildProcess[] = [];
const env: Record<string, string> = {};

/** One of the example's apps, on a free port. */
async function start(name: string): Promise<string> {
  const child = spawn(process.execPath, [`${examples}${name}.mjs`, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  apps.push(child);
  for await (const line of createInterface(child.stdout)) return line.split(' ').at(-1) ?? '';
  throw new Error(`${name} did not start`);
}

beforeAll(async () => {
  env['CLASSIFIER_URL'] = await start('classifier');
  env['TRANSLATOR_URL'] = await start('translator');
});

afterAll(() => {
  for (const app of apps) app.kill();
});

describe('The example of HTTP apps', () => {
  it('passes its check', async () => {
    const { code, stdout } = await gangway(['check', '--config', file], { env });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/✓ classifier: classifier 1\.0\.0, 2 tools, \d+ ms$/m)]);
  });

  it('has tools and calls them', async () => {
    const listed = await gangway(['tools', 'classifier', '--config', file], { env });
    expect(listed.stdout).toMatch(/^classify +Says what is on an image\.\nclassify_url /);
    const arguments_ = JSON.stringify({ to: 'de', body: 'Good morning, world' });
    const called = await gangway(['call', 'translator', 'translate', arguments_, '--config', file], { env });
    expect([called.code, called.stdout]).toEqual([0, 'guten Morgen, Welt']);
  });

  it('serves many clients over Streamable HTTP, and shows it in the status', async () => {
    const yaml = readFileSync(file, 'utf8').replaceAll('document: ./', `document: ${examples}`);
    await using bridge = await serve(yaml, { env });
    await using one = await connect(bridge.url, 'classifier');
    await using two = await connect(bridge.url, 'translator-by-hand');
    const result = await one.client.callTool({ name: 'classify', arguments: { body: pixel } });
    expect(result).toMatchObject({
      structuredContent: { format: 'png', labels: [{ label: 'night' }, { label: 'day' }] },
    });
    const failed = await one.client.callTool({ name: 'classify', arguments: { body: 'AAAA' } });
    expect(failed).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('415 Unsupported Media Type') }],
    });
    expect(
      await two.client.callTool({ name: 'translate', arguments: { text: 'hello world', to: 'fr' } }),
    ).toMatchObject({
      content: [{ type: 'text', text: 'bonjour monde' }],
    });
    const { classifier } = (await bridge.status()).servers;
    expect(classifier).toMatchObject({
      ...{ source: 'app', sessions: 1, callsInFlight: 0 },
      app: { baseUrl: `${env['CLASSIFIER_URL'] ?? ''}/`, tools: 2, ongoing: 0, waiting: 0, calls: 2, failedCalls: 1 },
    });
    expect(classifier).not.toHaveProperty('pool');
  });
});

describe('An app that cannot be used', () => {
  it('is switched off with the reason, and the others run', async () => {
    await using app = await httpApp(answering(200, 'text/plain', 'ok'));
    const good = JSON.stringify(documentOf({ '/x': { get: operation() } }));
    const deep = `${good.slice(0, -1)},"x-deep":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    await using files = await httpApp((response, { url }) => {
      response.end(url === '/good.json' ? good : url === '/deep.json' ? deep : '{"openapi":"3.1.0","paths":{}}');
    });
    const servers = {
      good: { openapi: { document: `${files.url}/good.json`, baseUrl: app.url } },
      bad: { openapi: `${files.url}/bad.json` },
      deep: { openapi: `${files.url}/deep.json` },
      gone: { openapi: './gone.yaml' },
    };
    await using bridge = await serve({ servers });
    await bridge.waitForLine(/✓ good is ready/);
    await bridge.waitForLine(/✗ bad: /);
    await bridge.waitForLine(/✗ deep: .*\/deep\.json: it is nested too deep$/);
    const { bad, gone } = (await bridge.status()).servers;
    expect([bad?.disabled, gone?.disabled]).toEqual([
      expect.stringMatching(/\/bad\.json: it is not valid: it must have required property 'info'$/),
      'the OpenAPI document ./gone.yaml cannot be read (ENOENT)',
    ]);
    expect(await refusal(bridge, 'bad')).toMatchObject({ status: 503, reason: 'SERVER_DISABLED' });
    await using client = await connect(bridge.url, 'good');
    expect(await client.client.callTool({ name: 'get_x', arguments: {} })).toMatchObject({ content: [{ text: 'ok' }] });
  });
});

async function refusal(bridge: Program, name: string): Promise<object> {
  const response = await fetch(`${bridge.url}/${name}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
    }),
  });
  const { error } = (await response.json()) as { error: { data: { gangway: { reason: string } } } };
  return { status: response.status, reason: error.data.gangway.reason };
}
