import { beforeEach, describe, expect, it } from '@jest/globals';
import { Questions } from '../../src/legacy/questions.ts';
import { Exchange } from '../../src/relay/exchange.ts';
import { aRequest } from '../support/envelopes.ts';
import { FakeReply } from '../support/fake-reply.ts';

let questions: Questions;
let exchange: Exchange;

beforeEach(() => {
  questions = new Questions();
  exchange = new Exchange(aRequest(1), new FakeReply(), 0, {
    callTimeoutMs: 1000,
    maxCallTimeMs: 100_000,
    silentMs: 1000,
  });
});

describe('Questions', () => {
  it('wait for one answer', () => {
    questions.ask('q', undefined);
    const before = questions.has('q');
    questions.answer('q', 0);
    expect([before, questions.has('q')]).toEqual([true, false]);
  });

  it('give their exchange time until they are answered', () => {
    questions.ask('q', exchange);
    const asked = exchange.isLate(5000);
    questions.answer('q', 5000);
    expect([asked, exchange.isLate(5999), exchange.isLate(6000)]).toEqual([false, false, true]);
  });

  it('are forgotten beyond 1,000, the oldest first, and hold up no exchange then', () => {
    questions.ask('oldest', exchange);
    for (let i = 0; i < 1000; i++) questions.ask(`q${i}`, undefined);
    expect([questions.has('oldest'), questions.has('q0'), exchange.isLate(5000)]).toEqual([false, true, true]);
  });
});
