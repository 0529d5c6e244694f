import type { SharedUpstream } from '../upstream/shared-upstream.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Health } from './health.ts';
import type { StartPriority, Turn } from './start-gate.ts';
import type { Attempt } from './start-history.ts';

export type SharedRetireReason = 'surplus' | 'recycled' | 'unresponsive' | 'ended' | 'start-failed' | 'draining';

/**
 * The states of a place in a shared pool. `starting` until Gangway has initialised it; `ready` takes calls; `draining`
 * finishes those that it has; `retiring` counts until its container is gone for certain.
 */
type SharedSlotState =
  | { readonly kind: 'starting'; readonly priority: StartPriority; readonly turn?: Turn; readonly upstream?: Upstream }
  | {
      readonly kind: 'ready';
      readonly shared: SharedUpstream;
      readonly health: Health;
      readonly since: number;
      /** Then it is replaced. */
      readonly expiresAt: number;
    }
  | { readonly kind: 'draining'; readonly shared: SharedUpstream; readonly reason: SharedRetireReason }
  | { readonly kind: 'retiring'; readonly reason: SharedRetireReason };

export interface SharedSlot {
  state: SharedSlotState;
  /** Calls that it works on. */
  ongoing: number;
  /** What calls have left on it that must not be lost. */
  guards: number;
  /** Calls that it ever got. */
  uses: number;
  /** It is to be replaced whatever its age. */
  isRecycled: boolean;
  /** Calls of it that must be the only one that is worked on: while there are any, it takes no other. */
  reservations: number;
  /** Calls that wait for their clients: nothing is worked on for these. */
  resting: number;
  /** Called when that call is the only one again. */
  onAlone: (() => void) | undefined;
  /** What this start says about the server, until that is known. */
  readonly attempt: Attempt;
}

/** A slot that takes calls. */
export type ReadySlot = SharedSlot & { state: { kind: 'ready' } };

/** The slot that should get the next call: the one with the fewest, among those that can take one. */
export function leastBusy(slots: Iterable<SharedSlot>, maxOngoing: number): ReadySlot | undefined {
  let best: ReadySlot | undefined;
  for (const slot of slots) {
    if (!isReady(slot) || slot.ongoing >= Math.min(maxOngoing, best?.ongoing ?? Infinity)) continue;
    if (slot.reservations === 0 && takesCalls(slot)) best = slot;
  }
  return best;
}

/** A slot for a call that must be the only one: whatever its server says then can be about nothing else. */
export function unused(slots: Iterable<SharedSlot>): ReadySlot | undefined {
  return find(slots, ({ ongoing, state }) => ongoing === 0 && state.shared.isQuiet);
}

/** A slot that works on nothing now. */
export function resting(slots: Iterable<SharedSlot>): ReadySlot | undefined {
  return find(slots, (slot) => slot.reservations === 0 && slot.ongoing === slot.resting);
}

function find(slots: Iterable<SharedSlot>, fits: (slot: ReadySlot) => boolean): ReadySlot | undefined {
  for (const slot of slots) if (isReady(slot) && fits(slot) && takesCalls(slot)) return slot;
  return undefined;
}

/** One that has just ended is not taken out yet: what was sent to it would be lost. */
function takesCalls({ state: { shared, health } }: ReadySlot): boolean {
  return !health.isSuspect && !shared.hasEnded && !shared.upstream.isBusy;
}

/** Whether nothing is lost when it ends. */
export function isIdle({ ongoing, guards }: SharedSlot): boolean {
  return ongoing === 0 && guards === 0;
}

export function isReady(slot: SharedSlot): slot is ReadySlot {
  return slot.state.kind === 'ready';
}

/** Whether a slot is to be replaced: too old, used up, or because somebody said so. */
export function isExpired(slot: ReadySlot, maxUses: number, now: number): boolean {
  return slot.isRecycled || now >= slot.state.expiresAt || (maxUses > 0 && slot.uses >= maxUses);
}
