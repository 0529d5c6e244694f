import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { openStream } from '../support/event-stream.ts';
import { initialize, post, RawSession, textOf } from '../support/mcp-client.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { hold, poolOf, resultOf, told } from '../support/together.ts';
import { until } from '../support/until.ts';

jest.setTimeout(20_000);

let bridge: Program;

beforeAll(async () => {
  const shared = (name: string, pool = {}) => ({
    command: fixture(name),
    sharing: 'shared',
    pool: { max: 1, ...pool },
  });
  const servers = {
    one: shared('together'),
    silent: { ...shared('silent'), startTimeout: '1s' },
  };
  bridge = await serve({ servers }, { args: ['--allow-process'] });
  await bridge.waitForLine(/✓ one is ready/);
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

const sessions: RawSession[] = [];

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.delete()));
  await until('nothing to be under way', async () => (await poolOf(bridge, 'one')).ongoing === 0);
});

async function open(server = 'one', capabilities: object = {}, version?: string): Promise<RawSession> {
  const session = await RawSession.open(bridge.url, server, capabilities, version);
  sessions.push(session);
  return session;
}

describe('Clients of a shared server', () => {
  it('have one process together', async () => {
    const [a, b, c] = await Promise.all([open(), open(), open()]);
    const pids = await Promise.all([a, b, c].map(async (session) => resultOf(await session.call('pid'))));
    expect(new Set(pids).size).toBe(1);
    expect(await poolOf(bridge, 'one')).toMatchObject({ ready: 1, starts: 1 });
  });

  it('never get each other’s answers, with the same ids at the same time', async () => {
    const all = await Promise.all([open(), open(), open(), open()]);
    const ids = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? i : String(i)));
    const calls = all.flatMap((session, who) =>
      ids.map(async (id) => {
        const { message } = await session.call('echo', { text: `${who} ${id}` }, { id });
        return [message?.id, textOf(message?.result)];
      }),
    );
    expect(await Promise.all(calls)).toEqual(all.flatMap((_, who) => ids.map((id) => [id, `${who} ${id}`])));
  });

  it('get the progress of their own calls, under their own tokens, which are the same', async () => {
    const [a, b] = await Promise.all([open(), open()]);
    const streams = [await hold(a, 1), await hold(b, 1), await hold(a, '1'), await hold(b, '1')];
    await a.call('release');
    expect(await Promise.all(streams.map(({ ended }) => ended))).toEqual(streams.map(() => 'in order'));
    const tokens = streams.map((stream) => stream.messages().map(({ id, params }) => id ?? params?.['progressToken']));
    expect(tokens).toEqual([
      [1, 1],
      [1, 1],
      ['1', '1'],
      ['1', '1'],
    ]);
  });

  it('get the server’s own errors', async () => {
    const session = await open();
    const { message } = await session.call('no-such-tool', {}, { id: 'x' });
    expect(message).toEqual({ jsonrpc: '2.0', id: 'x', error: { code: -32602, message: 'unknown tool no-such-tool' } });
  });
});

describe('initialize on a shared server', () => {
  it.each(['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'])(
    'is answered in the revision of its client: %s',
    async (version) => {
      const session = await open('one', {}, version);
      expect(session.opened.message?.result).toEqual({
        protocolVersion: version,
        capabilities: {
          ...{ tools: { listChanged: true }, logging: {}, prompts: { listChanged: true } },
          resources: { subscribe: true, listChanged: true },
        },
        serverInfo: { name: 'together', version: '1.0.0' },
      });
      expect(resultOf(await session.call('echo', { text: version }))).toBe(version);
    },
  );

  it('is answered in the server’s own revision for a client of one that nobody knows', async () => {
    const { message } = await post(`${bridge.url}/one/mcp`, initialize('first', {}, '2199-01-01'));
    expect([message?.id, message?.result?.['protocolVersion']]).toEqual(['first', '2025-11-25']);
  });

  it('is refused while no process answers it, with the reason', async () => {
    const { status, message } = await post(`${bridge.url}/silent/mcp`, initialize('first'));
    const { code, data } = message?.error ?? {};
    expect([status, message?.id, code, data?.gangway?.reason]).toEqual([504, 'first', -32603, 'READY_TIMEOUT']);
  });
});

