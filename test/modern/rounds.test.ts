import { describe, expect, it } from '@jest/globals';
import { codeOf, messageOf } from '../../src/base/errors.ts';
import { isClaimed } from '../../src/modern/incoming.ts';
import type { Parked } from '../../src/modern/rounds.ts';
import { bindingOf, Rounds } from '../../src/modern/rounds.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { modernRequest } from '../support/modern-requests.ts';

class Call implements Parked {
  expired = 0;
  onExpired(): void {
    this.expired += 1;
  }
}

function rig(limit = 10): { clock: ManualClock; rounds: Rounds<Call> } {
  const clock = new ManualClock();
  return { clock, rounds: new Rounds<Call>({ clock, limit: () => limit }) };
}

function outcome(look: () => unknown): unknown {
  try {
    return look();
  } catch (error) {
    return [codeOf(error), messageOf(error).replace(/^.*: its requestState /, '')];
  }
}

const notForIt = ['ROUND_UNKNOWN', 'was not given for it'];
const usedUp = ['ROUND_UNKNOWN', 'is used up or has expired'];

describe('Rounds', () => {
  it('find a call by what was given for it, as long as it waits', () => {
    const { rounds } = rig();
    const call = new Call();
    const state = rounds.park(call, 'binding', 1000)!;
    expect(rounds.find(state, 'binding')).toBe(call);
    expect(rounds.find(state, 'binding')).toBe(call);
    rounds.remove(call);
    expect(outcome(() => rounds.find(state, 'binding'))).toEqual(usedUp);
  });

  it('give another state for each round', () => {
    const { rounds } = rig();
    const call = new Call();
    const first = rounds.park(call, 'binding', 1000)!;
    rounds.remove(call);
    const second = rounds.park(call, 'binding', 1000)!;
    expect(second).not.toBe(first);
    expect(outcome(() => rounds.find(first, 'binding'))).toEqual(usedUp);
    expect(rounds.find(second, 'binding')).toBe(call);
  });

  it('refuse a state with any character changed, left out or added', () => {
    const { rounds } = rig();
    const state = rounds.park(new Call(), 'binding', 1000)!;
    for (let at = 0; at < state.length; at++) {
      for (const other of ['A', 'b', '.', '-', '']) {
        const forged = state.slice(0, at) + other + state.slice(at + 1);
        if (forged !== state) expect(outcome(() => rounds.find(forged, 'binding'))).toEqual(notForIt);
      }
    }
    for (const forged of ['', '.', `${state}-TAMPERED`, `${state}.`, ` ${state}`, `${state}=`, state.toUpperCase()]) {
      expect(outcome(() => rounds.find(forged, 'binding'))).toEqual(notForIt);
    }
  });

  it('refuse a state that was given for something else, or by another bridge', () => {
    const { rounds } = rig();
    const state = rounds.park(new Call(), 'binding', 1000)!;
    expect(outcome(() => rounds.find(state, 'other'))).toEqual(notForIt);
    expect(outcome(() => rig().rounds.find(state, 'binding'))).toEqual(notForIt);
  });

  it('expire once, and not before their time', async () => {
    const { clock, rounds } = rig();
    const [short, long] = [new Call(), new Call()];
    const states = [rounds.park(long, 'b', 2000)!, rounds.park(short, 'b', 1000)!];
    await clock.advance(999);
    rounds.tick(clock.now());
    expect([short.expired, long.expired, rounds.size]).toEqual([0, 0, 2]);
    await clock.advance(1);
    rounds.tick(clock.now());
    rounds.tick(clock.now());
    expect([short.expired, long.expired, rounds.size]).toEqual([1, 0, 1]);
    expect(outcome(() => rounds.find(states[1]!, 'b'))).toEqual(usedUp);
    expect(rounds.find(states[0]!, 'b')).toBe(long);
  });

  it('take no more than their limit', () => {
    const { rounds } = rig(2);
    const calls = [new Call(), new Call(), new Call()] as const;
    expect(rounds.park(calls[0], 'b', 1000)).toBeDefined();
    expect(rounds.park(calls[1], 'b', 1000)).toBeDefined();
    expect(rounds.park(calls[2], 'b', 1000)).toBeUndefined();
    rounds.remove(calls[0]);
    expect(rounds.park(calls[2], 'b', 1000)).toBeDefined();
  });
});

describe('bindingOf() is the same', () => {
  const of = (params: object, principal = 'p', server = 's', method = 'tools/call'): string => {
    const { request, bytes } = modernRequest(method, params);
    if (!isClaimed(request)) throw new Error('wanted a claim');
    return bindingOf({ principal, request, bytes }, server);
  };
  const params = { name: 'n', arguments: { a: 1, b: { c: [2, 3] } } };

  it('for the same request in other words', () => {
    expect(of({ arguments: { b: { c: [2, 3] }, a: 1 }, name: 'n' })).toBe(of(params));
  });

  it('for each round of a request', () => {
    expect(of({ ...params, requestState: 's', inputResponses: { a: {} } })).toBe(of(params));
  });

  it('for nothing else', () => {
    const others = [
      of({ ...params, name: 'm' }),
      of({ ...params, arguments: { a: 2, b: { c: [2, 3] } } }),
      of({ ...params, arguments: { a: 1, b: { c: [3, 2] } } }),
      of({ ...params, other: 1 }),
      of({ name: 'n' }),
      of(params, 'q'),
      of(params, 'p', 't'),
      of(params, 'p', 's', 'prompts/get'),
      of(params, 'p"\n"s', ''),
    ];
    expect(new Set([of(params), ...others]).size).toBe(others.length + 1);
  });
});
