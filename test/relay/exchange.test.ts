import { beforeEach, describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { Exchange } from '../../src/relay/exchange.ts';
import { aRequest } from '../support/envelopes.ts';
import { FakeReply } from '../support/fake-reply.ts';

const answer = Bytes.from('{"jsonrpc":"2.0","id":1,"result":{}}');
const note = Bytes.from('{"jsonrpc":"2.0","method":"notifications/progress"}');
const limits = { callTimeoutMs: 60_000, maxCallTimeMs: 600_000, silentMs: 10_000 };

let reply: FakeReply;
let exchange: Exchange;

beforeEach(() => {
  reply = new FakeReply();
  exchange = new Exchange(aRequest(1, { idText: '1.0', progressToken: 'p' }), reply, 1000, limits);
});

describe('Exchange.finish()', () => {
  it('is the answer, under the id as it was written', () => {
    exchange.finish(answer);
    expect([reply.calls, reply.answers, reply.answered]).toEqual([['answer'], [answer.toString()], ['1.0']]);
  });

  it('is the answer also when anything came before', () => {
    exchange.deliver(note);
    exchange.finish(answer);
    expect([reply.calls, reply.events, reply.answers]).toEqual([
      ['event', 'answer'],
      [note.toString()],
      [answer.toString()],
    ]);
  });

  it('answers once', () => {
    exchange.finish(answer);
    exchange.finish(answer);
    expect(reply.calls).toEqual(['answer']);
  });

  it('says that the client reads slower than the server writes', () => {
    exchange.deliver(note);
    reply.isSlow = true;
    expect(exchange.finish(answer)).toBe(false);
  });

  it('does nothing when the client is gone', () => {
    reply.vanish();
    exchange.finish(answer);
    expect(reply.calls).toEqual([]);
  });
});

describe('Exchange.deliver()', () => {
  it('makes a stream of it', () => {
    exchange.deliver(note);
    expect(reply.isStream).toBe(true);
  });

  it('returns true for a client that keeps up', () => {
    expect(exchange.deliver(note)).toBe(true);
  });

  it('returns false for a slow client', () => {
    reply.isSlow = true;
    expect(exchange.deliver(note)).toBe(false);
  });

  it('does nothing when the client is gone', () => {
    reply.vanish();
    expect([exchange.deliver(note), reply.calls]).toEqual([true, []]);
  });

  it('does nothing after the answer', () => {
    exchange.finish(answer);
    exchange.deliver(note);
    expect(reply.calls).toEqual(['answer']);
  });
});

describe('Exchange.keepAlive()', () => {
  it('leaves the answer’s form open for 10 s', () => {
    exchange.keepAlive(10_999);
    expect(reply.calls).toEqual([]);
  });

  it('makes a stream of it after 10 s of silence', () => {
    exchange.keepAlive(11_000);
    expect(reply.calls).toEqual(['openStream']);
  });

  it('opens the stream once', () => {
    exchange.keepAlive(11_000);
    exchange.keepAlive(12_000);
    expect(reply.calls).toEqual(['openStream']);
  });

  it('lets the answer come then', () => {
    exchange.keepAlive(11_000);
    exchange.finish(answer);
    expect(reply.calls).toEqual(['openStream', 'answer']);
  });

  it('does nothing for a stream that is open', () => {
    exchange.deliver(note);
    exchange.keepAlive(11_000);
    expect(reply.calls).toEqual(['event']);
  });

  it('does nothing when the client is gone', () => {
    reply.vanish();
    exchange.keepAlive(11_000);
    expect(reply.calls).toEqual([]);
  });
});

describe('Exchange.fail()', () => {
  it('answers under the caller’s id, as it was written', () => {
    exchange.fail(new BridgeError('CALL_TIMEOUT', 'too slow'));
    expect(reply.answers[0]).toMatch(/^\{"jsonrpc":"2\.0","id":1\.0,"error":/);
  });

  it('is the answer on an open stream too', () => {
    exchange.deliver(note);
    exchange.fail(new BridgeError('CALL_TIMEOUT', 'too slow'));
    expect(reply.calls).toEqual(['event', 'answer']);
  });

  it('says what Gangway itself says', () => {
    exchange.fail(new BridgeError('CALL_TIMEOUT', 'too slow', { waitedMs: 5 }));
    expect(JSON.parse(reply.answers[0] ?? '')).toMatchObject({
      error: { code: -32603, data: { gangway: { reason: 'CALL_TIMEOUT', retryable: true, waitedMs: 5 } } },
    });
  });

  it('tells nothing of a fault of our own', () => {
    exchange.fail(new TypeError('/home/me/secret'));
    expect(JSON.parse(reply.answers[0] ?? '')).toMatchObject({ error: { message: 'Internal error' } });
  });
});

describe('Exchange.refuse()', () => {
  it('is a status of its own before anything was sent', () => {
    exchange.refuse(new BridgeError('START_FAILED', 'no'));
    expect([reply.calls, reply.refusals[0]]).toEqual([
      ['refuse'],
      { code: 'START_FAILED', message: 'no', idText: '1.0' },
    ]);
  });

  it('is an error message on an open stream', () => {
    exchange.deliver(note);
    exchange.refuse(new BridgeError('START_FAILED', 'no'));
    expect(reply.calls).toEqual(['event', 'answer']);
  });

  it('does nothing after the answer', () => {
    exchange.finish(answer);
    exchange.refuse(new BridgeError('START_FAILED', 'no'));
    expect(reply.calls).toEqual(['answer']);
  });

  it('does nothing when the client is gone', () => {
    reply.vanish();
    exchange.refuse(new BridgeError('START_FAILED', 'no'));
    expect(reply.calls).toEqual([]);
  });
});

describe('Exchange.abandon()', () => {
  it('ends without an answer', () => {
    exchange.abandon();
    expect(reply.calls).toEqual(['close']);
  });

  it('ends an open stream', () => {
    exchange.deliver(note);
    exchange.abandon();
    expect(reply.calls).toEqual(['event', 'close']);
  });

  it('lets no late answer through', () => {
    exchange.abandon();
    exchange.finish(answer);
    expect(reply.calls).toEqual(['close']);
  });

  it('does nothing when the client is gone', () => {
    reply.vanish();
    exchange.abandon();
    expect(reply.calls).toEqual([]);
  });
});

describe('Exchange.isLate()', () => {
  it('is false until callTimeout', () => {
    expect(exchange.isLate(60_999)).toBe(false);
  });

  it('is true after callTimeout without a sign of life', () => {
    expect(exchange.isLate(61_000)).toBe(true);
  });

  it('begins anew with progress', () => {
    exchange.touch(50_000);
    expect([exchange.isLate(109_999), exchange.isLate(110_000)]).toEqual([false, true]);
  });

  it('does not count other messages as progress', () => {
    exchange.deliver(note);
    expect(exchange.isLate(61_000)).toBe(true);
  });

  it('is true after maxCallTime, whatever the progress', () => {
    exchange.touch(600_999);
    expect([exchange.isLate(600_999), exchange.isLate(601_000)]).toEqual([false, true]);
  });

  it('waits while the client is asked something', () => {
    exchange.ask('q');
    expect(exchange.isLate(500_000)).toBe(false);
  });

  it('does not wait for ever while the client is asked something', () => {
    exchange.ask('q');
    expect(exchange.isLate(601_000)).toBe(true);
  });

  it('begins anew when the client has answered', () => {
    exchange.ask('q');
    exchange.answer('q', 200_000);
    expect([exchange.isLate(259_999), exchange.isLate(260_000)]).toEqual([false, true]);
  });

  it('waits while one of two questions is open', () => {
    exchange.ask('q');
    exchange.ask('r');
    exchange.answer('q', 2000);
    expect(exchange.isLate(300_000)).toBe(false);
  });
});

describe('Exchange.answer()', () => {
  it('is false for a question of another', () => {
    expect(exchange.answer('q', 0)).toBe(false);
  });

  it('is true once', () => {
    exchange.ask('q');
    expect([exchange.answer('q', 0), exchange.answer('q', 0)]).toEqual([true, false]);
  });
});

describe('Exchange', () => {
  it('tells its age', () => {
    expect(exchange.age(3500)).toBe(2500);
  });
});
