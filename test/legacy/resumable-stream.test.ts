import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { ResumableStream } from '../../src/legacy/resumable-stream.ts';
import { Streams } from '../../src/legacy/streams.ts';
import { FakeConnection } from '../support/fake-connection.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

let clock: ManualClock;
let home: Streams;

beforeEach(() => {
  clock = new ManualClock();
  home = homeOf();
});

function homeOf(limits: { events?: number; bytes?: number; ageMs?: number } = {}): Streams {
  const streams = new Streams({ events: 1000, bytes: 1_000_000, ageMs: 1_000_000, ...limits }, clock);
  streams.isPrimed = true;
  return streams;
}

interface Made {
  readonly stream: ResumableStream;
  readonly connection: FakeConnection;
}

function make(streams = home): Made {
  const connection = new FakeConnection();
  return { connection, stream: new ResumableStream(connection, streams) };
}

/** A stream that is open, with these events. */
function makeOpen(...texts: string[]): Made {
  const made = make();
  made.stream.openStream();
  for (const text of texts) made.stream.event(Bytes.from(text));
  return made;
}

/** The client comes back with an id. */
function comeBack(lastEventId: string, streams = home, connection = new FakeConnection()): FakeConnection {
  const { stream, seq } = streams.find(lastEventId);
  stream.resume(connection, seq);
  return connection;
}

const message = (text: string): Bytes => Bytes.from(text);
const unknown = expect.objectContaining({ code: 'EVENT_UNKNOWN' });

describe('ResumableStream.answer()', () => {
  it('is one JSON document when it comes first', () => {
    const { stream, connection } = make();
    stream.answer(message('a'), '1');
    expect([connection.calls, connection.jsons]).toEqual([['json'], ['a']]);
  });

  it('is an event, and the end of the stream, when anything came before', () => {
    const { stream, connection } = make();
    stream.event(message('a'));
    stream.answer(message('b'), '1');
    expect([connection.calls, connection.events]).toEqual([
      ['openStream', 'prime 1000', 'event', 'event', 'end'],
      ['a', 'b'],
    ]);
  });

  it('is an event on a stream with nothing in it', () => {
    const { stream, connection } = makeOpen();
    stream.answer(message('a'), '1');
    expect([connection.jsons, connection.events]).toEqual([[], ['a']]);
  });

  it.each([true, false])('returns whether the client keeps up (slow: %p)', (isSlow) => {
    const document = make();
    const stream = makeOpen();
    document.connection.isSlow = stream.connection.isSlow = isSlow;
    expect([document.stream.answer(message('a'), '1'), stream.stream.answer(message('b'), '2')]).toEqual([
      !isSlow,
      !isSlow,
    ]);
  });

  it('goes nowhere when the client is gone and was told no id', () => {
    const { stream, connection } = make();
    connection.vanish();
    expect([stream.isOpen, stream.answer(message('a'), '1'), connection.calls]).toEqual([false, true, []]);
  });
});

describe('ResumableStream.close()', () => {
  it('ends an answer that has not begun as an empty stream', () => {
    const { stream, connection } = make();
    stream.close();
    expect(connection.calls).toEqual(['openStream', 'prime 1000', 'end']);
  });

  it('ends it once', () => {
    const { stream, connection } = makeOpen();
    stream.close();
    stream.close();
    expect(connection.calls.filter((call) => call === 'end')).toHaveLength(1);
  });
});

describe('ResumableStream.refuse()', () => {
  it('is a status, and nobody can come back to it', () => {
    const { stream, connection } = make();
    stream.refuse(new Error('no'), '7');
    expect([connection.calls, stream.isOpen, stream.isStream]).toEqual([['refuse'], false, false]);
  });
});

describe('ResumableStream ids', () => {
  it('name their stream and the place in it', () => {
    const a = makeOpen('a');
    const b = makeOpen('b');
    a.stream.event(message('c'));
    expect([a.connection.ids, b.connection.ids]).toEqual([
      ['1-0', '1-1', '1-2'],
      ['2-0', '2-1'],
    ]);
  });

  it('are the same when the events come again', () => {
    makeOpen('a', 'b', 'c').connection.vanish();
    const again = comeBack('1-1');
    expect([again.ids, again.events]).toEqual([
      ['1-1', '1-2', '1-3'],
      ['b', 'c'],
    ]);
  });

  it('are not given to an answer that is no stream', () => {
    make().stream.answer(message('a'), '1');
    expect(makeOpen('b').connection.ids).toEqual(['1-0', '1-1']);
  });
});

describe('ResumableStream, for a client that does not know empty events,', () => {
  beforeEach(() => {
    home.isPrimed = false;
  });

  it('sends none', () => {
    expect(makeOpen('a').connection.calls).toEqual(['openStream', 'event']);
  });

  it('sends none when it comes back', () => {
    makeOpen('a', 'b').connection.vanish();
    const again = comeBack('1-1');
    expect([again.calls, again.events]).toEqual([['openStream', 'event'], ['b']]);
  });

  it('is over with its connection when that had no event yet', () => {
    const { stream, connection } = makeOpen();
    connection.vanish();
    expect(stream.isOpen).toBe(false);
  });

  it('outlives its connection when that had an event', () => {
    const { stream, connection } = makeOpen('a');
    connection.vanish();
    expect([stream.isOpen, stream.isConnected]).toEqual([true, false]);
  });
});

