import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isExpired, isReady, leastBusy, type ReadySlot, type SharedSlot } from '../../src/pool/shared-slot.ts';

interface Facts {
  readonly ongoing?: number;
  readonly uses?: number;
  readonly isSuspect?: boolean;
  readonly isBusy?: boolean;
  readonly hasEnded?: boolean;
  readonly expiresAt?: number;
  readonly isRecycled?: boolean;
}

function aSlot(facts: Facts = {}): ReadySlot {
  const { ongoing = 0, uses = 0, isSuspect = false, isBusy = false, hasEnded = false, expiresAt = Infinity } = facts;
  const state = {
    ...{ kind: 'ready', since: 0, expiresAt },
    ...{ shared: { hasEnded, upstream: { isBusy } }, health: { isSuspect } },
  };
  return { state, ongoing, uses, reservations: 0, isRecycled: facts.isRecycled ?? false } as unknown as ReadySlot;
}

const others: SharedSlot[] = [
  { state: { kind: 'starting', priority: 'refill' }, ongoing: 0, guards: 0, uses: 0, isRecycled: false },
  { state: { kind: 'retiring', reason: 'surplus' }, ongoing: 0, guards: 0, uses: 0, isRecycled: false },
] as unknown as SharedSlot[];

describe('leastBusy()', () => {
  it('is the one with the fewest calls', () => {
    const slots = [2, 1, 3].map((ongoing) => aSlot({ ongoing }));
    expect(leastBusy(slots, 10)).toBe(slots[1]);
  });

  it('is the first of those with equally few', () => {
    const slots = [1, 1].map((ongoing) => aSlot({ ongoing }));
    expect(leastBusy(slots, 10)).toBe(slots[0]);
  });

  it('is nobody without slots', () => {
    expect(leastBusy([], 10)).toBeUndefined();
  });

  it.each<[string, SharedSlot]>([
    ['has as many calls as it may', aSlot({ ongoing: 3 })],
    ['left a call without an answer', aSlot({ isSuspect: true })],
    ['does not read its input', aSlot({ isBusy: true })],
    ['has ended already', aSlot({ hasEnded: true })],
    ['is starting', others[0]!],
    ['is retiring', others[1]!],
  ])('is not one that %s', (_what, slot) => {
    expect(leastBusy([slot, aSlot({ ongoing: 2 })], 3)?.ongoing).toBe(2);
    expect(leastBusy([slot], 3)).toBeUndefined();
  });

  it('is what a search through all of them finds', () => {
    const facts = fc.record({ ongoing: fc.nat(5), isSuspect: fc.boolean(), isBusy: fc.boolean() });
    fc.assert(
      fc.property(fc.array(facts, { maxLength: 8 }), fc.integer({ min: 1, max: 6 }), (all, maxOngoing) => {
        const open = all.filter(({ ongoing, isSuspect, isBusy }) => ongoing < maxOngoing && !isSuspect && !isBusy);
        const fewest = open.length === 0 ? undefined : Math.min(...open.map(({ ongoing }) => ongoing));
        expect(leastBusy(all.map(aSlot), maxOngoing)?.ongoing).toBe(fewest);
      }),
    );
  });
});

describe('isReady()', () => {
  it('is true for one that serves', () => {
    expect([aSlot(), ...others].map(isReady)).toEqual([true, false, false]);
  });
});

describe('isExpired()', () => {
  it.each<[string, Facts, number, boolean]>([
    ['a young one with few uses', { uses: 5, expiresAt: 1001 }, 10, false],
    ['one that is just old enough', { expiresAt: 1000 }, 10, true],
    ['one that is used up', { uses: 10 }, 10, true],
    ['one with any number of uses and no limit', { uses: 1_000_000 }, 0, false],
    ['one that was told to go', { isRecycled: true }, 0, true],
  ])('%s', (_what, facts, maxUses, wanted) => {
    expect(isExpired(aSlot(facts), maxUses, 1000)).toBe(wanted);
  });
});
