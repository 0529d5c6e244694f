import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { pinOf } from '../../src/relay/tool-view.ts';
import { answering, httpApp, type HttpApp } from '../support/http-app.ts';
import { textOf } from '../support/mcp-client.ts';
import { ModernClient, type ModernAnswer } from '../support/modern-http.ts';
import { fixture, reconfigure, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(30_000);

const allow = { args: ['--allow-process'] };
const shared = (name: string, ...args: string[]): object => ({
  ...{ command: fixture(name, ...args), sharing: 'shared' },
  pool: { min: 1, max: 2 },
});

const resultOf = ({ message }: ModernAnswer): Readonly<Record<string, unknown>> => message?.result ?? {};
const namesIn = (answer: ModernAnswer): string[] =>
  (resultOf(answer)['tools'] as { name: string }[]).map(({ name }) => name);
const reasonIn = ({ message }: ModernAnswer): unknown => message?.error?.data?.gangway?.reason;

/** What every result of 2026-07-28 says of itself. */
const complete = (name: string): object => ({
  resultType: 'complete',
  _meta: { 'io.modelcontextprotocol/serverInfo': expect.objectContaining({ name }) },
});
const listed = (name: string): object => ({ ...complete(name), ttlMs: 0, cacheScope: 'private' });

async function wayOf(bridge: Program, kind: 'servers' | 'groups', name: string): Promise<string | null> {
  const status = (await bridge.status()) as unknown as Record<
    string,
    Record<string, { modern: { way: string | null } }>
  >;
  return status[kind]?.[name]?.modern.way ?? null;
}

const known = (bridge: Program, name: string): Promise<unknown> =>
  until(`what ${name} speaks`, async () => (await wayOf(bridge, 'servers', name)) !== null, { limitMs: 20_000 });

let app: HttpApp;
let translator: object;

beforeAll(async () => {
  app = await httpApp((response, request) => {
    if (request.url === '/things/missing') answering(404, 'text/plain', 'no such thing')(response, request);
    else answering(200, 'application/json', JSON.stringify({ asked: request.url }))(response, request);
  });
  const parameters = { id: { in: 'path', schema: { type: 'string' } } };
  const get = { method: 'GET', path: '/things/{id}', description: 'Gets a thing.', parameters };
  translator = { app: { baseUrl: app.url, tools: { get } } };
});

afterAll(async () => {
  await app[Symbol.asyncDispose]();
});

describe('POST /mcp of 2026-07-28, when no server needs a session', () => {
  let bridge: Program;
  let client: ModernClient;
  const alpha = { ...shared('well-behaved'), pool: { min: 1, max: 1 } };
  const servers = (): object => ({ alpha, beta: shared('told'), things: translator });

  beforeAll(async () => {
    bridge = await serve({ servers: servers() }, allow);
    client = new ModernClient(bridge.url, 'mcp', { capabilities: { elicitation: {} } });
  });
  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  it('says what all servers together can do', async () => {
    const answer = await client.ask('server/discover');
    expect(resultOf(answer)).toMatchObject({ ...listed('gangway'), capabilities: { tools: { listChanged: true } } });
    expect(await wayOf(bridge, 'groups', 'mcp')).toBe('translate');
  });

  it('lists the tools of all, under the names of their servers', async () => {
    const answer = await client.ask('tools/list');
    expect(resultOf(answer)).toMatchObject(listed('gangway'));
    expect(namesIn(answer)).toEqual(expect.arrayContaining(['alpha__echo', 'beta__ask', 'things__get']));
  });

  it.each([
    ['alpha__echo', { text: 'hello' }, 'hello'],
    ['things__get', { id: '7' }, '{"asked":"/things/7"}'],
  ])('calls %s', async (name, args, text) => {
    const answer = await client.call(name, args);
    expect(resultOf(answer)).toMatchObject(complete('gangway'));
    expect(textOf(resultOf(answer))).toBe(text);
  });

  it('wants Mcp-Name as the body has it', async () => {
    const answer = await client.call('alpha__echo', {}, { headers: { 'Mcp-Name': 'echo' } });
    expect([answer.status, reasonIn(answer)]).toEqual([400, 'HEADER_MISMATCH']);
  });

  it('makes a round of what a server asks', async () => {
    const round = resultOf(await client.call('beta__ask'));
    expect(round).toMatchObject({ resultType: 'input_required', inputRequests: { 'elicitation-1': {} } });
    const answer = { action: 'accept', content: { name: 'Ada' } };
    const last = await client.goOn('beta__ask', {}, round, { 'elicitation-1': answer });
    expect(JSON.parse(textOf(resultOf(last)))).toMatchObject({ answer });
  });

  it('makes a round for each of several clients that one server asks at once', async () => {
    const rounds = await Promise.all([1, 2].map(() => client.call('beta__ask').then(resultOf)));
    const names = ['Ada', 'Bob'];
    const last = await Promise.all(
      rounds.map((round, i) => {
        const [key = ''] = Object.keys(round['inputRequests'] as object);
        return client.goOn('beta__ask', {}, round, { [key]: { action: 'accept', content: { name: names[i] } } });
      }),
    );
    const given = last.map((answer) => JSON.parse(textOf(resultOf(answer))) as { answer: { content: object } });
    expect(given.map(({ answer }) => answer.content)).toEqual(names.map((name) => ({ name })));
  });

  it('says what a client would have to be able to do for a question', async () => {
    const answer = await new ModernClient(bridge.url, 'mcp').call('beta__ask');
    expect([answer.status, reasonIn(answer)]).toEqual([400, 'CAPABILITY_MISSING']);
  });

  it('logs from the level that the call asks for, and nothing to one that asks for none', async () => {
    const [some, none] = [await client.call('beta__log', {}, { logLevel: 'info' }), await client.call('beta__log')];
    const levels = some.before.map(({ params }) => params?.['level']);
    expect([levels, none.before]).toEqual([['info', 'error'], []]);
  });

  it('tells the server of a call that its client gave up', async () => {
    const modest = new ModernClient(bridge.url, 'mcp');
    const giveUp = modest.begin('alpha__sleep', { ms: 60_000 });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    giveUp();
    await until('it to be over', async () => (await bridge.status()).callsInFlight === 0);
    const heard = async (): Promise<string> => textOf(resultOf(await modest.call('alpha__cancelled')));
    await until('the server to have heard it', async () => (await heard()) !== '[]');
  });

  it('tells who listens of servers that come and go', async () => {
    const stream = await client.stream('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await until('the acknowledgement', () => stream.messages().length > 0);
    await client.ask('tools/list');
    await reconfigure(bridge, { servers: { ...servers(), gamma: shared('well-behaved') } });
    await until('word of it', () => stream.messages().length > 1);
    const methods = stream.messages().map(({ method }) => method);
    expect(methods).toEqual(['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed']);
    expect(namesIn(await client.ask('tools/list'))).toContain('gamma__echo');
    stream.cut();
    await until('the stream to be over', async () => (await bridge.status()).listening === 0);
  });
});

describe('POST /mcp of 2026-07-28, when one of its servers needs a session', () => {
  it('refuses at once, and starts nothing', async () => {
    const servers = { alpha: shared('well-behaved'), own: { command: fixture('told'), modern: 'fallback' } };
    await using bridge = await serve({ servers }, allow);
    const answer = await new ModernClient(bridge.url, 'mcp').ask('server/discover');
    expect([answer.status, reasonIn(answer)]).toEqual([400, 'LEGACY_ONLY']);
    expect(await wayOf(bridge, 'groups', 'mcp')).toBe('fallback');
  });
});

describe('An HTTP app, for clients of 2026-07-28,', () => {
  let bridge: Program;
  let client: ModernClient;

  beforeAll(async () => {
    bridge = await serve({ servers: { things: translator } }, allow);
    client = new ModernClient(bridge.url, 'things/mcp');
  });
  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  it('says what it is, lists its tools and is called', async () => {
    expect(resultOf(await client.ask('server/discover'))).toMatchObject(listed('things'));
    const list = await client.ask('tools/list');
    expect([resultOf(list), namesIn(list)]).toMatchObject([listed('things'), ['get']]);
    const result = resultOf(await client.call('get', { id: '7' }));
    expect(result).toMatchObject({ ...complete('things'), structuredContent: { asked: '/things/7' } });
  });

  it('says what went wrong as a result of the tool', async () => {
    const result = resultOf(await client.call('get', { id: 'missing' }));
    expect(result).toMatchObject({ ...complete('things'), isError: true });
    expect(textOf(result)).toContain('404 Not Found');
  });

  it.each([
    ['an unknown tool', 'tools/call', { name: 'set' }, 200, -32602],
    ['an unknown method', 'prompts/list', {}, 404, -32601],
  ])('refuses %s', async (_what, method, params, status, code) => {
    const answer = await client.ask(method, params);
    expect([answer.status, answer.message?.error?.code]).toEqual([status, code]);
  });
});

describe('tools: of a server, for clients of 2026-07-28,', () => {
  const config = (): { readonly servers: object } => {
    const legacy = { allow: ['e*', 'pid'], deny: ['env', 'elicit'], rename: { echo: 'repeat' } };
    const tools = { allow: ['test_simple_text', 'test_error_handling'], rename: { test_simple_text: 'repeat' } };
    return {
      servers: {
        translate: { ...shared('well-behaved'), tools: legacy },
        'per-call': { command: fixture('well-behaved'), modern: 'per-call', tools: legacy },
        relay: { command: fixture('conformance-modern'), tools },
      },
    };
  };
  let bridge: Program;

  beforeAll(async () => {
    bridge = await serve(config(), allow);
    await known(bridge, 'relay');
    await known(bridge, 'translate');
  });
  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  it.each([
    ['translate', ['repeat', 'pid'], 'env'],
    ['per-call', ['repeat', 'pid'], 'env'],
    ['relay', ['repeat', 'test_error_handling'], 'test_simple_text'],
  ])('is what they see when the way is %s', async (way, names, hidden) => {
    expect(await wayOf(bridge, 'servers', way)).toBe(way);
    const client = new ModernClient(bridge.url, `${way}/mcp`);
    expect(namesIn(await client.ask('tools/list'))).toEqual(names);
    const called = await client.call('repeat', { text: 'a' });
    expect(resultOf(called)).toMatchObject({ resultType: 'complete' });
    const refused = await client.call(hidden);
    expect([refused.status, refused.message?.error?.code]).toEqual([200, -32602]);
  });

  it.each([
    ['translate', { ...shared('well-behaved') }, 'pid', 'fail'],
    ['per-call', { command: fixture('well-behaved'), modern: 'per-call' }, 'pid', 'fail'],
    ['relay', { command: fixture('conformance-modern') }, 'test_simple_text', 'test_error_handling'],
  ])('blocks what is not what was pinned when the way is %s', async (way, server, good, bad) => {
    await reconfigure(bridge, { servers: { ...config().servers, plain: server } });
    await known(bridge, 'plain');
    const list = resultOf(await new ModernClient(bridge.url, 'plain/mcp').ask('tools/list'));
    const tool = (list['tools'] as { name: string }[]).find(({ name }) => name === good) ?? {};
    const pin = { [good]: pinOf(tool), [bad]: pinOf({ name: bad, description: 'Another one.' }) };
    await reconfigure(bridge, { servers: { ...config().servers, pinned: { ...server, tools: { pin } } } });
    await known(bridge, 'pinned');
    expect(await wayOf(bridge, 'servers', 'pinned')).toBe(way);
    const client = new ModernClient(bridge.url, 'pinned/mcp');
    expect(namesIn(await client.ask('tools/list'))).toEqual([good]);
    expect(resultOf(await client.call(good))).toMatchObject({ resultType: 'complete' });
    expect((await client.call(bad)).message?.error?.message).toBe(`Blocked tool: "${bad}" is not what was pinned`);
  });
});

describe('A list that is known while no container runs', () => {
  it('is as complete as any other', async () => {
    const pool = { min: 0, max: 1, downscaleDelay: '200ms' };
    const servers = { lazy: { command: fixture('well-behaved'), sharing: 'shared', pool } };
    await using bridge = await serve({ servers }, allow);
    const client = new ModernClient(bridge.url, 'lazy/mcp');
    const before = resultOf(await client.ask('tools/list'));
    await until('no container', async () => (await bridge.status()).servers['lazy']?.pool.ready === 0);
    const after = resultOf(await client.ask('tools/list'));
    expect((await bridge.status()).servers['lazy']?.pool).toMatchObject({ ready: 0, starting: 0 });
    expect([after, before]).toMatchObject([listed('well-behaved'), after]);
  });
});
