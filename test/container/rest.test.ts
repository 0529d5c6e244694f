import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { containersOf, uncounted } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const example = parse(readFileSync(new URL('../../examples/brave-search.yaml', import.meta.url), 'utf8')) as {
  readonly servers: object;
};

describeEachEngine('Plain REST, on images of the catalogue,', (engine) => {
  let bridge: Program;

  beforeAll(async () => {
    const everything = { image: 'docker.io/mcp/everything', pool: { warm: 0, acquireTimeout: '60s' } };
    const servers = { ...example.servers, everything };
    const defaults = { startTimeout: '60s', pull: 'never', ...uncounted };
    const env = { BRAVE_API_KEY: 'no-real-key' };
    bridge = await serve({ defaults, servers }, { args: ['--engine', engine], env });
    await bridge.waitForLine(/✓ brave-search is ready/, 60_000);
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  async function post(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(bridge.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  it('examples/brave-search.yaml has three containers with half a CPU each', async () => {
    await until('three to serve', async () => (await bridge.status()).servers['brave-search']?.pool.ready === 3, { limitMs: 60_000 }); // prettier-ignore
    expect((await bridge.status()).servers['brave-search']?.sandbox['cpus']).toBe(0.5);
  });

  it('brave-search lists its tools, and is called in the form of the tutorial', async () => {
    const { tools } = (await (await fetch(`${bridge.url}/brave-search/tools`)).json()) as { tools: { name: string }[] };
    expect(tools).toContainEqual(
      expect.objectContaining({ name: 'brave_web_search', input_schema: expect.objectContaining({ type: 'object' }) }),
    );
    const answer = await post('/brave-search/call', { tool_name: 'brave_web_search', tool_args: { query: 'mcp' } });
    // No such key, and perhaps no network: whatever the server says about it arrives.
    expect(answer).toMatchObject({ status: 200, body: { result: { isError: true } } });
  });

  it('brave-search gets no arguments that its schema does not allow, and says itself why it failed', async () => {
    expect(await post('/brave-search/tools/brave_web_search', {})).toMatchObject({
      ...{ status: 400, body: { code: 'ARGUMENTS_INVALID', pointer: '/query' } },
    });
    expect(await post('/brave-search/tools/brave_web_search', { query: 'mcp' })).toMatchObject({
      ...{ status: 422, body: { code: 'TOOL_FAILED', result: { content: [{ type: 'text' }] } } },
    });
  });

  it('everything, not shared, adds two numbers in a container of its own, which is gone afterwards', async () => {
    const { status, body } = await post('/everything/tools/get-sum', { a: 40, b: 2 });
    expect([status, JSON.stringify(body)]).toEqual([200, expect.stringContaining('42')]);
    const { instance } = await bridge.status();
    await until('its container to be gone', async () => {
      const all = await containersOf(engine, instance);
      return !all.some(({ name }) => name.startsWith('gangway-everything-'));
    });
  });
});
