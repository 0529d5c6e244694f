import type { Slot, SlotTable, WarmSlot } from './slot.ts';

interface WarmRules {
  /** How many are kept warm. */
  readonly wanted: number;
  /** Containers of the pool at the most. */
  readonly max: number;
  readonly maxAgeMs: number;
  readonly now: number;
}

/** No container is told its exact age: those that began together do not end together. @returns from 0.9 to 1 */
export function ageShare(random: () => number): number {
  return 0.9 + random() / 10;
}

/** The one to lease next: one that is not about to be replaced, when there is a choice. */
export function bestWarm(slots: SlotTable): Slot | undefined {
  const warm = slots.warm();
  return warm.find(({ state }) => !state.isOutdated) ?? warm[0];
}

/** The one to do without. */
export function worstWarm(slots: SlotTable): Slot | undefined {
  return outdatedFirst(slots.warm())[0];
}

/** Another is to take its place. It can be leased until then. */
export function outdate(slot: WarmSlot): void {
  slot.state = { ...slot.state, isOutdated: true };
}

/** Outdates those that have lived long enough. */
export function outdateOld(slots: SlotTable, { maxAgeMs, now }: WarmRules): void {
  for (const slot of slots.warm()) {
    const { upstream, ageShare: share } = slot.state;
    if (now - upstream.startedAt >= share * maxAgeMs) outdate(slot);
  }
}

/**
 * How many are missing.
 *
 * @param coming starts that no client waits for
 */
export function missingWarm(slots: SlotTable, coming: number, wanted: number): number {
  const fresh = slots.warm().filter(({ state }) => !state.isOutdated);
  return Math.max(0, wanted - fresh.length - coming);
}

/**
 * Those that end now: what is too old in any case, and what is too many, the outdated first. An outdated one stays
 * until the one that takes its place is up.
 *
 * @param isStuck nothing takes its place, because there is no room: then it has to go first
 */
export function surplusWarm(slots: SlotTable, rules: WarmRules, isStuck: boolean): WarmSlot[] {
  const { wanted, max, maxAgeMs, now } = rules;
  const warm = outdatedFirst(slots.warm());
  const tooOld = warm.filter(({ state }) => now - state.upstream.startedAt >= maxAgeMs);
  const rest = warm.filter((slot) => !tooOld.includes(slot));
  const living = slots.total - slots.of('retiring').size - tooOld.length;
  const tooMany = Math.max(0, rest.length - wanted, living - max);
  const surplus = [...tooOld, ...rest.slice(0, tooMany)];
  if (surplus.length > 0 || !isStuck || slots.of('retiring').size > 0) return surplus;
  return rest.filter(({ state }) => state.isOutdated).slice(0, 1);
}

function outdatedFirst(warm: readonly WarmSlot[]): WarmSlot[] {
  return [...warm].sort((a, b) => Number(b.state.isOutdated) - Number(a.state.isOutdated));
}
