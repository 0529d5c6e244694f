import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { openStream, type EventStream } from '../support/event-stream.ts';
import { RawSession, type Message } from '../support/mcp-client.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(20_000);

let bridge: Program;

beforeAll(async () => {
  const pool = { warm: 0 };
  const command = fixture('on-command');
  const servers = {
    good: { command, pool },
    other: { command, pool },
    forgetful: { command, pool, replay: { events: 3 } },
    small: { command, pool, replay: { bytes: '4k' } },
  };
  bridge = await serve({ servers }, { args: ['--allow-process'] });
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

const sessions: RawSession[] = [];

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.delete()));
});

async function open(server = 'good', version?: string): Promise<RawSession> {
  const session = await RawSession.open(bridge.url, server, {}, version);
  sessions.push(session);
  return session;
}

/** A call that is a stream by now: one step of progress was made. */
async function work(session: RawSession, id = 'work'): Promise<EventStream> {
  const params = { name: 'work', arguments: {}, _meta: { progressToken: id } };
  const before = (await bridge.status()).callsInFlight;
  const opening = openStream(session.url, session.headers, { jsonrpc: '2.0', id, method: 'tools/call', params });
  await until('the call', async () => (await bridge.status()).callsInFlight > before);
  await session.call('step');
  const stream = await opening;
  await until('the first step', () => stream.messages().length === 1);
  return stream;
}

function resume(session: RawSession, lastEventId: string): Promise<EventStream> {
  return openStream(session.url, { ...session.headers, 'Last-Event-ID': lastEventId });
}

function listen(session: RawSession): Promise<EventStream> {
  return openStream(session.url, session.headers);
}

/** What a message is, in a word or two. */
function brief({ id, params, result, error }: Message): unknown {
  if (result) return `answer ${String(id)}`;
  if (error) return `${String(error.data?.gangway?.reason)} ${String(id)}`;
  return params?.['uri'] ?? params?.['progress'];
}

function briefs(...streams: EventStream[]): unknown[] {
  return streams.flatMap((stream) => stream.messages().map(brief));
}

async function refusedResume(session: RawSession, lastEventId: string): Promise<object> {
  const response = await fetch(session.url, {
    headers: { ...session.headers, Accept: 'text/event-stream', 'Last-Event-ID': lastEventId },
  });
  const { error } = (await response.json()) as Message;
  return { status: response.status, code: error?.code, reason: error?.data?.gangway?.reason };
}