describe('ResumableStream.resume()', () => {
  it('gives what came while nobody was there, in order', () => {
    const { stream, connection } = makeOpen('a');
    connection.vanish();
    for (const text of ['b', 'c']) stream.event(message(text));
    expect(comeBack('1-1').events).toEqual(['b', 'c']);
  });

  it('gives all from the beginning to a client that saw the empty event only', () => {
    makeOpen('a', 'b').connection.vanish();
    expect(comeBack('1-0').events).toEqual(['a', 'b']);
  });

  it('gives nothing of other streams', () => {
    const a = makeOpen('a1');
    const b = makeOpen('b1');
    a.stream.event(message('a2'));
    b.stream.event(message('b2'));
    expect([comeBack('1-0').events, comeBack('2-1').events]).toEqual([['a1', 'a2'], ['b2']]);
  });

  it('goes on live', () => {
    const { stream, connection } = makeOpen('a');
    connection.vanish();
    const again = comeBack('1-1');
    stream.event(message('b'));
    expect([again.events, again.isOpen, stream.isConnected]).toEqual([['b'], true, true]);
  });

  it('gives the answer that came meanwhile, and ends', () => {
    const { stream, connection } = makeOpen('a');
    connection.vanish();
    stream.answer(message('b'), '1');
    const again = comeBack('1-1');
    expect([again.events, again.calls.at(-1), again.isOpen]).toEqual([['b'], 'end', false]);
  });

  it('ends at once when all of an ended stream was seen', () => {
    const { stream } = makeOpen('a');
    stream.answer(message('b'), '1');
    expect(comeBack('1-2').calls).toEqual(['openStream', 'prime 1000', 'end']);
  });

  it('may happen again and again to an ended stream', () => {
    const { stream } = makeOpen('a');
    stream.answer(message('b'), '1');
    expect([comeBack('1-1').events, comeBack('1-1').events, comeBack('1-0').events]).toEqual([
      ['b'],
      ['b'],
      ['a', 'b'],
    ]);
  });

  it('cuts the connection that it takes the place of', () => {
    const { stream, connection } = makeOpen('a');
    const second = comeBack('1-1');
    const third = comeBack('1-1');
    stream.event(message('b'));
    expect([connection, second, third].map(({ isOpen, events }) => [isOpen, events])).toEqual([
      [false, ['a']],
      [false, []],
      [true, ['b']],
    ]);
  });

  it('is not undone by the late end of the connection before', async () => {
    const { stream } = makeOpen('a');
    const again = comeBack('1-1');
    await settle();
    stream.event(message('b'));
    expect([stream.isConnected, again.events]).toEqual([true, ['b']]);
  });

  it('returns whether the client keeps up', () => {
    const { stream } = makeOpen('a', 'b');
    const slow = new FakeConnection();
    slow.isSlow = true;
    expect([stream.resume(slow, 0), stream.resume(new FakeConnection(), 0)]).toEqual([false, true]);
  });

  it.each(['1-4', '1-999999999'])('throws for an event that is yet to come: %s', (id) => {
    const { connection } = makeOpen('a', 'b', 'c');
    expect(() => comeBack(id)).toThrow(unknown);
    expect(connection.isOpen).toBe(true);
  });
});

describe('ResumableStream, for an answer that was not kept,', () => {
  const answered = (streams: Streams, text: string, ...later: string[]): void => {
    const { stream, connection } = make(streams);
    stream.event(message('a'));
    connection.vanish();
    stream.answer(message(text), '"x"');
    const other = make(streams);
    for (const one of later) other.stream.event(message(one));
  };
  const lost = { jsonrpc: '2.0', id: 'x', error: { data: { gangway: { reason: 'ANSWER_LOST', retryable: true } } } };

  it('says so under its id: too large', () => {
    home = homeOf({ bytes: 10 });
    answered(home, 'x'.repeat(11));
    const again = comeBack('1-1');
    expect([again.answer, again.ids, again.calls.at(-1)]).toMatchObject([lost, ['1-1', '1-2'], 'end']);
  });

  it('says so under its id: driven out', () => {
    home = homeOf({ events: 3 });
    answered(home, 'b', 'c', 'd', 'e');
    expect(comeBack('1-1').answer).toMatchObject(lost);
  });

  it('says so under its id: too old', () => {
    home = homeOf({ ageMs: 1000 });
    answered(home, 'b');
    home.log.expire(1000);
    expect(comeBack('1-1').answer).toMatchObject(lost);
  });

  it('does not say so to a client that has seen it', () => {
    home = homeOf({ events: 0 });
    answered(home, 'b');
    expect(comeBack('1-2').events).toEqual([]);
  });

  it('says so of each answer of a shared stream, in the places of the answers', () => {
    home = homeOf({ bytes: 10 });
    const { stream, connection } = makeOpen('a');
    connection.vanish();
    stream.event(message('x'.repeat(11)), '1');
    stream.event(message('between'));
    stream.event(message('y'.repeat(11)), '"two"');
    const said = comeBack('1-1');
    const ids = said.events.map((text) => (text === 'between' ? text : (JSON.parse(text) as { id: unknown }).id));
    expect([ids, said.ids]).toEqual([
      [1, 'between', 'two'],
      ['1-1', '1-2', '1-3', '1-4'],
    ]);
  });

  it('says nothing of other events that were not kept', () => {
    home = homeOf({ bytes: 10 });
    const { stream, connection } = makeOpen('a');
    connection.vanish();
    stream.event(message('x'.repeat(11)));
    stream.event(message('b'));
    expect(comeBack('1-1').events).toEqual(['b']);
  });
});

