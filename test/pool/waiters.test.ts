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
  line = new Waiters(clock, { inLineMs: 1000, totalMs: 5000, served: () => served });
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

describe('Waiters.rejectAll()', () => {
  it('rejects everybody and empties the line', async () => {
    const waits = [1, 2, 3].map(() => follow(line.join(never())));
    const error = new BridgeError('DRAINING', 'over');
    line.rejectAll(error);
    await settle();
    expect([line.length, ...waits.map(({ outcome }) => outcome)]).toEqual([0, error, error, error]);
  });
});
