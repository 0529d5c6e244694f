import type { Upstream } from '../upstream/upstream.ts';
import type { StartPriority, Turn } from './start-gate.ts';

export type RetireReason = 'session-ended' | 'never-used' | 'start-failed' | 'too-old' | 'draining' | 'not-wanted';

/**
 * A place for one upstream in a pool. The set that a slot is in is its state, and `SlotTable.move` is the one function
 * that moves it. `starting` has its upstream from the moment of its spawn; `warm` one runs and has not been spoken to;
 * a `retiring` one counts until its container is gone for certain, so that the cap holds for containers.
 */
type SlotState =
  | { readonly kind: 'starting'; readonly priority: StartPriority; readonly turn?: Turn; readonly upstream?: Upstream }
  | { readonly kind: 'warm'; readonly upstream: Upstream }
  | { readonly kind: 'leased'; readonly upstream: Upstream; readonly since: number }
  | { readonly kind: 'retiring'; readonly reason: RetireReason };

export interface Slot {
  state: SlotState;
}

/** All slots of a pool, by state. */
export class SlotTable<Place extends { state: { readonly kind: string } }> {
  readonly #sets = new Map<string, Set<Place>>();

  /** Takes a place before anything is awaited: the cap holds under any race. */
  reserve<New extends Place>(slot: New): New {
    this.#set(slot.state.kind).add(slot);
    return slot;
  }

  move(slot: Place, next: Place['state']): void {
    this.#set(slot.state.kind).delete(slot);
    slot.state = next;
    this.#set(next.kind).add(slot);
  }

  /** The container is gone: the place is free. */
  free(slot: Place): void {
    this.#set(slot.state.kind).delete(slot);
  }

  of(kind: Place['state']['kind']): ReadonlySet<Place> {
    return this.#set(kind);
  }

  get total(): number {
    let total = 0;
    for (const set of this.#sets.values()) total += set.size;
    return total;
  }

  #set(kind: string): Set<Place> {
    const known = this.#sets.get(kind);
    if (known) return known;
    const set = new Set<Place>();
    this.#sets.set(kind, set);
    return set;
  }
}
