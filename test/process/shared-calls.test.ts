import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { bodyOf, ByteClient } from '../support/byte-client.ts';
import { openStream } from '../support/event-stream.ts';
import { post, RawSession, textOf, type Message } from '../support/mcp-client.ts';
import { residentBytes } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { hold, poolOf, resultOf, told } from '../support/together.ts';
import { timed, until } from '../support/until.ts';

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
    single: shared('together', { maxOngoing: 1 }),
    mortal: shared('together', { acquireTimeout: '10s' }),
  };
  bridge = await serve({ listen: { sse: true }, servers }, { args: ['--allow-process'] });
  await bridge.waitForLine(/✓ mortal is ready/);
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

const sessions: RawSession[] = [];

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.delete()));
  await until('nothing to be under way', async () => (await bridge.status()).callsInFlight === 0);
});

async function open(server = 'one', version?: string): Promise<RawSession> {
  const session = await RawSession.open(bridge.url, server, {}, version);
  sessions.push(session);
  return session;
}

function call(id: string | number, name: string, args: object = {}): object {
  const _meta = { progressToken: id };
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, _meta } };
}

async function cancellations(session: RawSession): Promise<unknown[]> {
  return (await told(session)).filter(([what]) => what === 'cancelled');
}

function reasonOf(message: Message | undefined): unknown {
  return message?.error?.data?.gangway?.reason;
}

describe('The death of a shared server', () => {
  it('is the answer to every pending call of every session, and all sessions live on', async () => {
    const [a, b, c] = [await open('mortal'), await open('mortal'), await open('mortal')];
    const streams = [await hold(a, 1), await hold(a, 2), await hold(b, 1), await hold(b, '1')];
    const before = resultOf(await c.call('pid'));
    const { message } = await c.call('die', {}, { id: 'dies' });
    expect(message).toMatchObject({
      id: 'dies',
      error: {
        code: -32603,
        data: {
          gangway: {
            ...{ reason: 'UPSTREAM_EXITED', retryable: true, exitCode: 7 },
            stderr: ['fatal: the tool tore the server down'],
          },
        },
      },
    });
    expect(await Promise.all(streams.map(({ ended }) => ended))).toEqual(streams.map(() => 'in order'));
    const answers = streams.map((stream) => stream.messages().at(-1));
    expect(answers.map((answer) => [answer?.id, reasonOf(answer)])).toEqual(
      [1, 2, 1, '1'].map((id) => [id, 'UPSTREAM_EXITED']),
    );
    const pids = await Promise.all([a, b, c].map(async (session) => resultOf(await session.call('pid'))));
    expect(new Set(pids).size).toBe(1);
    expect(pids).not.toContain(before);
  });

  it('does not end what was watched and how much is logged: its successor is told', async () => {
    const [a, b] = [await open('mortal'), await open('mortal')];
    await a.request('resources/subscribe', { uri: 'test://watched' });
    await a.request('logging/setLevel', { level: 'error' });
    const stream = await openStream(a.url, a.headers);
    await b.call('die');
    await b.call('touch', { uri: 'test://watched' });
    await until('a to hear of it', () => stream.messages().length > 0);
    expect(stream.messages().map(({ params }) => params)).toEqual([{ uri: 'test://watched' }]);
    const { messages } = await a.call('log', { mark: 'x' });
    expect(messages.flatMap(({ params }) => (params ? [params['data']] : []))).toEqual(['x error']);
  });
});

describe('A call that is cancelled', () => {
  it('in line never reaches the server', async () => {
    const [a, b] = [await open('single'), await open('single')];
    const stream = await hold(a);
    const waiting = post(b.url, call('waits', 'echo'), { headers: b.headers });
    await until('the call to wait', async () => (await poolOf(bridge, 'single')).waiting === 1);
    await b.notify('notifications/cancelled', { requestId: 'waits' });
    expect((await waiting).messages).toEqual([]);
    expect(await poolOf(bridge, 'single')).toMatchObject({ waiting: 0, ongoing: 1 });
    // There is room for no other call as long as the first one goes on.
    await a.notify('notifications/cancelled', { requestId: 'held', reason: 'for room' });
    await stream.ended;
    expect(await cancellations(b)).toEqual([['cancelled', 'for room']]);
    await b.call('release');
  });

  it('in flight is cancelled on the server, and no other one with its id', async () => {
    const [a, b] = [await open(), await open()];
    const [mine, others] = [await hold(a), await hold(b)];
    await a.notify('notifications/cancelled', { requestId: 'held', reason: 'enough' });
    expect(await mine.ended).toBe('in order');
    expect(mine.messages().map(({ method }) => method)).toEqual(['notifications/progress']);
    await until('the server to hear of it', async () => (await cancellations(a)).length > 0);
    expect(await cancellations(a)).toEqual([['cancelled', 'enough']]);
    await b.call('release');
    expect(await others.ended).toBe('in order');
    expect(textOf(others.messages()[1]?.result)).toBe('held');
  });

  it('before the server said a word holds nobody else up', async () => {
    const [a, b] = [await open(), await open()];
    const times: number[] = [];
    for (let n = 0; n < 5; n++) {
      const silent = a.call('sleep', { ms: 60_000 }, { id: n });
      await until('the call', async () => (await poolOf(bridge, 'one')).ongoing === 1);
      await a.notify('notifications/cancelled', { requestId: n });
      times.push((await timed(() => b.call('echo'))).ms);
      await silent;
    }
    expect(Math.min(...times)).toBeLessThan(150);
  });
});