describe('ResumableStream connections', () => {
  it('that are over are let go', async () => {
    const { stream, connection } = makeOpen('a');
    connection.vanish();
    await settle();
    expect([stream.isClosed, connection.waiting]).toEqual([true, 0]);
    let isTold = 0;
    stream.onClose(() => (isTold += 1));
    stream.onDrain(() => (isTold += 1));
    expect([isTold, connection.waiting]).toEqual([2, 0]);
  });

  it('that are over get nothing more', async () => {
    const { stream, connection } = makeOpen('a');
    connection.vanish();
    await settle();
    stream.event(message('b'));
    stream.answer(message('c'), '1');
    stream.destroy();
    expect(connection.calls).toEqual(['openStream', 'prime 1000', 'event']);
  });

  it('of a stream that ended are let go', async () => {
    const { stream, connection } = makeOpen('a');
    stream.answer(message('b'), '1');
    await settle();
    expect([stream.isConnected, stream.isClosed, connection.waiting]).toEqual([false, true, 0]);
  });
});

describe('Streams.find()', () => {
  it.each(['', '0', '1', '1-', '-1', '1-1-1', 'a-b', '1-x', ' 1-1', '1-1 ', '1.0-1', '1--1', '+1-1', '1-1\n', '0-0', '2-0', '9999999999-1', '1-9999999999', '1-1e0', '__proto__', '١-١'])('throws for %j', (id) => {
    makeOpen('a');
    expect(() => home.find(id)).toThrow(unknown);
  }); // prettier-ignore

  it('throws for an event of another session', () => {
    makeOpen('a');
    expect(() => homeOf().find('1-1')).toThrow(unknown);
  });

  it('throws for an answer that was no stream', () => {
    make().stream.answer(message('a'), '1');
    expect(() => home.find('1-0')).toThrow(unknown);
  });

  it('remembers 1,000 streams, and forgets first what is over', () => {
    const open = makeOpen('a');
    for (let i = 0; i < 1000; i++) makeOpen().stream.close();
    expect(home.find('1-0').stream).toBe(open.stream);
    expect(() => home.find('2-0')).toThrow(unknown);
    expect(home.find('3-0').seq).toBe(0);
  });
});

describe('Streams, for clients that were told no id,', () => {
  it('remember no stream of theirs that is cut off', () => {
    home.isPrimed = false;
    for (let i = 0; i < 1001; i++) makeOpen().connection.vanish();
    expect(() => home.find('1-0')).toThrow(unknown);
  });
});

describe('Streams', () => {
  /** One thing that happens to one of three streams. */
  const step = fc.record({
    stream: fc.nat({ max: 2 }),
    what: fc.constantFrom('send' as const, 'send' as const, 'vanish' as const, 'comeBack' as const),
  });

  /** One stream, and its client, which comes back for what it has not seen. */
  class Client {
    readonly sent: string[] = [];
    readonly #number: number;
    readonly #stream: ResumableStream;
    readonly #connections: FakeConnection[];

    constructor(number: number) {
      const { stream, connection } = makeOpen();
      this.#number = number;
      this.#stream = stream;
      this.#connections = [connection];
    }

    /** What came over all its connections. */
    get seen(): string[] {
      return this.#connections.flatMap(({ events }) => events);
    }

    send(): void {
      this.sent.push(`${this.#number}: ${this.sent.length}`);
      this.#stream.event(message(this.sent.at(-1) ?? ''));
    }

    vanish(): void {
      this.#connections.at(-1)?.vanish();
    }

    comeBack(): void {
      this.#connections.push(comeBack(`${this.#number}-${this.seen.length}`));
    }
  }

  it('give every message to the clients of its own stream, once and in order, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        home = homeOf();
        const clients = [1, 2, 3].map((number) => new Client(number));
        for (const { stream, what } of steps) clients[stream]?.[what]();
        for (const client of clients) client.comeBack();
        expect(clients.map(({ seen }) => seen)).toEqual(clients.map(({ sent }) => sent));
      }),
      { numRuns: 500 },
    );
  });
});
