import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  type CreateMessageRequest,
  type Progress,
} from '@modelcontextprotocol/sdk/types.js';
import { containersOf } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { connect, textOf } from '../support/mcp-client.ts';
import { serve, temporaryFolder, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const pool = { warm: 0, acquireTimeout: '60s' };

describeEachEngine('Images of the catalogue', (engine) => {
  let folder: ReturnType<typeof temporaryFolder>;
  let shared: string;
  let bridge: Program;

  beforeAll(async () => {
    folder = temporaryFolder();
    shared = path.join(folder.path, 'shared');
    mkdirSync(shared);
    writeFileSync(path.join(shared, 'hello.txt'), 'hello from the host');
    const servers = {
      'brave-search': { image: 'docker.io/mcp/brave-search', env: { BRAVE_API_KEY: 'no-real-key' }, pool },
      everything: { image: 'docker.io/mcp/everything', pool },
      memory: { image: 'docker.io/mcp/memory', pool },
      time: { image: 'docker.io/mcp/time', network: 'none', pool },
      filesystem: {
        image: 'docker.io/mcp/filesystem',
        args: ['/projects'],
        mounts: [{ from: './shared', to: '/projects' }],
        pool,
      },
    };
    const defaults = { startTimeout: '60s' };
    bridge = await serve({ defaults, servers }, { args: ['--engine', engine], folder: folder.path });
    await bridge.waitForLine(/✓ filesystem is ready/, 60_000);
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  afterEach(async () => {
    const { instance } = await bridge.status();
    await until('every container to be gone', async () => (await containersOf(engine, instance)).length === 0);
  });

  it('brave-search: lists its tools and relays its own error from a search', async () => {
    await using connected = await connect(bridge.url, 'brave-search');
    expect(connected.client.getServerVersion()?.name).toContain('brave');
    const { tools } = await connected.client.listTools();
    expect(tools.map(({ name }) => name)).toContain('brave_web_search');
    const call = { name: 'brave_web_search', arguments: { query: 'model context protocol' } };
    // No such key, and perhaps no network: whatever the server says about it arrives.
    const result = await connected.client.callTool(call);
    expect(result.isError).toBe(true);
    expect(textOf(result)).toMatch(/\S/);
  });

  it('everything: lists its tools and adds two numbers', async () => {
    await using connected = await connect(bridge.url, 'everything');
    const { tools } = await connected.client.listTools();
    expect(tools.map(({ name }) => name)).toContain('get-sum');
    const result = await connected.client.callTool({ name: 'get-sum', arguments: { a: 40, b: 2 } });
    expect(textOf(result)).toContain('42');
  });

  it('everything: asks for a sample and tells what it got', async () => {
    const asked: CreateMessageRequest['params'][] = [];
    await using connected = await connect(bridge.url, 'everything', { sampling: {} }, (client) => {
      client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
        asked.push(params);
        return { role: 'assistant', model: 'test-model', content: { type: 'text', text: 'a sampled answer' } };
      });
    });
    const call = { name: 'trigger-sampling-request', arguments: { prompt: 'say something' } };
    await untilListed(connected, call.name);
    const result = textOf(await connected.client.callTool(call));
    expect(asked).toHaveLength(1);
    expect(JSON.stringify(asked[0]?.messages)).toContain('say something');
    expect(result).toContain('a sampled answer');
  });

  it('everything: asks its user a question and tells what it got', async () => {
    await using connected = await connect(bridge.url, 'everything', { elicitation: { form: {} } }, (client) => {
      client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada Lovelace' } }));
    });
    await untilListed(connected, 'trigger-elicitation-request');
    const result = await connected.client.callTool({ name: 'trigger-elicitation-request', arguments: {} });
    expect(JSON.stringify(result.content)).toContain('Ada Lovelace');
  });

  it('everything: reports every step of a long operation, the last one too', async () => {
    await using connected = await connect(bridge.url, 'everything');
    const seen: Progress[] = [];
    const call = { name: 'trigger-long-running-operation', arguments: { duration: 2, steps: 4 } };
    const result = await connected.client.callTool(call, undefined, { onprogress: (step) => seen.push(step) });
    expect(seen.map(({ progress, total }) => [progress, total])).toEqual([1, 2, 3, 4].map((step) => [step, 4]));
    expect(textOf(result)).toContain('completed');
  });

  it('memory: two clients never see each other’s graph', async () => {
    const open = () => connect(bridge.url, 'memory');
    const [one, two] = await Promise.all([open(), open()]);
    const remember = (name: string) => ({
      name: 'create_entities',
      arguments: { entities: [{ name, entityType: 'person', observations: [`${name} was here`] }] },
    });
    await Promise.all([one.client.callTool(remember('Alice')), two.client.callTool(remember('Bob'))]);
    const [graphOfOne, graphOfTwo] = await Promise.all(
      [one, two].map(async ({ client }) => textOf(await client.callTool({ name: 'read_graph', arguments: {} }))),
    );
    expect(graphOfOne).toContain('Alice');
    expect(graphOfOne).not.toContain('Bob');
    expect(graphOfTwo).toContain('Bob');
    expect(graphOfTwo).not.toContain('Alice');
    await Promise.all([one.close(), two.close()]);
    await using third = await connect(bridge.url, 'memory');
    const graph = textOf(await third.client.callTool({ name: 'read_graph', arguments: {} }));
    expect(graph).not.toMatch(/Alice|Bob/);
  });

  it('filesystem: reads and writes in the mounted folder and nowhere else', async () => {
    await using connected = await connect(bridge.url, 'filesystem');
    const { client } = connected;
    const read = await client.callTool({ name: 'read_text_file', arguments: { path: '/projects/hello.txt' } });
    expect(textOf(read)).toContain('hello from the host');
    const written = { path: '/projects/new.txt', content: 'from the container' };
    await client.callTool({ name: 'write_file', arguments: written });
    expect(readFileSync(path.join(shared, 'new.txt'), 'utf8')).toBe('from the container');
    expect(await client.callTool({ name: 'read_text_file', arguments: { path: '/etc/passwd' } })).toMatchObject({
      isError: true,
    });
  });

  it('time: tells the time, although it prints noise on stdout', async () => {
    await using connected = await connect(bridge.url, 'time');
    const { tools } = await connected.client.listTools();
    const tool = tools.find(({ name }) => name.includes('current_time'));
    const result = await connected.client.callTool({ name: tool!.name, arguments: { timezone: 'UTC' } });
    expect(textOf(result)).toContain(String(new Date().getUTCFullYear()));
  });
});

/** The server adds some of its tools only after the client's `initialized`. */
async function untilListed({ client }: Awaited<ReturnType<typeof connect>>, tool: string): Promise<void> {
  await until(`the tool ${tool}`, async () => (await client.listTools()).tools.some(({ name }) => name === tool));
}