describe('DELETE of one session', () => {
  it('answers its calls, cancels them on the server, and touches nobody else’s', async () => {
    const [a, b] = [await open(), await open()];
    const [mine, others] = [await hold(a), await hold(b)];
    const before = (await cancellations(b)).length;
    expect(await a.delete()).toBe(200);
    expect(await mine.ended).toBe('in order');
    expect(mine.messages().map((message) => message.method ?? reasonOf(message))).toEqual([
      ...['notifications/progress', 'SESSION_UNKNOWN'],
    ]);
    await until('the server to hear of it', async () => (await cancellations(b)).length > before);
    expect((await cancellations(b)).at(-1)).toEqual(['cancelled', 'the client is gone']);
    expect((await a.call('echo')).status).toBe(404);
    await b.call('release');
    expect(await others.ended).toBe('in order');
    expect(textOf(others.messages()[1]?.result)).toBe('held');
  });
});

describe('A client of a shared server that lost its connection', () => {
  it('gets exactly the rest when it comes back', async () => {
    const [a, b] = [await open(), await open()];
    const [mine, others] = [await hold(a), await hold(b)];
    mine.cut();
    await b.call('release');
    await others.ended;
    const rest = await openStream(a.url, { ...a.headers, 'Last-Event-ID': mine.lastId() });
    expect(await rest.ended).toBe('in order');
    expect(rest.messages()).toEqual([
      { jsonrpc: '2.0', id: 'held', result: { content: [{ type: 'text', text: 'held' }] } },
    ]);
  });
});

describe('A batch of a 2025-03-26 client', () => {
  it('gets its answers, and nobody else’s with the same ids', async () => {
    const both = [await open('one', '2025-03-26'), await open('one', '2025-03-26')];
    const ids = [1, '1', 'x'];
    const answers = await Promise.all(
      both.map(({ url, headers }, who) =>
        post(
          url,
          ids.map((id) => call(id, 'echo', { text: `${who} ${id}` })),
          { headers },
        ),
      ),
    );
    const texts = answers.map(({ messages }) => messages.map(({ id, result }) => [id, textOf(result)]));
    const wanted = (who: number): unknown[] => ids.map((id) => [id, `${who} ${id}`]);
    expect(texts).toEqual([expect.arrayContaining(wanted(0)), expect.arrayContaining(wanted(1))]);
    expect(texts.map(({ length }) => length)).toEqual([3, 3]);
  });
});

describe('A client of 2024-11-05 on HTTP+SSE', () => {
  it('shares the process with those on Streamable HTTP', async () => {
    const client = new Client({ name: 'old', version: '1' });
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the client that this transport is for
    await client.connect(new SSEClientTransport(new URL(`${bridge.url}/one/sse`)));
    const steps: number[] = [];
    const other = await open();
    const held = client.callTool({ name: 'hold', arguments: {} }, undefined, {
      onprogress: ({ progress }) => steps.push(progress),
    });
    await until('its progress', () => steps.length === 1);
    await other.call('release');
    expect(textOf(await held)).toBe('held');
    expect(textOf(await client.callTool({ name: 'pid', arguments: {} }))).toBe(resultOf(await other.call('pid')));
    await client.close();
  });
});

describe('A client that does not read', () => {
  it('is cut off, and slows nobody else down', async () => {
    using deaf = await ByteClient.open(bridge.url, 'one');
    const other = await open();
    const before = residentBytes(bridge.pid);
    const flood = call('floods', 'flood', { count: 2000, bytes: 8000 });
    const unread = await deaf.send({ pieces: [Buffer.from(JSON.stringify(flood))] });
    await until('the flood', async () => (await poolOf(bridge, 'one')).ongoing === 1);
    const times: number[] = [];
    for (let n = 0; n < 20; n++) times.push((await timed(() => other.call('echo'))).ms);
    expect(Math.max(...times)).toBeLessThan(1000);
    await other.call('enough');
    await until('the flood to be over', async () => (await poolOf(bridge, 'one')).ongoing === 0);
    expect(residentBytes(bridge.pid) - before).toBeLessThan(64 * 1024 * 1024);
    // Some of it is in the connection still; then it ends in the middle.
    await expect(bodyOf(unread)).rejects.toThrow('aborted');
    const { body } = await deaf.post(JSON.stringify(call('goes on', 'echo', { text: 'x' })));
    expect(String(body)).toBe('{"jsonrpc":"2.0","id":"goes on","result":{"content":[{"type":"text","text":"x"}]}}');
  });
});
