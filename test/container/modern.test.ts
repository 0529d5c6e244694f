import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { containersOf } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { textOf, type Answer } from '../support/mcp-client.ts';
import { askable, ModernClient, modernRevision } from '../support/modern-client.ts';
import { serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const here = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
// `npm ci --prefix test/clients --ignore-scripts` installs it; test/clients/clients.test.ts fails where it is wanted.
const itWithClients = existsSync(here('../clients/node_modules')) ? it : it.skip;

const ask = 'trigger-elicitation-request';
const named = { action: 'accept', content: { name: 'Ada' } };

describeEachEngine('A legacy image, on 2026-07-28', (engine) => {
  let bridge: Program;
  let everything: ModernClient;

  beforeAll(async () => {
    const common = { network: 'none', pull: 'never', startTimeout: '60s' };
    const image = { ...common, image: 'docker.io/mcp/everything' };
    const pool = { acquireTimeout: '60s' };
    const alone = { ...image, modern: 'per-call', pool: { ...pool, warm: 0, max: 2 } };
    const servers = {
      everything: { ...image, sharing: 'shared', pool: { ...pool, max: 2 } },
      memory: { ...common, image: 'docker.io/mcp/memory', sharing: 'shared', pool: { ...pool, max: 2 } },
      session: { ...image, sharing: 'session', pool: { ...pool, warm: 0 } },
      alone,
      hasty: { ...alone, inputTimeout: '1s' },
    };
    bridge = await serve({ servers }, { args: ['--engine', engine] });
    await until('what runs to be known', async () => {
      const { everything: one, memory: two } = (await status()).servers;
      return [one, two].every((server) => server?.modern.way === 'translate' && server.pool.ready === 1);
    }, { limitMs: 60_000 }); // prettier-ignore
    everything = new ModernClient(bridge.url, 'everything', askable);
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  async function status(): Promise<Status> {
    return (await bridge.status()) as Status;
  }

  /** The containers of a server, as the engine lists them. */
  async function containers(server: string): Promise<string[]> {
    const all = await containersOf(engine, (await bridge.status()).instance);
    return all.map(({ name }) => name).filter((name) => name.startsWith(`gangway-${server}-`));
  }

  /** Waits until nothing of a request is left. */
  async function settled(server: string, count: number): Promise<void> {
    await until(
      `${count} containers of ${server}, and nothing under way`,
      async () => {
        const { callsInFlight, rounds, listening } = await status();
        return callsInFlight + rounds + listening === 0 && (await containers(server)).length === count;
      },
      { limitMs: 30_000, everyMs: 200 },
    );
  }

  it('that is shared says what it is, lists and is called without a session', async () => {
    const memory = new ModernClient(bridge.url, 'memory');
    const discovered = (await memory.request('server/discover')).message?.result;
    expect(discovered).toMatchObject({ resultType: 'complete', supportedVersions: [modernRevision] });
    const listed = (await memory.request('tools/list')).message?.result;
    expect(listed).toMatchObject({ resultType: 'complete', cacheScope: 'private' });
    const entity = { name: 'Ada', entityType: 'person', observations: ['counts'] };
    await memory.call('create_entities', { entities: [entity] });
    const found = await memory.call('search_nodes', { query: 'Ada' });
    expect(JSON.parse(textOf(found.message?.result))).toMatchObject({ entities: [entity] });
    expect(found.headers.get('mcp-session-id')).toBeNull();
    expect(await containers('memory')).toHaveLength(1);
  });

  it('that is shared asks the user and the model in the middle of a call', async () => {
    const user = await everything.round(ask, {}, named);
    expect(user.asked.message?.result?.['resultType']).toBe('input_required');
    expect(textsOf(user.done)).toContain('User inputs:\n- Name: Ada');
    const content = { type: 'text', text: 'from the model' };
    const prompt = { prompt: 'Hi' };
    const model = await everything.round('trigger-sampling-request', prompt, {
      role: 'assistant',
      model: 'm',
      content,
    });
    expect(model.asked.message?.result?.['resultType']).toBe('input_required');
    expect(textsOf(model.done).join()).toContain('from the model');
    await settled('everything', 1);
  });

  it('that is shared says that it needs a client that can be asked', async () => {
    const { status: code, message } = await new ModernClient(bridge.url, 'everything').call(ask);
    expect([code, message?.error?.code, message?.error?.data]).toEqual([
      400,
      -32_021,
      expect.objectContaining({ requiredCapabilities: { elicitation: {} } }),
    ]);
  });

  it('that is shared tells of progress, and serves on when its client goes', async () => {
    const params = { name: 'trigger-long-running-operation', arguments: { duration: 30, steps: 60 } };
    const stream = await everything.stream('tools/call', { ...params, _meta: { progressToken: 'p' } });
    await until('its first progress', () => stream.messages()[0]?.params?.['progressToken'] === 'p');
    stream.cut();
    await until('it to be over', async () => (await status()).callsInFlight === 0);
    expect(textOf((await everything.call('get-sum', { a: 40, b: 2 })).message?.result)).toContain('is 42');
    await settled('everything', 1);
  });

  it('that is shared acknowledges what a client listens to', async () => {
    const notifications = { toolsListChanged: true, resourceSubscriptions: ['test://one'] };
    const stream = await everything.stream('subscriptions/listen', { notifications }, { id: 'mine' });
    const [first] = await until('the acknowledgement', () => stream.messages().length > 0 && stream.messages());
    expect(first).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: {
        notifications: { toolsListChanged: true },
        _meta: { 'io.modelcontextprotocol/subscriptionId': 'mine' },
      },
    });
    expect((await status()).listening).toBe(1);
    stream.cut();
    await settled('everything', 1);
  });

  itWithClients('that is shared works with a client of SDK 2.x as it is', async () => {
    const args = [here('../clients/modern-everything.mjs'), `${bridge.url}/everything/mcp`];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
    expect(JSON.parse(stdout)).toMatchObject({
      revision: modernRevision,
      sum: expect.stringContaining('is 42') as unknown,
      asked: [expect.any(String)],
      answers: expect.arrayContaining(['User inputs:\n- Name: Ada']) as unknown,
    });
    await settled('everything', 1);
  });

  it('that has sessions sends a client back to these at once, without a container', async () => {
    const client = new ModernClient(bridge.url, 'session');
    const refusal = async (): Promise<unknown[]> => {
      const { status: code, message } = await client.request('server/discover');
      return [code, message?.error?.data?.gangway?.reason];
    };
    // The first one may have to find it out.
    expect(await refusal()).toEqual([400, 'LEGACY_ONLY']);
    await settled('session', 0);
    const before = (await status()).servers['session']?.pool.starts;
    const answers = await Promise.all([refusal(), refusal(), refusal()]);
    expect(answers).toEqual(Array.from({ length: 3 }, () => [400, 'LEGACY_ONLY']));
    expect(await containers('session')).toEqual([]);
    expect([before, (await status()).servers['session']?.pool.starts]).toEqual([0, 0]);
  });

  it('that has a container for each call has none before, and none after', async () => {
    expect(await containers('alone')).toEqual([]);
    const client = new ModernClient(bridge.url, 'alone');
    expect(textOf((await client.call('get-sum', { a: 40, b: 2 })).message?.result)).toContain('is 42');
    await settled('alone', 0);
  });

  it('that has a container for each call keeps it until its client is back', async () => {
    const client = new ModernClient(bridge.url, 'alone', askable);
    const asked = await client.call(ask);
    expect((await status()).rounds).toBe(1);
    const kept = await containers('alone');
    expect(kept).toHaveLength(1);
    expect(textsOf(await client.answer(asked, ask, {}, named))).toContain('User inputs:\n- Name: Ada');
    await settled('alone', 0);
  });

  it('that has a container for each call ends it when its client does not come back in time', async () => {
    const client = new ModernClient(bridge.url, 'hasty', askable);
    const asked = await client.call(ask);
    expect(asked.message?.result?.['resultType']).toBe('input_required');
    await settled('hasty', 0);
    const { message } = await client.answer(asked, ask, {}, named);
    expect([message?.error?.code, message?.error?.data?.gangway?.reason]).toEqual([-32_602, 'ROUND_UNKNOWN']);
    expect(await containers('hasty')).toEqual([]);
  });
});

type Status = Awaited<ReturnType<Program['status']>> & {
  readonly rounds: number;
  readonly listening: number;
  readonly servers: Readonly<Record<string, { readonly modern: { readonly way: string | null } }>>;
};

function textsOf({ message }: Answer): (string | undefined)[] {
  const { content } = message?.result as { readonly content: readonly { readonly text?: string }[] };
  return content.map(({ text }) => text);
}
