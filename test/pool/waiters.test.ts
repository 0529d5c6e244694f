import { beforeEach, describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { Waiters } from '../../src/pool/waiters.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { never } from '../support/pool-rig.ts';

let clock: ManualClock;
let served: number;
let line: Waiters<string>;

beforeEach(() => {
  clock = new ManualClock();
  served = 0;
  line = new Waiters(clock, {
    inLineMs: () => 1000,
    totalMs: () => 5000,
    served: () => served,
    late: (waitedMs) => new BridgeError('ACQUIRE_TIMEOUT', 'late', { waitedMs }),
  });
});

/** What became of a wait. */
function follow(wait: Promise<string>): { outcome: unknown } {
  const state: { outcome: unknown } = { outcome: 'waiting' };
  wait.then(
    (value) => (state.outcome = value),
    (error: unknown) => (state.outcome = error),
  );
  return state;
}

describe('Waiters', () => {
  it('serves in the order of arrival', async () => {
    const waits = [1, 2, 3].map(() => follow(line.join(never())));
    for (const name of ['a', 'b', 'c']) line.head()?.resolve(name);
    await settle();
    expect(waits.map(({ outcome }) => outcome)).toEqual(['a', 'b', 'c']);
  });

  it('has no head when nobody waits', () => {
    expect(line.head()).toBeUndefined();
  });

  it('lets one leave that was resolved', () => {
    void line.join(never());
    line.head()?.resolve('a');
    expect(line.length).toBe(0);
  });

  it('lets one leave that was rejected', async () => {
    const wait = follow(line.join(never()));
    line.head()?.reject(new Error('no'));
    await settle();
    expect([line.length, wait.outcome]).toEqual([0, expect.objectContaining({ message: 'no' })]);
  });

  it('leaves no timer behind', () => {
    void line.join(never());
    line.head()?.resolve('a');
    expect(clock.pending).toBe(0);
  });
});

describe('Waiters, when a wait is given up,', () => {
  it('rejects with the reason of the signal', async () => {
    const abort = new AbortController();
    const wait = follow(line.join(abort.signal));
    const reason = new Error('gone');
    abort.abort(reason);
    await settle();
    expect(wait.outcome).toBe(reason);
  });

  it('takes it out of the middle of the line', async () => {
    const abort = new AbortController();
    const first = follow(line.join(never()));
    void line.join(abort.signal).catch(() => undefined);
    const third = follow(line.join(never()));
    abort.abort(new Error('gone'));
    line.head()?.resolve('a');
    line.head()?.resolve('b');
    await settle();
    expect([first.outcome, third.outcome]).toEqual(['a', 'b']);
  });

  it('does not let one in whose signal is aborted already', async () => {
    const wait = follow(line.join(AbortSignal.abort(new Error('gone'))));
    await settle();
    expect([line.length, wait.outcome]).toEqual([0, expect.objectContaining({ message: 'gone' })]);
  });

  it('leaves one alone that was served before', async () => {
    const abort = new AbortController();
    const wait = follow(line.join(abort.signal));
    line.head()?.resolve('a');
    abort.abort(new Error('gone'));
    await settle();
    expect(wait.outcome).toBe('a');
  });

  it('leaves no timer behind', () => {
    const abort = new AbortController();
    void line.join(abort.signal).catch(() => undefined);
    abort.abort(new Error('gone'));
    expect(clock.pending).toBe(0);
  });
});

describe('Waiters, after a time,', () => {
  it('reject with ACQUIRE_TIMEOUT one for whom nothing is under way', async () => {
    const wait = follow(line.join(never()));
    await clock.advance(1000);
    expect(wait.outcome).toMatchObject({ code: 'ACQUIRE_TIMEOUT', data: { waitedMs: 1000 } });
  });

  it('do not reject before it is over', async () => {
    const wait = follow(line.join(never()));
    await clock.advance(999);
    expect(wait.outcome).toBe('waiting');
  });

  it('wait longer for one whose container is on its way', async () => {
    served = 1;
    const wait = follow(line.join(never()));
    await clock.advance(4999);
    expect(wait.outcome).toBe('waiting');
  });

  it('but not for ever', async () => {
    served = 1;
    const wait = follow(line.join(never()));
    await clock.advance(5000);
    expect(wait.outcome).toMatchObject({ code: 'ACQUIRE_TIMEOUT', data: { waitedMs: 5000 } });
  });

  it('are soon over for one whose container came to nothing', async () => {
    served = 1;
    const wait = follow(line.join(never()));
    await clock.advance(2000);
    served = 0;
    await clock.advance(250);
    expect(wait.outcome).toMatchObject({ code: 'ACQUIRE_TIMEOUT' });
  });

  it('tell the heads of the line, which are served, from the rest', async () => {
    served = 2;
    const waits = [1, 2, 3].map(() => follow(line.join(never())));
    await clock.advance(1000);
    expect(waits.map(({ outcome }) => outcome instanceof BridgeError)).toEqual([false, false, true]);
  });
});

describe('Waiters, with several clients,', () => {
  /** Lets callers join, named as "a1": the client and a number. @returns the names in the order in which they are served */
  function serveAll(...names: string[]): string[] {
    const order: string[] = [];
    for (const name of names) void line.join(never(), name[0]).then(() => order.push(name));
    while (line.length > 0) line.head()?.resolve('');
    return order;
  }

  it('serve them in turns, and each one’s callers in the order they came', async () => {
    const order = serveAll('a1', 'a2', 'a3', 'b1', 'c1', 'b2');
    await settle();
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('delay one by one turn, although another has a hundred callers in line', async () => {
    const order = serveAll(...Array.from({ length: 100 }, (_, i) => `a${i}`), 'b1');
    await settle();
    expect(order.indexOf('b1')).toBe(1);
  });

  it('take a rejected head for one that has had its turn', async () => {
    const waits = ['a', 'a', 'b'].map((client) => follow(line.join(never(), client)));
    line.head()?.reject(new Error('no'));
    line.head()?.resolve('served');
    await settle();
    expect(waits.map(({ outcome }) => outcome === 'served')).toEqual([false, false, true]);
  });

  it('leave the turn with a client one of whose callers gave up', async () => {
    const abort = new AbortController();
    line.join(abort.signal, 'a').catch(() => undefined);
    const wait = follow(line.join(never(), 'a'));
    line.join(never(), 'b').catch(() => undefined);
    abort.abort(new Error('gone'));
    line.head()?.resolve('served');
    await settle();
    expect(wait.outcome).toBe('served');
  });

  it('know who is served next by turns, too, when time is up', async () => {
    served = 2;
    const waits = ['a', 'a', 'b'].map((client) => follow(line.join(never(), client)));
    await clock.advance(1000);
    expect(waits.map(({ outcome }) => outcome === 'waiting')).toEqual([true, false, true]);
  });

  it('are gone from the line with their last caller', async () => {
    const abort = new AbortController();
    for (const client of ['a', 'b', 'c']) line.join(abort.signal, client).catch(() => undefined);
    abort.abort(new Error('gone'));
    const wait = follow(line.join(never(), 'd'));
    line.head()?.resolve('served');
    await settle();
    expect([wait.outcome, line.length]).toEqual(['served', 0]);
  });
});

describe('Waiters.shorten()', () => {
  const full = new BridgeError('POOL_FULL', 'full');

  /** One caller for each letter, in this order; the last one finds the line too long. @returns who is left */
  async function left(...clients: string[]): Promise<string[]> {
    const waits = clients.map((client) => follow(line.join(never(), client)));
    line.shorten(clients.at(-1) ?? '', full);
    await settle();
    return clients.filter((_, i) => waits[i]?.outcome !== full).sort();
  }

  it.each([
    ['a', '', 'the only one there is'],
    ['aaa', 'aa', 'the newest of the only client'],
    ['ab', 'a', 'the one who came, where nobody holds more places'],
    ['abb', 'ab', 'the one who came, when its own client holds the most'],
    ['aab', 'ab', 'the newest of a client that holds more places than the one who came'],
    ['aaaabb', 'aaabb', 'the same, until both hold as many'],
    ['aabb', 'aab', 'the one who came, once both hold as many'],
    ['aaabbbbc', 'aaabbbc', 'the newest of the client that holds the most'],
    ['aabbc', 'aabc', 'the newest of those that hold the most'],
  ])('in a line of %p leaves %p: it sends away %s', async (clients, expected) => {
    expect(await left(...clients.split(''))).toEqual(expected.split(''));
  });

  it('sends away the newest of a client, not its first', async () => {
    const waits = ['a', 'a', 'b'].map((client) => follow(line.join(never(), client)));
    line.shorten('b', full);
    await settle();
    expect(waits.map(({ outcome }) => outcome)).toEqual(['waiting', full, 'waiting']);
  });

  it('lets nobody lock others out by standing in line again and again', async () => {
    const outcomes = Array.from({ length: 100 }, () => follow(line.join(never(), 'greedy')));
    const other = follow(line.join(never(), 'other'));
    line.shorten('other', full);
    for (let i = 0; i < 100; i++) {
      outcomes.push(follow(line.join(never(), 'greedy')));
      line.shorten('greedy', full);
    }
    await settle();
    expect([other.outcome, outcomes.filter(({ outcome }) => outcome === full).length]).toEqual(['waiting', 101]);
  });

  it('leaves no timer behind', () => {
    line.join(never()).catch(() => undefined);
    line.shorten('', full);
    expect(clock.pending).toBe(0);
  });
});

describe('Waiters.rejectBeyond()', () => {
  const error = new BridgeError('DRAINING', 'over');

  it('rejects everybody and empties the line with 0', async () => {
    const waits = [1, 2, 3].map(() => follow(line.join(never())));
    line.rejectBeyond(0, error);
    await settle();
    expect([line.length, ...waits.map(({ outcome }) => outcome)]).toEqual([0, error, error, error]);
  });

  it('leaves those who are served next', async () => {
    const waits = ['a', 'a', 'b'].map((client) => follow(line.join(never(), client)));
    line.rejectBeyond(2, error);
    await settle();
    expect(waits.map(({ outcome }) => outcome)).toEqual(['waiting', error, 'waiting']);
  });
});
