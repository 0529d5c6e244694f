import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it, jest } from '@jest/globals';
import { openStream } from '../support/event-stream.ts';
import { initialize, post, RawSession, textOf, type Answer, type Message } from '../support/mcp-client.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(20_000);

let bridge: Program;
let session: RawSession;

beforeAll(async () => {
  const pool = { warm: 0 };
  const servers = {
    record: { command: fixture('keeps-a-record'), pool },
    commanded: { command: fixture('on-command'), pool },
    arrays: { command: fixture('answers-in-arrays'), pool },
    mortal: { command: fixture('dies-mid-call'), pool },
  };
  bridge = await serve({ servers }, { args: ['--allow-process'] });
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

beforeEach(async () => {
  session = await openSession('record');
});

afterEach(async () => {
  await session.delete();
});

function openSession(server: string, version = '2025-03-26'): Promise<RawSession> {
  return RawSession.open(bridge.url, server, {}, version);
}

function send(messages: unknown, to = session): Promise<Answer> {
  return post(to.url, messages, { headers: to.headers });
}

function call(id: string | number, name: string, args: object = {}, _meta?: object): object {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, ...(_meta && { _meta }) } };
}

const echo = (id: string | number, text = `echo ${id}`): object => call(id, 'echo', { text });
const note = (n: number): object => ({ jsonrpc: '2.0', method: 'notifications/note', params: { n } });

/** Every message of its client that the server got after the handshake, except the question itself. */
async function heard(): Promise<Message[]> {
  const lines = JSON.parse(textOf((await session.call('heard')).message?.result)) as string[];
  const messages = lines.slice(2, -1).map((line) => JSON.parse(line) as Message);
  return messages.filter(({ id }) => typeof id !== 'string' || !id.startsWith('gangway-ping-'));
}

function refusal({ status, message }: Answer): object {
  return { status, code: message?.error?.code, reason: message?.error?.data?.gangway?.reason };
}

const texts = (messages: readonly Message[]): unknown[] => messages.map(({ id, result }) => [id, textOf(result)]);

describe('A batch of a 2025-03-26 client', () => {
  it('reaches the server message by message, in order', async () => {
    const messages = [note(1), echo('a'), note(2), echo(2), note(3)];
    await send(messages);
    expect(await heard()).toEqual(messages);
  });

  it('gets all its answers on one stream, which then ends', async () => {
    const answer = await send([echo('a'), note(1), echo(2), echo('2')]);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(texts(answer.messages)).toEqual([
      ['a', 'echo a'],
      [2, 'echo 2'],
      ['2', 'echo 2'],
    ]);
  });

  it('with one request in it is no different', async () => {
    const answer = await send([echo(7)]);
    expect([answer.headers.get('content-type'), texts(answer.messages)]).toEqual([
      'text/event-stream',
      [[7, 'echo 7']],
    ]);
  });

  it('gets the server’s own error for one request, and the answers to the others', async () => {
    const answer = await send([echo(1), call(2, 'no-such-tool'), echo(3)]);
    const codes = new Map(answer.messages.map(({ id, error }) => [id, error?.code]));
    expect([answer.messages.length, codes]).toEqual([
      3,
      new Map([
        [1, undefined],
        [2, -32602],
        [3, undefined],
      ]),
    ]);
  });

  it('of notifications alone is 202 without a body', async () => {
    const answer = await send([note(1), note(2)]);
    expect([answer.status, answer.text]).toEqual([202, '']);
    expect(await heard()).toEqual([note(1), note(2)]);
  });

  it('may be pretty-printed: every message is one line', async () => {
    const messages = [note(1), echo(1), note(2)];
    await send(Buffer.from(JSON.stringify(messages, undefined, 2)));
    expect(await heard()).toEqual(messages);
  });

  it('goes on when one of its requests is cancelled: the stream ends with the last of the others', async () => {
    const params = { requestId: 'held' };
    const answer = await send([
      call('held', 'hold'),
      echo(1),
      { jsonrpc: '2.0', method: 'notifications/cancelled', params },
    ]);
    expect(texts(answer.messages)).toEqual([[1, 'echo 1']]);
  });

  it('brings progress on its stream, and can be resumed', async () => {
    const commanded = await openSession('commanded');
    const stream = await openStream(commanded.url, commanded.headers, [
      call('one', 'work', {}, { progressToken: 'one' }),
      call('two', 'work', {}, { progressToken: 'two' }),
    ]);
    await commanded.call('step');
    await until('the steps', () => stream.messages().length === 2);
    stream.cut();
    await commanded.call('step');
    await commanded.call('finish');
    const rest = await openStream(commanded.url, { ...commanded.headers, 'Last-Event-ID': stream.lastId() });
    expect(await rest.ended).toBe('in order');
    expect(rest.messages().map(({ id, params }) => id ?? params?.['progressToken'])).toEqual([
      ...['one', 'two', 'one', 'two'],
    ]);
    await commanded.delete();
  });

  it('whose server dies gets an error under each id', async () => {
    const mortal = await openSession('mortal');
    const answer = await send(
      [call(1, 'sleep', { ms: 60_000 }), call(2, 'sleep', { ms: 60_000 }), call(3, 'die')],
      mortal,
    );
    expect(answer.messages.map(({ id, error }) => [id, error?.data?.gangway?.reason])).toEqual([
      [1, 'UPSTREAM_EXITED'],
      [2, 'UPSTREAM_EXITED'],
      [3, 'UPSTREAM_EXITED'],
    ]);
  });
});

