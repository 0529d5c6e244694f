/** Slots by state: the set that a slot is in is its state, and `move` is the one function that moves it. */
export class SlotSets<Slot extends { state: { readonly kind: string } }> {
  readonly #sets = new Map<string, Set<Slot>>();

  /** A place is taken: before anything is awaited, so that the cap holds under any race. */
  add<New extends Slot>(slot: New): New {
    this.#set(slot.state.kind).add(slot);
    return slot;
  }

  move(slot: Slot, next: Slot['state']): void {
    this.#set(slot.state.kind).delete(slot);
    slot.state = next;
    this.#set(next.kind).add(slot);
  }

  /** The container is gone: the place is free. @returns false when it was free already */
  free(slot: Slot): boolean {
    return this.#set(slot.state.kind).delete(slot);
  }

  of(kind: Slot['state']['kind']): ReadonlySet<Slot> {
    return this.#set(kind);
  }

  get total(): number {
    let total = 0;
    for (const set of this.#sets.values()) total += set.size;
    return total;
  }

  #set(kind: string): Set<Slot> {
    const known = this.#sets.get(kind);
    if (known) return known;
    const set = new Set<Slot>();
    this.#sets.set(kind, set);
    return set;
  }
}
