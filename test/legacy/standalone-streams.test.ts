import { beforeEach, describe, expect, it } from '@jest/globals';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { ResumableStream } from '../../src/legacy/resumable-stream.ts';
import { StandaloneStreams } from '../../src/legacy/standalone-streams.ts';
import { Streams } from '../../src/legacy/streams.ts';
import { FakeConnection } from '../support/fake-connection.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const message = (text: string): Bytes => Bytes.from(text);
let home: Streams;
let standalone: StandaloneStreams;

beforeEach(() => {
  home = new Streams({ events: 1000, bytes: 1_000_000, ageMs: 1_000_000 }, new ManualClock());
  home.isPrimed = true;
  standalone = new StandaloneStreams();
});

interface Get {
  readonly stream: ResumableStream;
  readonly connection: FakeConnection;
}

function make(): Get {
  const connection = new FakeConnection();
  return { connection, stream: new ResumableStream(connection, home) };
}

function add(): Get {
  const get = make();
  standalone.add(get.stream);
  return get;
}

/** The client comes back to a stream. */
function comeBack({ stream }: Get): FakeConnection {
  const connection = new FakeConnection();
  stream.resume(connection, 0);
  standalone.add(stream);
  return connection;
}

describe('StandaloneStreams.deliver()', () => {
  it('sends to the newest stream only', () => {
    const all = [add(), add(), add()];
    standalone.deliver(message('a'));
    expect(all.map(({ connection }) => connection.events)).toEqual([[], [], ['a']]);
  });

  it('sends to the one before when the newest is gone', () => {
    const older = add();
    add().connection.vanish();
    standalone.deliver(message('a'));
    expect(older.connection.events).toEqual(['a']);
  });

  it('sends to the one that its client came back to last', () => {
    const older = add();
    const newer = add();
    older.connection.vanish();
    const again = comeBack(older);
    standalone.deliver(message('a'));
    expect([again.events, newer.connection.events]).toEqual([['a'], []]);
  });

  it('keeps what comes while none is open', () => {
    standalone.deliver(message('a'));
    standalone.deliver(message('b'));
    expect(add().connection.events).toEqual(['a', 'b']);
  });

  it('keeps what comes after the last one has closed', () => {
    add().connection.vanish();
    standalone.deliver(message('a'));
    expect(add().connection.events).toEqual(['a']);
  });

  it('gives what was kept to a client that comes back', () => {
    const get = add();
    get.connection.vanish();
    standalone.deliver(message('a'));
    expect(comeBack(get).events).toEqual(['a']);
  });

  it('sends what was kept once', () => {
    standalone.deliver(message('a'));
    add();
    expect(add().connection.events).toEqual([]);
  });

  it('returns the stream when it is slow', () => {
    const { stream, connection } = add();
    connection.isSlow = true;
    expect(standalone.deliver(message('a'))).toBe(stream);
  });

  it('returns nothing when the stream keeps up', () => {
    add();
    expect(standalone.deliver(message('a'))).toBeUndefined();
  });
});

describe('StandaloneStreams.add()', () => {
  it('opens the stream at once', () => {
    expect(add().connection.calls).toEqual(['openStream', 'prime 1000']);
  });

  it('holds four at once, and ends the oldest for a fifth', () => {
    const all = [add(), add(), add(), add(), add()];
    expect(all.map(({ connection }) => connection.isOpen)).toEqual([false, true, true, true, true]);
  });

  it('counts a stream that closed no more', () => {
    const all = [add(), add(), add(), add()];
    all[3]?.connection.vanish();
    add();
    expect(all[0]?.connection.isOpen).toBe(true);
  });

  it('counts a stream once whose client comes back again and again', () => {
    const first = add();
    const other = add();
    for (let i = 0; i < 5; i++) comeBack(other);
    expect(first.connection.isOpen).toBe(true);
  });

  it('remembers 64 streams, and forgets the oldest that is not connected', () => {
    const gone = Array.from({ length: 64 }, () => {
      const get = add();
      get.connection.vanish();
      return get;
    });
    add();
    expect(gone.map(({ stream }) => standalone.has(stream))).toEqual([
      false,
      ...Array.from({ length: 63 }, () => true),
    ]);
  });

  it('returns whether the stream keeps up with what was kept', () => {
    standalone.deliver(message('a'));
    const slow = make();
    slow.connection.isSlow = true;
    expect([standalone.add(slow.stream), standalone.add(make().stream)]).toEqual([false, true]);
  });
});

describe('StandaloneStreams.isConnected', () => {
  it('is whether a client listens', async () => {
    const before = standalone.isConnected;
    const { connection } = add();
    const during = standalone.isConnected;
    connection.vanish();
    await settle();
    expect([before, during, standalone.isConnected]).toEqual([false, true, false]);
  });
});

describe('StandaloneStreams.endAll()', () => {
  it('ends every stream', () => {
    const all = [add(), add()];
    standalone.endAll();
    expect(all.map(({ connection }) => connection.isOpen)).toEqual([false, false]);
  });

  it('ends also those whose clients could have come back', () => {
    const { stream, connection } = add();
    connection.vanish();
    standalone.endAll();
    expect([stream.isEnded, standalone.has(stream)]).toEqual([true, false]);
  });
});