describe('A batch that is refused as a whole', () => {
  const invalid = { status: 400, code: -32600, reason: 'MESSAGE_INVALID' };
  const duplicate = { status: 400, code: -32600, reason: 'DUPLICATE_ID' };

  it.each<[string, unknown, object]>([
    ['with an element that is no message', [echo(1), { hello: 1 }], invalid],
    ['with a number in it', [echo(1), 5], invalid],
    ['with a null id', [note(1), { jsonrpc: '2.0', id: null, method: 'ping' }], invalid],
    ['with another batch in it', [echo(1), [echo(2)]], invalid],
    ['with "initialize" in it', [echo(1), initialize(2)], invalid],
    ['with nothing in it', [], invalid],
    ['with more than 100 messages', Array.from({ length: 101 }, (_, n) => note(n)), invalid],
    ['with an id twice', [echo(1), note(1), echo(1)], duplicate],
    [
      'with a progress token twice',
      [call(1, 'hold', {}, { progressToken: 'p' }), call(2, 'hold', {}, { progressToken: 'p' })],
      duplicate,
    ],
  ])('(%s) leaves nothing with the server', async (_what, messages, wanted) => {
    expect(refusal(await send(messages))).toEqual(wanted);
    expect(await heard()).toEqual([]);
  });

  it('(with an ambiguous element) leaves nothing with the server', async () => {
    const answer = await send(
      '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"id":3,"method":"ping"}]',
    );
    expect([answer.status, await heard()]).toEqual([400, []]);
  });

  it('(that is cut short) leaves nothing with the server', async () => {
    const answer = await send(JSON.stringify([echo(1), echo(2)]).slice(0, -1));
    expect(refusal(answer)).toEqual({ status: 400, code: -32700, reason: 'BODY_MALFORMED' });
    expect(await heard()).toEqual([]);
  });

  it('(with an id that is in use) leaves the first request alone', async () => {
    const first = await openStream(session.url, session.headers, [call('held', 'hold')]);
    expect(refusal(await send([echo(1), echo('held')]))).toEqual(duplicate);
    await session.notify('notifications/cancelled', { requestId: 'held' });
    expect([await first.ended, first.messages()]).toEqual(['in order', []]);
  });

  it('(without a session) says that one is wanted', async () => {
    expect(refusal(await post(session.url, [initialize()]))).toMatchObject({ status: 400 });
  });

  it.each(['2025-11-25', '2025-06-18'])('(in a session of %s) leaves nothing with the server', async (version) => {
    await session.delete();
    session = await openSession('record', version);
    for (const messages of [[echo(1)], [note(1)], []]) expect(refusal(await send(messages))).toEqual(invalid);
    expect(await heard()).toEqual([]);
  });
});

describe('A server that answers with an array', () => {
  it.each(['2025-03-26', '2025-11-25'])('has each answer delivered to its own request (%s)', async (version) => {
    const arrays = await openSession('arrays', version);
    const ids = ['a', 'b', 'c'];
    const before = (await bridge.status()).callsInFlight;
    const pending = ids.map((id) =>
      post(arrays.url, call(id, 'hold', { text: `for ${id}` }, { progressToken: id }), { headers: arrays.headers }),
    );
    await until('the calls', async () => (await bridge.status()).callsInFlight === before + 3);
    await arrays.call('flush');
    const answers = await Promise.all(pending);
    expect(answers.map(({ messages }) => messages.map(({ id, params }) => id ?? params?.['progressToken']))).toEqual(
      ids.map((id) => [id, id]),
    );
    expect(answers.map(({ message }) => textOf(message?.result))).toEqual(ids.map((id) => `for ${id}`));
    await arrays.delete();
  });
});
