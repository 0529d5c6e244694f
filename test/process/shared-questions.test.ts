import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { openStream, type EventStream } from '../support/event-stream.ts';
import { post, RawSession, textOf, type Answer, type Message } from '../support/mcp-client.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { hold } from '../support/together.ts';
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
    two: shared('together', { min: 2, max: 2 }),
  };
  bridge = await serve({ servers }, { args: ['--allow-process'] });
  await bridge.waitForLine(/✓ two is ready/);
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

const sessions: RawSession[] = [];

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.delete()));
  await until('nothing to be under way', async () => (await bridge.status()).callsInFlight === 0);
});

async function open(server = 'one', capabilities: object = {}): Promise<RawSession> {
  const session = await RawSession.open(bridge.url, server, capabilities);
  sessions.push(session);
  return session;
}

describe('A question of a shared server', () => {
  const answerTo = (session: RawSession, { id }: Message, result: object): Promise<Answer> =>
    post(session.url, { jsonrpc: '2.0', id, result }, { headers: session.headers });

  /** A call that asks; resolves with its stream when the question is there. */
  async function ask(session: RawSession, name: string, args: object): Promise<EventStream> {
    const params = { name, arguments: args };
    const message = { jsonrpc: '2.0', id: 'asks', method: 'tools/call', params };
    const stream = await openStream(session.url, session.headers, message);
    await until('the question', () => stream.messages().length === 1);
    return stream;
  }

  it.each([
    ['sample', { sampling: {} }, 'sampling/createMessage', { role: 'assistant' }],
    ['elicit', { elicitation: {} }, 'elicitation/create', { action: 'accept', content: { name: 'Ada' } }],
    ['roots', { roots: {} }, 'roots/list', { roots: [] }],
  ])('goes to the only client with a call under way: %s', async (tool, capabilities, method, result) => {
    const [a, b] = [await open('one', capabilities), await open('one', capabilities)];
    const stream = await ask(a, tool, { prompt: 'p', message: 'm' });
    const [question] = stream.messages();
    expect(question?.method).toBe(method);
    // By now, b has one under way too, which changes nothing for what was asked before.
    const other = await hold(b);
    expect((await answerTo(a, question!, result)).status).toBe(202);
    expect(await stream.ended).toBe('in order');
    expect(JSON.parse(textOf(stream.messages()[1]?.result))).toEqual(result);
    await b.call('release');
    await other.ended;
  });

  it('is refused when two have calls under way, in words that say what to do', async () => {
    const capabilities = { sampling: {} };
    const [a, b] = [await open('one', capabilities), await open('one', capabilities)];
    const stream = await hold(a);
    const { messages } = await b.call('sample', { prompt: 'x' });
    expect(messages.map(({ error }) => [error?.code, error?.message])).toEqual([
      [-32600, 'Cannot ask a client: several have calls under way on this shared server; wanted sharing: session'],
    ]);
    await b.call('release');
    await stream.ended;
    expect(stream.messages().map(({ method }) => method)).toEqual(['notifications/progress', undefined]);
  });

  it('is refused for a client that cannot answer it', async () => {
    const session = await open('one', { roots: {} });
    const { messages } = await session.call('sample', { prompt: 'x' });
    expect(messages.map(({ error }) => error)).toEqual([
      { code: -32601, message: 'Method not found: the client has no capability "sampling"' },
    ]);
  });

  it('that it withdraws is withdrawn where it was asked, whoever has a call under way', async () => {
    const [a, b] = [await open('one', { elicitation: {} }), await open()];
    const stream = await hold(a);
    const question = { id: 'asked', method: 'elicitation/create', params: { message: 'm' } };
    const asked = (await a.call('say', { message: question })).messages[0];
    expect(asked).toEqual({ jsonrpc: '2.0', ...question, id: expect.any(Number) });
    const withdrawal = { method: 'notifications/cancelled', params: { requestId: 'asked', reason: 'never mind' } };
    const { messages } = await b.call('say', { message: withdrawal });
    expect(messages.map(({ result }) => textOf(result))).toEqual(['said']);
    await b.call('release');
    await stream.ended;
    expect(stream.messages()[1]).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: asked?.id, reason: 'never mind' },
    });
  });

  it('of two processes under the same id comes under two, and each gets its own answer', async () => {
    const session = await open('two', { sampling: {} });
    const streams = [await ask(session, 'sample', { prompt: 'one' })];
    const params = { name: 'sample', arguments: { prompt: 'two' } };
    const second = { jsonrpc: '2.0', id: 'asks too', method: 'tools/call', params };
    streams.push(await openStream(session.url, session.headers, second));
    await until('both questions', () => streams.every((stream) => stream.messages().length === 1));
    const questions = streams.map((stream) => stream.messages()[0]!);
    expect(new Set(questions.map(({ id }) => id)).size).toBe(2);
    for (const question of questions) {
      const [message] = question.params?.['messages'] as { content: { text: string } }[];
      await answerTo(session, question, { heard: message?.content.text });
    }
    await Promise.all(streams.map(({ ended }) => ended));
    expect(streams.map((stream) => textOf(stream.messages()[1]?.result))).toEqual([
      '{"heard":"one"}',
      '{"heard":"two"}',
    ]);
  });
});

describe('A task on a shared server', () => {
  it.each([
    ['tools/call', { name: 'echo', arguments: {}, task: { ttl: 1000 } }],
    ['tasks/list', {}],
    ['tasks/get', { taskId: '1' }],
  ])('is refused, since nobody could find his own again: %s', async (method, params) => {
    const { status, message } = await (await open()).request(method, params, { id: 'task' });
    expect([status, message?.id, message?.error?.data?.gangway?.reason]).toEqual([400, 'task', 'NOT_SHARED']);
  });
});
