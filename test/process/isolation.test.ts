import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Juggler, manners, randomOf, violations, type History, type Received } from '../support/juggle.ts';
import { childrenOf } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(60_000);

const sessions = 25;

let bridge: Program;

beforeAll(async () => {
  const server = { command: fixture('juggler'), pool: { warm: 0, max: sessions } };
  bridge = await serve({ servers: { one: server, two: server, three: server } }, { args: ['--allow-process'] });
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

function newHistory(): History {
  return { calls: [], received: [], totals: new Map() };
}

describe('Many sessions with the same ids and progress tokens', () => {
  it.each([1, Date.now() % 100_000])('keep to themselves, and each request has one answer (seed %i)', async (seed) => {
    const history = newHistory();
    const random = randomOf(seed);
    const runs = Array.from({ length: sessions }, (_, i) => {
      const server = ['one', 'two', 'three'][i % 3] ?? 'one';
      const manner = manners[i % manners.length] ?? 'tidy';
      return Juggler.run(bridge.url, server, `s${i}`, manner, randomOf(random(2 ** 31)), history);
    });
    await Promise.all(runs);
    expect(violations(history)).toEqual([]);
    expect(history.received.length).toBeGreaterThan(sessions * 20);
    await until('nothing to be left', async () => {
      const { sessions: left, callsInFlight } = await bridge.status();
      return left === 0 && callsInFlight === 0 && childrenOf(bridge.pid).length === 0;
    });
  });
});

describe('violations()', () => {
  const calls = ['a', 'b'].map((session) => ({ session, id: 1, nonce: `${session}/1`, fate: 'answer' as const }));
  const totals = new Map([['a', 2]]);
  const answer = (session: string, nonce = `${session}/1`): Received => ({
    session,
    call: `${session}/1`,
    message: { id: 1, result: { nonce, ...{ serial: `${session}#1` } } },
  });
  const change = (session: string, call?: string): Received => ({
    session,
    call,
    message: {
      method: 'notifications/tools/list_changed',
      params: { _meta: { nonce: `${session}/1`, serial: `${session}#2` } },
    },
  });
  const good = [answer('a'), answer('b'), change('a')];
  const of = (received: readonly Received[]): string[] => violations({ calls, received: [...received], totals });

  it('has nothing to say about a history in order', () => {
    expect(of(good)).toEqual([]);
  });

  it.each([
    [
      'an answer of another session',
      [answer('a', 'b/1'), answer('b'), change('a')],
      ['a got b/1', 'a/1 got another one’s answer'],
    ],
    [
      'an answer too many',
      [...good, { ...answer('b'), message: { id: 1, result: { nonce: 'b/1' } } }],
      ['b/1 got 2 answers, wanted 1'],
    ],
    ['no answer', [answer('a'), change('a')], ['b/1 got 0 answers, wanted 1']],
    ['a message that came twice', [...good, change('a')], ['a#2 came twice']],
    ['a message that is lost', [answer('a'), answer('b')], ['a#2 did not come']],
    ['a change on the stream of a call', [answer('a'), answer('b'), change('a', 'a/1')], ['a/1 got a change']],
    [
      'an answer on another stream',
      [answer('a'), { ...answer('b'), call: undefined }, change('a')],
      ['the answer to b/1 came on GET'],
    ],
    [
      'an error for a good call',
      [answer('a'), { ...answer('b'), message: { id: 1, error: {} } }, change('a')],
      ['b/1 got an error'],
    ],
    [
      'progress of another call',
      [...good, { session: 'b', call: 'b/1', message: { method: 'notifications/progress', params: { nonce: 'b/2' } } }],
      ['b/1 got b/2'],
    ],
    [
      'an answer to a question of another one',
      [
        ...good.slice(1),
        { ...answer('a'), message: { id: 1, result: { nonce: 'a/1', serial: 'a#1', foreign: 'b/1' } } },
      ],
      ['a: b/1'],
    ],
  ])('notices %s', (_, received, wanted) => {
    expect(of(received)).toEqual(wanted);
  });

  it('notices any two messages of a real history that change places', () => {
    const history = newHistory();
    for (const session of ['a', 'b', 'c']) {
      for (let id = 1; id <= 5; id++) {
        const nonce = `${session}/${id}`;
        history.calls.push({ session, id, nonce, fate: 'answer' });
        history.received.push({ session, call: nonce, message: { id, result: { nonce } } });
      }
    }
    expect(violations(history)).toEqual([]);
    const { received } = history;
    for (let i = 0; i < received.length; i++) {
      for (let j = 0; j < i; j++) {
        const mixed = received.map((each, at) => {
          const other = at === i ? received[j] : at === j ? received[i] : undefined;
          return other ? { ...each, message: other.message } : each;
        });
        expect(violations({ ...history, received: mixed })).not.toEqual([]);
      }
    }
  });
});
