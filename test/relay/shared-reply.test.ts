import { beforeEach, describe, expect, it } from '@jest/globals';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import type { Reply } from '../../src/relay/reply.ts';
import { shareReply } from '../../src/relay/shared-reply.ts';
import { FakeReply } from '../support/fake-reply.ts';

const message = (text: string): Bytes => Bytes.from(text);
let reply: FakeReply;
let a: Reply;
let b: Reply;

beforeEach(() => {
  reply = new FakeReply();
  [a, b] = shareReply(reply, 2) as [Reply, Reply];
});

describe('shareReply()', () => {
  it('makes as many as there are requests', () => {
    expect(shareReply(new FakeReply(), 3)).toHaveLength(3);
  });

  it('makes none of none, and ends nothing', () => {
    expect([shareReply(reply, 0), reply.calls]).toEqual([[], []]);
  });

  it('sends what each says on the one stream, in its order', () => {
    a.event(message('1'));
    b.event(message('2'));
    a.event(message('3'));
    expect(reply.events).toEqual(['1', '2', '3']);
  });

  it('sends answers as events, each under the id of its request', () => {
    b.answer(message('2'), '"b"');
    a.answer(message('1'), '1.0');
    expect([reply.events, reply.answered]).toEqual([
      ['2', '1'],
      ['"b"', '1.0'],
    ]);
  });

  it('ends with the last answer', () => {
    a.answer(message('1'), '1');
    const early = [...reply.calls];
    b.answer(message('2'), '2');
    expect([early, reply.calls]).toEqual([['event'], ['event', 'event', 'close']]);
  });

  it('ends when the last one is abandoned', () => {
    a.close();
    b.answer(message('2'), '2');
    expect(reply.calls).toEqual(['event', 'close']);
  });

  it('ends when all are abandoned', () => {
    a.close();
    b.close();
    expect(reply.calls).toEqual(['close']);
  });

  it('is a stream from the beginning: one refusal must not take the place of the others’ answers', () => {
    expect([a.isStream, b.isStream]).toEqual([true, true]);
  });

  it('is as slow as the one stream', () => {
    reply.isSlow = true;
    expect([a.event(message('1')), b.answer(message('2'), '2')]).toEqual([false, false]);
  });

  it('tells each of the end of the connection', () => {
    const told: string[] = [];
    a.onClose(() => told.push('a'));
    b.onDrain(() => told.push('b'));
    reply.vanish();
    expect([told, a.isOpen, b.isClosed]).toEqual([['a', 'b'], false, true]);
  });

  it('cuts all when it cuts one', () => {
    a.destroy();
    expect([reply.calls, b.isOpen]).toEqual([['destroy'], false]);
  });

  it('listens as long as the client of the one stream does', () => {
    reply.isConnected = false;
    expect([a.isConnected, a.isOpen]).toEqual([false, true]);
  });
});
