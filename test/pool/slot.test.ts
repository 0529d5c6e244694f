import { beforeEach, describe, expect, it } from '@jest/globals';
import { SlotTable, type Slot, type SlotKind } from '../../src/pool/slot.ts';
import type { Attempt } from '../../src/pool/start-history.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';

const upstream = {} as unknown as Upstream;
const attempt: Attempt = { prove: () => undefined, fail: () => undefined, drop: () => undefined };
const warm = { kind: 'warm', upstream, ageShare: 1, isOutdated: false } as const;
const kinds: readonly SlotKind[] = ['starting', 'warm', 'leased', 'retiring'];

let table: SlotTable;
let slot: Slot;

/** In how many sets a slot is. */
function memberships(of: Slot): SlotKind[] {
  return kinds.filter((kind) => table.of(kind).has(of));
}

beforeEach(() => {
  table = new SlotTable();
  slot = table.reserve('refill', attempt);
});

describe('SlotTable.reserve()', () => {
  it('takes a place at once', () => {
    expect(table.total).toBe(1);
  });

  it('makes a starting slot of that priority', () => {
    expect(slot.state).toEqual({ kind: 'starting', priority: 'refill' });
  });
});

describe('SlotTable.move()', () => {
  it.each([
    ['starting → warm', [warm]],
    ['starting → leased', [{ kind: 'leased', upstream, since: 0 }]],
    ['starting → retiring', [{ kind: 'retiring', reason: 'draining' }]],
    ['warm → leased', [warm, { kind: 'leased', upstream, since: 0 }]],
    ['warm → retiring', [warm, { kind: 'retiring', reason: 'too-old' }]],
    [
      'leased → retiring',
      [
        { kind: 'leased', upstream, since: 0 },
        { kind: 'retiring', reason: 'session-ended' },
      ],
    ],
  ] as const)('%s: the slot is in just the set of its state', (_edge, moves) => {
    for (const state of moves) table.move(slot, state);
    expect(memberships(slot)).toEqual([moves.at(-1)?.kind]);
  });

  it('keeps the total', () => {
    table.move(slot, warm);
    expect(table.total).toBe(1);
  });
});

describe('SlotTable.free()', () => {
  it.each([
    { kind: 'starting', priority: 'foreground' },
    warm,
    { kind: 'leased', upstream, since: 0 },
    { kind: 'retiring', reason: 'draining' },
  ] as const)('gives the place of a $kind slot back', (state) => {
    table.move(slot, state);
    table.free(slot);
    expect([table.total, memberships(slot)]).toEqual([0, []]);
  });

  it('does nothing the second time', () => {
    table.reserve('refill', attempt);
    table.free(slot);
    table.free(slot);
    expect(table.total).toBe(1);
  });
});
