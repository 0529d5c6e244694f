import { beforeEach, describe, expect, it } from '@jest/globals';
import { StandaloneStreams } from '../../src/legacy/standalone-streams.ts';
import { FakeReply } from '../support/fake-reply.ts';

const message = (text: string): Buffer => Buffer.from(text);
let streams: StandaloneStreams;

beforeEach(() => {
  streams = new StandaloneStreams();
});

function add(): FakeReply {
  const stream = new FakeReply();
  streams.add(stream);
  return stream;
}

describe('StandaloneStreams.deliver()', () => {
  it('sends to the newest stream only', () => {
    const all = [add(), add(), add()];
    streams.deliver(message('a'));
    expect(all.map(({ events }) => events)).toEqual([[], [], ['a']]);
  });

  it('sends to the one before when the newest is gone', () => {
    const older = add();
    add().close();
    streams.deliver(message('a'));
    expect(older.events).toEqual(['a']);
  });

  it('keeps what comes while none is open', () => {
    streams.deliver(message('a'));
    streams.deliver(message('b'));
    expect(add().events).toEqual(['a', 'b']);
  });

  it('keeps what comes after the last one has closed', () => {
    add().close();
    streams.deliver(message('a'));
    expect(add().events).toEqual(['a']);
  });

  it('sends what was kept once', () => {
    streams.deliver(message('a'));
    add();
    expect(add().events).toEqual([]);
  });

  it('returns the stream when it is slow', () => {
    const stream = add();
    stream.isSlow = true;
    expect(streams.deliver(message('a'))).toBe(stream);
  });

  it('returns nothing when the stream keeps up', () => {
    add();
    expect(streams.deliver(message('a'))).toBeUndefined();
  });
});

describe('StandaloneStreams.add()', () => {
  it('holds four at once, and ends the oldest for a fifth', () => {
    const all = [add(), add(), add(), add(), add()];
    expect([streams.size, ...all.map(({ isOpen }) => isOpen)]).toEqual([4, false, true, true, true, true]);
  });

  it('forgets a stream that closed', () => {
    add().close();
    expect(streams.size).toBe(0);
  });

  it('returns whether the stream keeps up with what was kept', () => {
    streams.deliver(message('a'));
    const slow = new FakeReply();
    slow.isSlow = true;
    expect([streams.add(slow), streams.add(new FakeReply())]).toEqual([false, true]);
  });
});

describe('StandaloneStreams.endAll()', () => {
  it('ends every stream', () => {
    const all = [add(), add()];
    streams.endAll();
    expect([streams.size, ...all.map(({ isOpen }) => isOpen)]).toEqual([0, false, false]);
  });
});
