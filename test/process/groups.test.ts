import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { connect, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { isAlive } from '../support/processes.ts';
import { fixture, reconfigure, serve, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(20_000);

const allow = { args: ['--allow-process'] };
const server = (more: object = {}): object => ({ command: fixture('well-behaved'), pool: { warm: 0 }, ...more });
const shared = { sharing: 'shared', pool: { min: 1, max: 1 } };

const call = (session: RawSession, name: string, args: object = {}): Promise<Answer> =>
  session.request('tools/call', { name, arguments: args });
const resultOf = async (session: RawSession, name: string): Promise<string> =>
  textOf((await call(session, name)).message?.result);
const namesIn = ({ message }: Answer): string[] =>
  (message?.result as { tools: { name: string }[] }).tools.map(({ name }) => name);

async function groupOf(bridge: Program, name: string): Promise<Record<string, object>> {
  const { groups } = (await bridge.status()) as unknown as {
    groups: Record<string, { servers: Record<string, object> }>;
  };
  return groups[name]?.servers ?? {};
}

describe('POST /mcp', () => {
  let bridge: Program;
  beforeAll(async () => {
    const servers = { alpha: server(), beta: server(shared), gamma: server() };
    bridge = await serve({ servers, groups: { some: ['beta', 'gamma'] } }, allow);
  });
  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  it('is all servers as one for the SDK’s client: lists, calls, progress and questions', async () => {
    await using session = await connect(bridge.url, 'mcp', { sampling: {}, elicitation: {} }, (client) => {
      const content = { type: 'text' as const, text: 'a poem' };
      client.setRequestHandler(CreateMessageRequestSchema, () => ({ model: 'm', role: 'assistant' as const, content }));
      client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: { name: 'Ada' } }));
    });
    const { client } = session;
    const { tools } = await client.listTools();
    const byServer = ['alpha', 'beta', 'gamma'].map((name) =>
      tools.filter((tool) => tool.name.startsWith(`${name}__`)),
    );
    expect(byServer.map(({ length }) => length)).toEqual([tools.length / 3, tools.length / 3, tools.length / 3]);
    const steps: number[] = [];
    const onprogress = ({ progress }: { progress: number }): number => steps.push(progress);
    await client.callTool({ name: 'beta__progress', arguments: { steps: 3 } }, undefined, { onprogress });
    expect(steps).toEqual([1, 2, 3]);
    const poem = await client.callTool({ name: 'alpha__sample', arguments: { prompt: 'p' } });
    const name = await client.callTool({ name: 'gamma__elicit', arguments: { message: 'who?' } });
    expect([textOf(poem), textOf(name)]).toEqual([expect.stringContaining('a poem'), expect.stringContaining('Ada')]);
  });

  it('gives each session a server of its own, and all the same one that is shared', async () => {
    const [one, two] = [await RawSession.open(bridge.url, 'mcp'), await RawSession.open(bridge.url, 'mcp')];
    const pids = async (session: RawSession): Promise<string[]> => [
      await resultOf(session, 'alpha__pid'),
      await resultOf(session, 'beta__pid'),
    ];
    const [[own, common], [other, same]] = [await pids(one), await pids(two)] as [string[], string[]];
    expect([own === other, common === same, await resultOf(one, 'alpha__pid')]).toEqual([false, true, own]);
    await one.delete();
    await until('its own server to be gone', () => !isAlive(Number(own)));
    expect([isAlive(Number(other)), isAlive(Number(common))]).toEqual([true, true]);
    await two.delete();
  });

  it('starts nothing for a session before it is used', async () => {
    const session = await RawSession.open(bridge.url, 'mcp');
    await session.request('tools/list');
    await until('its lists to be read', async () => (await bridge.status()).servers['alpha']?.sessions === 0);
    const { servers } = (await bridge.status()) as unknown as { servers: Record<string, { inGroups: number }> };
    expect(servers['alpha']?.inGroups).toBe(0);
    await session.delete();
  });

  it('has a group at its own name, with its servers only', async () => {
    const session = await RawSession.open(bridge.url, 'some');
    const servers = new Set(namesIn(await session.request('tools/list')).map((name) => name.split('__')[0]));
    expect([...servers]).toEqual(['beta', 'gamma']);
    const { message } = await call(session, 'alpha__pid');
    expect(message?.error).toMatchObject({ code: -32602, message: 'Unknown tool: alpha__pid' });
    await session.delete();
  });

  it('is plain REST, too', async () => {
    const answer = await fetch(`${bridge.url}/some/tools/gamma__echo`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ text: 'hello' }),
    });
    expect([answer.status, textOf(await answer.json())]).toEqual([200, 'hello']);
  });

  it('finds a session under its own endpoint only', async () => {
    const session = await RawSession.open(bridge.url, 'mcp');
    const headers = { 'Mcp-Session-Id': session.id, Accept: 'text/event-stream' };
    const statuses = ['some/mcp', 'alpha/mcp'].map(
      async (path) => (await fetch(`${bridge.url}/${path}`, { headers })).status,
    );
    expect(await Promise.all(statuses)).toEqual([404, 404]);
    await session.delete();
  });
});

