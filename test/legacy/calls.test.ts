import { describe, expect, it } from '@jest/globals';
import { codeOf } from '../../src/base/errors.ts';
import type { Id, Request } from '../../src/jsonrpc/message.ts';
import { Calls } from '../../src/legacy/calls.ts';
import { Exchange } from '../../src/relay/exchange.ts';
import { aRequest } from '../support/envelopes.ts';
import { FakeReply } from '../support/fake-reply.ts';

const limits = { callTimeoutMs: 1, maxCallTimeMs: 1, silentMs: 1 };

function exchange(id: Id, facts: Partial<Request> = {}): Exchange & { readonly reply: FakeReply } {
  return new Exchange(aRequest(id, facts), new FakeReply(), 0, limits) as Exchange & { readonly reply: FakeReply };
}

function callsOf(...exchanges: Exchange[]): Calls {
  const calls = new Calls();
  for (const one of exchanges) calls.add(one);
  return calls;
}

describe('Calls', () => {
  it('finds by id and by token, each by its type', () => {
    const number = exchange(1, { progressToken: '1' });
    const text = exchange('1', { progressToken: 1 });
    const calls = callsOf(number, text);
    expect([calls.byId(1) === number, calls.byId('1') === text]).toEqual([true, true]);
    expect([calls.byToken(1) === text, calls.byToken('1') === number]).toEqual([true, true]);
  });

  it.each<[string, Exchange[], string | undefined]>([
    ['an id in use', [exchange(1)], 'DUPLICATE_ID'],
    ['a token in use', [exchange(2, { progressToken: 't' })], 'DUPLICATE_ID'],
    ['an id twice', [exchange(2), exchange(2)], 'DUPLICATE_ID'],
    ['a token twice', [exchange(2, { progressToken: 'u' }), exchange(3, { progressToken: 'u' })], 'DUPLICATE_ID'],
    ['the same in quotes', [exchange('1', { progressToken: 'u' })], undefined],
    ['as many as there may be', Array.from({ length: 999 }, (_x, i) => exchange(i + 2)), undefined],
    ['one more', Array.from({ length: 1000 }, (_x, i) => exchange(i + 2)), 'UPSTREAM_BUSY'],
  ])('refuses a clash: %s', (_what, exchanges, code) => {
    const calls = callsOf(exchange(1, { progressToken: 't' }));
    let refused: unknown;
    try {
      calls.refuseClash(exchanges);
    } catch (error) {
      refused = error;
    }
    expect([codeOf(refused), calls.size]).toEqual([code, 1]);
  });

  it('finds nothing that is over', () => {
    const one = exchange(1, { progressToken: 't' });
    const calls = callsOf(one);
    calls.remove(one);
    expect([calls.size, calls.byId(one.request.id), calls.byToken('t'), calls.newestOpen()]).toEqual([
      0,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('finds the newest whose client listens, and the newest whose client may come back', () => {
    const [a, b, c] = [exchange('a'), exchange('b'), exchange('c')];
    const calls = callsOf(a, b, c);
    b.reply.isConnected = false;
    c.reply.isConnected = false;
    c.reply.isOpen = false;
    expect([calls.newestConnected() === a, calls.newestOpen() === b]).toEqual([true, true]);
  });

  it('finds the request that waits for a task, and no other about it', () => {
    const get = exchange(1, { method: 'tasks/get', taskId: 't' });
    const result = exchange(2, { method: 'tasks/result', taskId: 't' });
    const other = exchange(3, { method: 'tasks/result', taskId: 'u' });
    const calls = callsOf(result, other, get);
    expect([calls.byTask('t') === result, calls.byTask('v')]).toEqual([true, undefined]);
  });

  it('remembers the token of a request that made a task, once it is answered', () => {
    const task = exchange(1, { progressToken: 't', isTask: true });
    const plain = exchange(2, { progressToken: 'p' });
    const calls = callsOf(task, plain);
    const before = calls.isTaskToken('t');
    calls.remove(task);
    calls.remove(plain);
    expect([before, calls.isTaskToken('t'), calls.isTaskToken('p')]).toEqual([false, true, false]);
  });

  it('remembers 1,000 such tokens, and forgets the oldest', () => {
    const calls = new Calls();
    for (let i = 0; i <= 1000; i++) {
      const task = exchange(i, { progressToken: i, isTask: true });
      calls.add(task);
      calls.remove(task);
    }
    expect([0, 1, 1000].map((token) => calls.isTaskToken(token))).toEqual([false, true, true]);
  });
});