describe('What a shared server says to all', () => {
  it.each(['tools', 'prompts', 'resources'])(
    'reaches all, without a word of what any of them said: %s',
    async (list) => {
      const [a, b, c] = await Promise.all([open(), open(), open()]);
      const streams = await Promise.all([a, b].map((session) => openStream(session.url, session.headers)));
      await c.call('change', { list, params: { _meta: { secret: 'of c' } } });
      await until('all to hear of it', () => streams.every((stream) => stream.messages().length > 0));
      const wanted = { jsonrpc: '2.0', method: `notifications/${list}/list_changed` };
      expect(streams.map((stream) => stream.messages())).toEqual([[wanted], [wanted]]);
    },
  );

  it('about a resource reaches those who watch it, until they do not', async () => {
    const [a, b, c] = await Promise.all([open(), open(), open()]);
    const streams = await Promise.all([a, b, c].map((session) => openStream(session.url, session.headers)));
    const uris = (): unknown[] => streams.map((stream) => stream.messages().map(({ params }) => params?.['uri']));
    const heard = (counts: number[]): Promise<boolean> =>
      until('those who watch to hear of it', () => counts.every((count, i) => streams[i]!.messages().length === count));
    const [uri, other] = ['test://one', 'test://other'];
    expect((await a.request('resources/subscribe', { uri })).message?.result).toEqual({});
    expect((await b.request('resources/subscribe', { uri })).message?.result).toEqual({});
    await b.request('resources/subscribe', { uri: other });
    await c.call('touch', { uri });
    await heard([1, 1, 0]);
    expect((await a.request('resources/unsubscribe', { uri })).message?.result).toEqual({});
    await c.call('touch', { uri });
    await heard([1, 2, 0]);
    await b.request('resources/unsubscribe', { uri });
    await c.call('touch', { uri });
    await c.call('touch', { uri: other });
    await heard([1, 3, 0]);
    expect(uris()).toEqual([[uri], [uri, uri, other], []]);
    await b.request('resources/unsubscribe', { uri: other });
    expect((await told(c)).filter((each) => JSON.stringify(each).includes('unsubscribe'))).toEqual([
      ['unsubscribe', uri],
      ['unsubscribe', other],
    ]);
  });

  it('about a part of a resource reaches those who watch the whole', async () => {
    const [a, b] = await Promise.all([open(), open()]);
    const streams = await Promise.all([a, b].map((session) => openStream(session.url, session.headers)));
    await a.request('resources/subscribe', { uri: 'test://folder' });
    await b.request('resources/subscribe', { uri: 'test://fold' });
    const method = 'notifications/resources/updated';
    await b.call('say', { message: { method, params: { uri: 'test://folder/file', title: 'of b' } } });
    await b.call('say', { message: { method, params: { uri: 'test://fold' } } });
    await until('both to hear of something', () => streams.every((stream) => stream.messages().length > 0));
    expect(streams.map((stream) => stream.messages().map(({ params }) => params))).toEqual([
      [{ uri: 'test://folder/file' }],
      [{ uri: 'test://fold' }],
    ]);
  });

  it('in its log is as much as each of them asked for', async () => {
    const [a, b, c] = await Promise.all([open(), open(), open()]);
    expect((await a.request('logging/setLevel', { level: 'debug' })).message?.result).toEqual({});
    expect((await b.request('logging/setLevel', { level: 'error' })).message?.result).toEqual({});
    const lines = async (session: RawSession): Promise<unknown[]> => {
      const { messages } = await session.call('log', { mark: 'x' });
      return messages.flatMap(({ params }) => (params ? [params['data']] : []));
    };
    expect(await lines(a)).toEqual(['x debug', 'x info', 'x notice', 'x warning', 'x error']);
    expect(await lines(b)).toEqual(['x error']);
    expect(await lines(c)).toEqual(['x info', 'x notice', 'x warning', 'x error']);
    await a.delete();
    await until('the server to be told', async () => (await told(b)).at(-1)?.toString() === 'setLevel,error');
    expect(await lines(b)).toEqual(['x error']);
  });

  it('in its log goes to nobody when two have calls under way', async () => {
    const [a, b] = await Promise.all([open(), open()]);
    const { unexpectedMessages: before } = (await bridge.status()).servers['one']!;
    const stream = await hold(a);
    const { messages } = await b.call('log', { mark: 'of b' });
    await b.call('release');
    await stream.ended;
    expect([...messages, ...stream.messages()].filter(({ method }) => method === 'notifications/message')).toEqual([]);
    expect((await bridge.status()).servers['one']!.unexpectedMessages).toBeGreaterThan(before);
  });
});