describe('The stream of a call', () => {
  it('begins with an event that has an id, a time to come back after, and no data', async () => {
    const session = await open();
    const { events } = await work(session);
    expect(events[0]).toEqual({ id: expect.stringMatching(/^[\x21-\x7e]+$/), retry: '1000', data: '' });
  });

  it('numbers its events: no two of a session have the same id', async () => {
    const session = await open();
    const one = await work(session, 'one');
    const two = await work(session, 'two');
    await session.call('finish');
    expect([await one.ended, await two.ended]).toEqual(['in order', 'in order']);
    const ids = [...one.events, ...two.events].map(({ id }) => id);
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('opens a second after the call that brings nothing yet, so that its client could come back', async () => {
    const session = await open();
    const params = { name: 'work', arguments: {} };
    const message = { jsonrpc: '2.0', id: 'silent', method: 'tools/call', params };
    const stream = await openStream(session.url, session.headers, message);
    await until('the id to resume by', () => stream.events.length === 1);
    stream.cut();
    await session.call('finish');
    const rest = await resume(session, stream.lastId());
    expect([await rest.ended, briefs(rest)]).toEqual(['in order', ['answer silent']]);
  });

  it.each(['2025-06-18', '2025-03-26'])(
    'has no event without data for a client of %s, but ids, and can be resumed',
    async (version) => {
      const session = await open('good', version);
      const stream = await work(session);
      expect(stream.events).toEqual([{ id: expect.any(String), event: 'message', data: expect.stringMatching(/^{/) }]);
      stream.cut();
      await session.call('step');
      await session.call('finish');
      const rest = await resume(session, stream.lastId());
      expect(await rest.ended).toBe('in order');
      expect(rest.events.map(({ data }) => data === '')).toEqual([false, false]);
      expect(briefs(rest)).toEqual([2, 'answer work']);
    },
  );
});

describe('A client that lost the stream of its call', () => {
  it('gets exactly the rest, in order, and then the end', async () => {
    const session = await open();
    const stream = await work(session);
    await session.call('step');
    await until('the second step', () => stream.messages().length === 2);
    stream.cut();
    await session.call('step', { count: 3 });
    await session.call('finish');
    const rest = await resume(session, stream.lastId());
    expect([await rest.ended, briefs(rest)]).toEqual(['in order', [3, 4, 5, 'answer work']]);
  });

  it('gets the same rest when it asks again', async () => {
    const session = await open();
    const stream = await work(session);
    stream.cut();
    await session.call('step', { count: 2 });
    await session.call('finish');
    const rests = [await resume(session, stream.lastId()), await resume(session, stream.lastId())];
    await Promise.all(rests.map(({ ended }) => ended));
    expect(rests.map((rest) => briefs(rest))).toEqual([
      [2, 3, 'answer work'],
      [2, 3, 'answer work'],
    ]);
    const ids = rests.map(({ events }) => events.map(({ id }) => id));
    expect(ids[0]).toEqual(ids[1]);
  });

  it('gets less the more it has seen, and nothing once it has seen all', async () => {
    const session = await open();
    const stream = await work(session);
    await session.call('step', { count: 2 });
    await session.call('finish');
    await stream.ended;
    const rests: unknown[] = [];
    for (const { id = '' } of stream.events) {
      const rest = await resume(session, id);
      rests.push([await rest.ended, briefs(rest)]);
    }
    const all = [1, 2, 3, 'answer work'];
    expect(rests).toEqual([0, 1, 2, 3, 4].map((seen) => ['in order', all.slice(seen)]));
  });

  it('comes back during the call: what follows comes live', async () => {
    const session = await open();
    const stream = await work(session);
    stream.cut();
    await session.call('step');
    const rest = await resume(session, stream.lastId());
    await until('what it missed', () => rest.messages().length === 1);
    await session.call('step');
    await until('what is new', () => rest.messages().length === 2);
    await session.call('finish');
    expect([await rest.ended, briefs(rest)]).toEqual(['in order', [2, 3, 'answer work']]);
  });

  it('comes back twice at once: the second connection gets the rest, the first is cut', async () => {
    const session = await open();
    const stream = await work(session);
    stream.cut();
    const first = await resume(session, stream.lastId());
    const second = await resume(session, stream.lastId());
    expect(await first.ended).toBe('cut');
    await session.call('step');
    await session.call('finish');
    expect([await second.ended, briefs(second)]).toEqual(['in order', [2, 'answer work']]);
    expect(briefs(first)).toEqual([]);
  });

  it('is told under its id that the answer was too large to be kept', async () => {
    const session = await open('small');
    const stream = await work(session);
    stream.cut();
    await session.call('finish', { bytes: 5000 });
    const rest = await resume(session, stream.lastId());
    expect([await rest.ended, briefs(rest)]).toEqual(['in order', ['ANSWER_LOST work']]);
    expect(rest.messages()[0]?.error).toMatchObject({ code: -32603, data: { gangway: { retryable: true } } });
  });

  it('gets the large answer itself when it is back before it comes', async () => {
    const session = await open('small');
    const stream = await work(session);
    stream.cut();
    const rest = await resume(session, stream.lastId());
    await session.call('finish', { bytes: 5000 });
    expect([await rest.ended, briefs(rest)]).toEqual(['in order', ['answer work']]);
  });

  it('gets what was kept of a stream that was longer than that', async () => {
    const session = await open('forgetful');
    const stream = await work(session);
    stream.cut();
    await session.call('step', { count: 10 });
    await session.call('finish');
    const rest = await resume(session, stream.lastId());
    expect([await rest.ended, briefs(rest)]).toEqual(['in order', [10, 11, 'answer work']]);
  });

  it('gets nothing any more when its session is over: 404', async () => {
    const session = await RawSession.open(bridge.url, 'good');
    const stream = await work(session);
    await session.delete();
    await stream.ended;
    expect(await refusedResume(session, stream.lastId())).toEqual({
      ...{ status: 404, code: -32001, reason: 'SESSION_UNKNOWN' },
    });
  });
});

describe('Last-Event-ID', () => {
  const unknown = { status: 400, code: -32600, reason: 'EVENT_UNKNOWN' };

  it('of another session is refused', async () => {
    const [mine, theirs] = [await open(), await open()];
    const stream = await work(theirs);
    expect(await refusedResume(mine, stream.lastId())).toEqual(unknown);
  });

  it('of another session never brings anything of that one', async () => {
    const [mine, theirs] = [await open(), await open()];
    const stream = await work(theirs, 'theirs');
    await theirs.call('finish');
    const own = await work(mine, 'mine');
    await mine.call('finish');
    await Promise.all([stream.ended, own.ended]);
    const rest = await resume(mine, stream.events[0]?.id ?? '');
    expect([await rest.ended, briefs(rest)]).toEqual(['in order', [1, 'answer mine']]);
  });

  it('with a session of another server is 404', async () => {
    const session = await open();
    const stream = await work(session);
    const headers = { ...session.headers, Accept: 'text/event-stream', 'Last-Event-ID': stream.lastId() };
    expect((await fetch(`${bridge.url}/other/mcp`, { headers })).status).toBe(404);
  });

  it('that names no event is refused, and harms nothing', async () => {
    const session = await open();
    const stream = await work(session);
    const ids = [
      'x',
      '1',
      '1-',
      '-1',
      '0-0',
      '1-99',
      '99-0',
      '999999999-1',
      '1-1-1',
      '1e0-1',
      '0x1-1',
      '1-1;1-2',
      '../1-1',
    ];
    const refusals = await Promise.all(ids.map((id) => refusedResume(session, id)));
    expect(refusals).toEqual(ids.map(() => unknown));
    await session.call('finish');
    expect([await stream.ended, briefs(stream)]).toEqual(['in order', [1, 'answer work']]);
  });
});

describe('GET streams', () => {
  it('several at once: each message goes on exactly one, the newest', async () => {
    const session = await open();
    const streams = [await listen(session), await listen(session), await listen(session)];
    await session.call('update', { count: 3 });
    await until('the messages', () => streams[2]?.messages().length === 3);
    expect(briefs(...streams)).toEqual(['test://1', 'test://2', 'test://3']);
  });

  it('begin with an event without data for a client of 2025-11-25 alone', async () => {
    const [newer, older] = [await open(), await open('good', '2025-06-18')];
    const streams = [await listen(newer), await listen(older)];
    await Promise.all([newer.call('update'), older.call('update')]);
    await until('the messages', () => streams.every((stream) => stream.messages().length === 1));
    expect(streams.map(({ events }) => events.map(({ data }) => data === ''))).toEqual([[true, false], [false]]);
  });

  it('the next newest takes over when one is gone', async () => {
    const session = await open();
    const [older, newer] = [await listen(session), await listen(session)];
    newer.cut();
    await until('a message on the other', async () => {
      await session.call('update');
      return older.messages().length > 0;
    });
    expect(new Set(briefs(older, newer)).size).toBe(briefs(older, newer).length);
  });

  it('a fifth one ends the oldest', async () => {
    const session = await open();
    const streams: EventStream[] = [];
    for (let i = 0; i < 5; i++) streams.push(await listen(session));
    expect(await streams[0]?.ended).toBe('in order');
    await session.call('update');
    await until('the message', () => streams[4]?.messages().length === 1);
    expect(briefs(...streams)).toEqual(['test://1']);
  });

  it('a message that nobody listens to is kept for the next one, the oldest not for ever', async () => {
    const session = await open();
    await session.call('update', { count: 300 });
    const first = await listen(session);
    await until('what was kept', () => first.messages().length === 256);
    const second = await listen(session);
    await session.call('update');
    await until('the next message', () => second.messages().length === 1);
    expect(briefs(first)).toEqual(Array.from({ length: 256 }, (_, i) => `test://${i + 45}`));
    expect(briefs(second)).toEqual(['test://301']);
  });

  it('one that is resumed brings what was missed, once, and goes on', async () => {
    const session = await open();
    const lost = await listen(session);
    await session.call('update');
    await until('the first message', () => lost.messages().length === 1);
    lost.cut();
    await session.call('update', { count: 2 });
    const back = await resume(session, lost.lastId());
    await until('what it missed', () => back.messages().length === 2);
    await session.call('update');
    await until('what is new', () => back.messages().length === 3);
    expect(briefs(back)).toEqual(['test://2', 'test://3', 'test://4']);
  });

  it('one that is resumed without a message on it brings what was missed too', async () => {
    const session = await open();
    const lost = await listen(session);
    await until('the id to resume by', () => lost.lastId() !== '');
    lost.cut();
    await session.call('update', { count: 2 });
    const back = await resume(session, lost.lastId());
    await until('what it missed', () => back.messages().length === 2);
    expect(briefs(back)).toEqual(['test://1', 'test://2']);
  });

  it('that is resumed twice at once goes on with the second connection', async () => {
    const session = await open();
    const lost = await listen(session);
    await until('the id to resume by', () => lost.lastId() !== '');
    const first = await resume(session, lost.lastId());
    const second = await resume(session, lost.lastId());
    expect([await lost.ended, await first.ended]).toEqual(['cut', 'cut']);
    await session.call('update');
    await until('the message', () => second.messages().length === 1);
    expect(briefs(lost, first, second)).toEqual(['test://1']);
  });

  it('all end with the session', async () => {
    const session = await RawSession.open(bridge.url, 'good');
    const streams = [await listen(session), await listen(session)];
    await session.delete();
    expect(await Promise.all(streams.map(({ ended }) => ended))).toEqual(['in order', 'in order']);
  });
});
