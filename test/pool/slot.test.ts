import { beforeEach, describe, expect, it } from '@jest/globals';
import { SlotTable, type Slot } from '../../src/pool/slot.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';

const upstream = {} as unknown as Upstream;
type SlotKind = Slot['state']['kind'];
const kinds: readonly SlotKind[] = ['starting', 'warm', 'leased', 'retiring'];

let table: SlotTable<Slot>;
let slot: Slot;

/** In how many sets a slot is. */
function memberships(of: Slot): SlotKind[] {
  return kinds.filter((kind) => table.of(kind).has(of));
}

beforeEach(() => {
  table = new SlotTable<Slot>();
  slot = table.reserve<Slot>({ state: { kind: 'starting', priority: 'refill' } });
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
    ['starting → warm', [{ kind: 'warm', upstream }]],
    ['starting → leased', [{ kind: 'leased', upstream, since: 0 }]],
    ['starting → retiring', [{ kind: 'retiring', reason: 'draining' }]],
    [
      'warm → leased',
      [
        { kind: 'warm', upstream },
        { kind: 'leased', upstream, since: 0 },
      ],
    ],
    [
      'warm → retiring',
      [
        { kind: 'warm', upstream },
        { kind: 'retiring', reason: 'too-old' },
      ],
    ],
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
    table.move(slot, { kind: 'warm', upstream });
    expect(table.total).toBe(1);
  });
});

describe('SlotTable.free()', () => {
  it.each([
    { kind: 'starting', priority: 'foreground' },
    { kind: 'warm', upstream },
    { kind: 'leased', upstream, since: 0 },
    { kind: 'retiring', reason: 'draining' },
  ] as const)('gives the place of a $kind slot back', (state) => {
    table.move(slot, state);
    table.free(slot);
    expect([table.total, memberships(slot)]).toEqual([0, []]);
  });

  it('does nothing the second time', () => {
    table.reserve<Slot>({ state: { kind: 'starting', priority: 'refill' } });
    table.free(slot);
    table.free(slot);
    expect(table.total).toBe(1);
  });
});
