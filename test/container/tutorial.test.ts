import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { publishedAt, removeContainers } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { connect, textOf } from '../support/mcp-client.ts';
import { serve, temporaryFolder, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

// Files that are shipped, unchanged. docs/from-ray-serve.md names the tests of the tutorial's other parts.
jest.setTimeout(containerTestMs);

const root = fileURLToPath(new URL('../../', import.meta.url));

describeEachEngine('examples/http-apps/servers.yaml, its apps in containers,', (engine) => {
  const apps = ['classifier', 'translator'] as const;
  const nameOf = (app: string): string => `gangway-test-${app}-${process.pid}`;
  let folder: ReturnType<typeof temporaryFolder>;
  let bridge: Program;

  beforeAll(async () => {
    folder = temporaryFolder();
    const [classifier, translator] = await Promise.all(apps.map((app) => startApp(app)));
    const env = { CLASSIFIER_URL: classifier, TRANSLATOR_URL: translator };
    cpSync(`${root}examples/http-apps`, folder.path, { recursive: true });
    const yaml = readFileSync(`${folder.path}/servers.yaml`, 'utf8');
    bridge = await serve(yaml, { args: ['--engine', engine], env, folder: folder.path });
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
    await removeContainers(engine, apps.map(nameOf));
    folder[Symbol.dispose]();
  });

  /** As it is, with a port of its own on this machine. @returns its address */
  async function startApp(app: string): Promise<string> {
    const options = ['-i', '--rm', '--name', nameOf(app), '-p', '127.0.0.1::9000', '-e', 'HOST=0.0.0.0'];
    const program = ['docker.io/library/node:22-bookworm-slim', 'node', '--input-type=module', '-', '9000'];
    const child = spawn(engine, ['run', ...options, ...program], { stdio: ['pipe', 'pipe', 'inherit'] });
    createReadStream(`${root}examples/http-apps/${app}.mjs`).pipe(child.stdin);
    await once(createInterface(child.stdout), 'line');
    return `http://${await publishedAt(engine, nameOf(app), 9000)}`;
  }

  it('classifies the image at an address', async () => {
    await using connected = await connect(bridge.url, 'classifier');
    const call = { name: 'classify_url', arguments: { url: 'https://images.example/pixel.png' } };
    expect(await connected.client.callTool(call)).toMatchObject({
      structuredContent: { format: 'png', labels: [{ label: 'night' }, { label: 'day' }] },
    });
  });

  it.each(['translator', 'translator-by-hand'])('translates a text: %s', async (server) => {
    await using connected = await connect(bridge.url, server);
    const text = server === 'translator' ? 'body' : 'text';
    const call = { name: 'translate', arguments: { [text]: 'Good morning, world', to: 'de' } };
    expect(textOf(await connected.client.callTool(call))).toBe('guten Morgen, Welt');
  });
});

describeEachEngine('The shipped servers.yaml', (engine) => {
  let bridge: Program;

  beforeAll(async () => {
    const yaml = readFileSync(`${root}servers.yaml`, 'utf8');
    bridge = await serve(yaml, { args: ['--engine', engine], env: { BRAVE_API_KEY: 'no-real-key' } });
    for (const name of ['brave-search', 'fetch']) {
      await bridge.waitForLine(new RegExp(`^✓ ${name} is ready`), 100_000);
    }
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  async function toolsOf(server: string): Promise<string[]> {
    const response = await fetch(`${bridge.url}/${server}/tools`);
    const { tools } = (await response.json()) as { tools: { name: string; input_schema: object }[] };
    expect(tools.map(({ input_schema: schema }) => schema)).toEqual(tools.map(() => expect.any(Object) as unknown));
    return tools.map(({ name }) => name);
  }

  async function call(server: string, tool: string, args: object): Promise<{ isError?: boolean }> {
    const body = JSON.stringify({ tool_name: tool, tool_args: args });
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(`${bridge.url}/${server}/call`, { method: 'POST', headers, body });
    const { result } = (await response.json()) as { result: { isError?: boolean } };
    expect(response.status).toBe(200);
    return result;
  }

  it('has one container of Brave Search and two of Fetch, with a fifth of a CPU each', async () => {
    const states = async (): Promise<unknown[]> => {
      const { servers } = await bridge.status();
      return ['brave-search', 'fetch'].map((name) => [servers[name]?.pool.ready, servers[name]?.sandbox['cpus']]);
    };
    await until('three to serve', async () => JSON.stringify(await states()) === '[[1,0.2],[2,0.2]]', { limitMs: 60_000 }); // prettier-ignore
  });

  it('answers the client of the tutorial: the first tool of each, by its list', async () => {
    // No such key, and perhaps no network: whatever a server says about it arrives.
    const [search = ''] = await toolsOf('brave-search');
    const found = await call('brave-search', search, { query: 'best tacos in Los Angeles' });
    expect([found.isError, textOf(found)]).toEqual([true, expect.stringMatching(/\S/)]);
    const [page = ''] = await toolsOf('fetch');
    expect(textOf(await call('fetch', page, { url: 'https://example.com' }))).toMatch(/example/i);
  });

  it('lists the tools of all servers at one endpoint, and calls them there, each on its own server', async () => {
    await using connected = await connect(bridge.url, 'mcp');
    const { client } = connected;
    const listed = async (): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);
    const wanted = ['brave-search__', 'everything__', 'fetch__', 'memory__', 'time__'];
    const tools = await until(
      'the tools of all servers',
      async () => {
        const names = await listed();
        return wanted.every((prefix) => names.some((name) => name.startsWith(prefix))) && names;
      },
      { limitMs: 60_000 },
    );
    const sum = await client.callTool({ name: 'everything__get-sum', arguments: { a: 40, b: 2 } });
    const graph = await client.callTool({ name: 'memory__read_graph', arguments: {} });
    const fetchTool = tools.find((name) => name.startsWith('fetch__')) ?? '';
    const page = await client.callTool({ name: fetchTool, arguments: { url: 'http://127.0.0.1:9/' } });
    expect([textOf(sum), textOf(graph), page.isError]).toEqual([
      expect.stringContaining('42'),
      expect.stringContaining('entities'),
      true,
    ]);
    expect((await bridge.status()).servers).toMatchObject({ memory: { sessions: 0 }, everything: { sessions: 0 } });
  });
});