describe('A group, when one of its servers', () => {
  it('says nothing, dies or is switched off, shows the others in time and names it in /status', async () => {
    const servers = {
      fine: server(),
      silent: { command: fixture('silent'), pool: { warm: 0 } },
      dead: { command: fixture('dies-at-start'), pool: { warm: 0 } },
      off: server({ env: { KEY: '${GANGWAY_TEST_NOT_SET}' } }),
    };
    await using bridge = await serve({ servers, all: { listWait: '1s' } }, allow);
    const session = await RawSession.open(bridge.url, 'mcp');
    const { result: list, ms } = await timed(() => session.request('tools/list'));
    expect(new Set(namesIn(list).map((name) => name.split('__')[0]))).toEqual(new Set(['fine']));
    expect(ms).toBeLessThan(5000);
    expect(await resultOf(session, 'fine__pid')).toMatch(/^\d+$/);
    expect(await groupOf(bridge, 'mcp')).toMatchObject({
      fine: { lists: 'fresh' },
      silent: { lists: 'unknown' },
      dead: { lists: 'unknown', failure: expect.stringContaining('exit code') },
      off: { lists: 'unknown', failure: expect.stringContaining('GANGWAY_TEST_NOT_SET') },
    });
    const failed = await Promise.all(['dead__x', 'off__x'].map((name) => call(session, name)));
    expect(failed.map(({ status, message }) => [status, message?.error?.data?.gangway?.reason])).toEqual([
      [200, 'START_FAILED'],
      [200, 'SERVER_DISABLED'],
    ]);
  });

  it('dies in the middle of a call, answers that call, and goes on with the next on a new one', async () => {
    await using bridge = await serve({ servers: { alpha: server(), beta: server() } }, allow);
    const session = await RawSession.open(bridge.url, 'mcp');
    const [alpha, beta] = [await resultOf(session, 'alpha__pid'), await resultOf(session, 'beta__pid')];
    const [slow, other] = [call(session, 'alpha__sleep', { ms: 60_000 }), call(session, 'beta__sleep', { ms: 300 })];
    await until('both calls', async () => (await bridge.status()).callsInFlight === 2);
    process.kill(Number(alpha), 'SIGKILL');
    expect((await slow).message?.error?.data?.gangway?.reason).toBe('UPSTREAM_EXITED');
    expect(textOf((await other).message?.result)).toBe('slept');
    const [next, same] = [await resultOf(session, 'alpha__pid'), await resultOf(session, 'beta__pid')];
    expect([next === alpha, same]).toEqual([false, beta]);
  });

  it('changes, keeps it for the sessions that have it, and gives new ones the new one', async () => {
    const mark = (text: string): object => server({ env: { MARK: text } });
    const markOf = async (session: RawSession): Promise<unknown> =>
      (JSON.parse(await resultOf(session, 'alpha__env')) as Record<string, string>)['MARK'];
    await using bridge = await serve({ servers: { alpha: mark('old') } }, allow);
    const old = await RawSession.open(bridge.url, 'mcp');
    expect(await markOf(old)).toBe('old');
    await reconfigure(bridge, { servers: { alpha: mark('new') } });
    const next = await RawSession.open(bridge.url, 'mcp');
    expect([await markOf(old), await markOf(next)]).toEqual(['old', 'new']);
    expect((await bridge.status()).retiring).toMatchObject([{ name: 'alpha', sessions: 0, inGroups: 1 }]);
    await old.delete();
    await until('the old one to be gone', async () => (await bridge.status()).retiring.length === 0);
    expect(await markOf(next)).toBe('new');
  });

  it('comes or goes, tells the sessions that have seen the list', async () => {
    await using bridge = await serve({ servers: { alpha: server() } }, allow);
    const session = await RawSession.open(bridge.url, 'mcp');
    const listening = await session.listen();
    await session.request('tools/list');
    await reconfigure(bridge, { servers: { alpha: server(), beta: server() } });
    await until('word of it', () =>
      listening.messages.some(({ method }) => method === 'notifications/tools/list_changed'),
    );
    expect(namesIn(await session.request('tools/list'))).toContain('beta__echo');
    const before = listening.messages.length;
    await reconfigure(bridge, { servers: { beta: server() } });
    await until('word of that, too', () => listening.messages.length > before);
    expect(namesIn(await session.request('tools/list'))).not.toContain('alpha__echo');
    listening.close();
  });
});

describe('tools: of a server', () => {
  const tools = {
    allow: ['e*', 'pid'],
    deny: ['env', 'elicit'],
    rename: { echo: 'repeat' },
    describe: { pid: 'Its number' },
  };
  let bridge: Program;
  beforeAll(async () => {
    bridge = await serve({ servers: { seen: server({ tools }) } }, allow);
  });
  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  it('is what its clients, plain REST and groups see', async () => {
    const [own, all] = [await RawSession.open(bridge.url, 'seen'), await RawSession.open(bridge.url, 'mcp')];
    const rest = (await (await fetch(`${bridge.url}/seen/tools`)).json()) as { tools: { name: string }[] };
    expect(namesIn(await own.request('tools/list'))).toEqual(['repeat', 'pid']);
    expect(namesIn(await all.request('tools/list'))).toEqual(['seen__repeat', 'seen__pid']);
    expect(rest.tools.map(({ name }) => name)).toEqual(['repeat', 'pid']);
    const said = [await call(own, 'repeat', { text: 'a' }), await call(all, 'seen__repeat', { text: 'b' })];
    expect(said.map(({ message }) => textOf(message?.result))).toEqual(['a', 'b']);
  });

  it.each(['echo', 'env', 'sleep'])('lets nobody call %s', async (name) => {
    const [own, all] = [await RawSession.open(bridge.url, 'seen'), await RawSession.open(bridge.url, 'mcp')];
    const refused = [await call(own, name), await call(all, `seen__${name}`)];
    expect(refused.map(({ message }) => message?.error?.code)).toEqual([-32602, -32602]);
  });
});
