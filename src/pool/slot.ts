import type { Upstream } from '../upstream/upstream.ts';
import { SlotSets } from './slot-sets.ts';
import type { StartPriority, Turn } from './start-gate.ts';
import type { Attempt } from './start-history.ts';

export type RetireReason = 'session-ended' | 'never-used' | 'start-failed' | 'too-old' | 'draining' | 'not-wanted';

/**
 * A place for one upstream in a pool. The set that a slot is in is its state, and `SlotTable.move` is the one function
 * that moves it. `starting` has its upstream from the moment of its spawn; `warm` one runs and has not been spoken to;
 * a `retiring` one counts until its container is gone for certain, so that the cap holds for containers.
 */
type SlotState =
  | StartingState
  | WarmState
  | { readonly kind: 'leased'; readonly upstream: Upstream; readonly since: number }
  | { readonly kind: 'retiring'; readonly reason: RetireReason };

interface StartingState {
  readonly kind: 'starting';
  readonly priority: StartPriority;
  readonly turn?: Turn;
  /** Whether the engine may have heard of it: until then it can be taken back without a trace. */
  readonly isLaunched?: boolean;
  readonly upstream?: Upstream;
}

interface WarmState {
  readonly kind: 'warm';
  readonly upstream: Upstream;
  /** Which part of `maxAge` it may live: so not all of them are too old at once. */
  readonly ageShare: number;
  /** Whether another is to take its place. */
  readonly isOutdated: boolean;
}

export type SlotKind = SlotState['kind'];
export type SlotCounts = Readonly<Record<SlotKind, number>>;

export interface Slot {
  state: SlotState;
  readonly attempt: Attempt;
}

/** A slot in the set of the warm ones. */
export interface WarmSlot extends Slot {
  state: WarmState;
}

/** All slots of a pool, by state. */
export class SlotTable extends SlotSets<Slot> {
  reserve(priority: StartPriority, attempt: Attempt): Slot {
    return this.add({ state: { kind: 'starting', priority }, attempt });
  }

  /** The warm ones, those that have been warm for longest first. */
  warm(): WarmSlot[] {
    return [...this.of('warm')].filter((slot): slot is WarmSlot => slot.state.kind === 'warm');
  }

  counts(): SlotCounts {
    const count = (kind: SlotKind): number => this.of(kind).size;
    return { starting: count('starting'), warm: count('warm'), leased: count('leased'), retiring: count('retiring') };
  }
}
