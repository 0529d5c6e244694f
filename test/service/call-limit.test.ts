import { describe, expect, it } from '@jest/globals';
import { CallLimit } from '../../src/service/call-limit.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** Requests under way, counted for the limit, and how often they were. */
function rig(limit: number) {
  const clock = new ManualClock();
  const state = { underWay: 0, counts: 0 };
  const count = (): number => {
    state.counts += 1;
    return state.underWay;
  };
  const calls = new CallLimit(() => limit, count, clock);
  /** As many requests in one body; they begin if they may. */
  const begin = (wanted = 1): boolean => {
    const isTaken = calls.take(wanted);
    if (isTaken) state.underWay += wanted;
    return isTaken;
  };
  return { clock, state, begin };
}

describe('CallLimit.take()', () => {
  it('lets as many be under way as the limit says', () => {
    const { begin } = rig(3);
    expect([begin(), begin(), begin(), begin()]).toEqual([true, true, true, false]);
  });

  it('lets another in when one has ended', async () => {
    const { begin, clock, state } = rig(3);
    for (let n = 0; n < 4; n++) begin();
    state.underWay -= 1;
    await clock.advance(1);
    expect([begin(), begin()]).toEqual([true, false]);
  });

  it('never refuses for requests that have ended long ago', async () => {
    const { begin, clock, state } = rig(3);
    for (let n = 0; n < 100; n++) {
      expect(begin()).toBe(true);
      state.underWay -= 1;
      await clock.advance(1);
    }
  });

  it('takes those of a batch all or none', async () => {
    const { begin, clock } = rig(3);
    begin();
    expect(begin(3)).toBe(false);
    await clock.advance(1);
    expect(begin(2)).toBe(true);
  });

  it('does not count as long as the limit is far', () => {
    const { begin, state } = rig(100);
    for (let n = 0; n < 100; n++) begin();
    expect(state.counts).toBe(0);
  });

  it('counts once a millisecond at the most, however many are refused', async () => {
    const { begin, clock, state } = rig(1);
    begin();
    for (let n = 0; n < 1000; n++) expect(begin()).toBe(false);
    expect(state.counts).toBe(1);
    await clock.advance(1);
    begin();
    expect(state.counts).toBe(2);
  });
});
