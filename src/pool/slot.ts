import type { Upstream } from '../upstream/upstream.ts';
import type { StartPriority, Turn } from './start-gate.ts';

export type RetireReason = 'session-ended' | 'never-used' | 'start-failed' | 'too-old' | 'draining' | 'not-wanted';

/**
 * A place for one upstream in a pool. The set that a slot is in is its state, and `SlotTable.move` is the one function
 * that moves it. `starting` has its upstream from the moment of its spawn; `warm` one runs and has not been spoken to;
 * a `retiring` one counts until its container is gone for certain, so that the cap holds for containers.
 */
export type SlotState =
  | { readonly kind: 'starting'; readonly priority: StartPriority; readonly turn?: Turn; readonly upstream?: Upstream }
  | { readonly kind: 'warm'; readonly upstream: Upstream }
  | { readonly kind: 'leased'; readonly upstream: Upstream; readonly since: number }
  | { readonly kind: 'retiring'; readonly reason: RetireReason };

export type SlotKind = SlotState['kind'];

export interface Slot {
  state: SlotState;
}

/** All slots of a pool, by state. */
export class SlotTable {
  readonly #sets: Readonly<Record<SlotKind, Set<Slot>>> = {
    starting: new Set(),
    warm: new Set(),
    leased: new Set(),
    retiring: new Set(),
  };

  /** Takes a place before anything is awaited: the cap holds under any race. */
  reserve(priority: StartPriority): Slot {
    const slot: Slot = { state: { kind: 'starting', priority } };
    this.#sets.starting.add(slot);
    return slot;
  }

  move(slot: Slot, next: SlotState): void {
    this.#sets[slot.state.kind].delete(slot);
    slot.state = next;
    this.#sets[next.kind].add(slot);
  }

  /** The container is gone: the place is free. */
  free(slot: Slot): void {
    this.#sets[slot.state.kind].delete(slot);
  }

  of(kind: SlotKind): ReadonlySet<Slot> {
    return this.#sets[kind];
  }

  get total(): number {
    return Object.values(this.#sets).reduce((sum, set) => sum + set.size, 0);
  }
}
