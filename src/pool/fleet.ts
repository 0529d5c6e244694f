import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { PoolConfig } from '../config/config.ts';
import type { SharedUpstream } from '../upstream/shared-upstream.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Budget } from './budget.ts';
import { Health } from './health.ts';
import {
  isExpired,
  isIdle,
  isReady,
  leastBusy,
  resting,
  unused,
  type ReadySlot,
  type SharedRetireReason,
  type SharedSlot,
} from './shared-slot.ts';
import { SlotSets } from './slot-sets.ts';
import type { StartPriority, Turn } from './start-gate.ts';
import type { Place, Room } from './place.ts';
import type { StartHistory } from './start-history.ts';

export interface FleetSurroundings {
  /** See `Pool`. */
  readonly start: (priority: StartPriority, isWanted: () => boolean) => Promise<Turn>;
  /**
   * Makes a started upstream one that many can use.
   * @throws {BridgeError} `START_FAILED`, `READY_TIMEOUT`, `UPSTREAM_GARBLED`
   */
  readonly open: (upstream: Upstream) => Promise<SharedUpstream>;
  /** One that has served takes nothing new: what is on it beside its calls should go elsewhere. */
  readonly onLeaving?: (shared: SharedUpstream, reason: SharedRetireReason) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly pingIntervalMs: number;
  /** What all pools share, and how much of it one container takes. */
  readonly budget: Budget;
  readonly memoryBytes: number;
  /** 0 to 1; spreads ages. */
  readonly random: () => number;
}

interface Events {
  /** There is room for one more call. */
  readonly onRoom: () => void;
  /** There are more containers now, or fewer. */
  readonly onChange: () => void;
  /** A container could not be started. */
  readonly onStartFailed: (error: unknown) => void;
}

/** A server that has run for so long after its handshake works. */
const provenMs = 10_000;
/** A call that is given up sooner says more about its client than about the server. */
const patienceMs = 1000;

/** The containers of a shared pool: how they come up, take calls, and go. How many there should be is not its business. */
export class Fleet {
  readonly #slots = new SlotSets<SharedSlot>();
  readonly #history: StartHistory;
  readonly #around: FleetSurroundings;
  readonly #events: Events;

  constructor(history: StartHistory, around: FleetSurroundings, events: Events) {
    this.#history = history;
    this.#around = around;
    this.#events = events;
  }

  count(kind: SharedSlot['state']['kind']): number {
    return this.#slots.of(kind).size;
  }

  get total(): number {
    return this.#slots.total;
  }

  /** Calls under way. */
  get ongoing(): number {
    let sum = 0;
    for (const kind of ['ready', 'draining'] as const) for (const slot of this.#slots.of(kind)) sum += slot.ongoing;
    return sum;
  }

  /** Upstreams that one call has, or had, to itself. */
  get reserved(): number {
    let count = 0;
    for (const kind of ['ready', 'draining'] as const)
      for (const slot of this.#slots.of(kind)) if (slot.reservations > 0 || slot.resting > 0) count += 1;
    return count;
  }

  /**
   * Upstreams that are no use to a call that must be alone, and will not be soon: calls wait for their clients, for as
   * long as people think, or were given up and may still speak. Not those that are to be replaced anyway.
   */
  get useless(): number {
    return this.ready().filter((slot) => slot.resting > 0 || (isUnquiet(slot) && !slot.isRecycled)).length;
  }

  /** Those that serve. */
  ready(): ReadySlot[] {
    return [...this.#slots.of('ready')].filter(isReady);
  }

  /**
   * Room for one call on the upstream that has the fewest; undefined when none has any.
   *
   * @param room what it needs of the upstream
   */
  take(maxOngoing: number, room: Room = 'any'): Place | undefined {
    const slot = this.#find(maxOngoing, room);
    return slot && this.#place(slot, room);
  }

  /** The same on an upstream where calls wait for their clients: for one that needs nothing. */
  takeBeside(maxOngoing: number): Place | undefined {
    const slot = leastBusy(
      this.ready().filter((one) => one.resting > 0),
      maxOngoing,
    );
    return slot && this.#place(slot, 'any');
  }

  /**
   * Keeps an upstream although it has no call to work on, for what a call has left on it. It takes no place of a call.
   *
   * @returns ends that; any number of times
   */
  guard(shared: SharedUpstream): () => void {
    const slot = [...this.#slots.of('ready'), ...this.#slots.of('draining')].find((one) => isOn(one, shared));
    if (!slot) return () => undefined;
    slot.guards += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      slot.guards -= 1;
      this.#finish(slot);
    };
  }

  /** Starts one more. @returns false when all servers together are at their limits */
  begin(priority: StartPriority, maxAgeMs: number): boolean {
    const { budget, memoryBytes } = this.#around;
    if (!budget.take(memoryBytes, priority)) return false;
    const slot = this.#slots.add<SharedSlot>({
      ...{ state: { kind: 'starting', priority }, attempt: this.#history.begin() },
      ...{ ongoing: 0, guards: 0, uses: 0, isRecycled: false, reservations: 0, resting: 0, onAlone: undefined },
    });
    void this.#start(slot, priority, maxAgeMs);
    return true;
  }

  /** Somebody waits for those that are starting: they go before the refills of other pools. */
  hurry(): void {
    for (const slot of this.#slots.of('starting')) {
      if (slot.state.kind !== 'starting' || slot.state.priority === 'foreground') continue;
      slot.state.turn?.promote();
      slot.state = { ...slot.state, priority: 'foreground' };
    }
  }

  /** It takes no new call, and goes when it has finished those that it has. */
  drain(slot: SharedSlot, reason: SharedRetireReason): void {
    const { state } = slot;
    if (state.kind === 'starting') void this.#retire(slot, state.upstream, reason);
    if (state.kind !== 'ready') return;
    this.#slots.move(slot, { kind: 'draining', shared: state.shared, reason });
    this.#around.onLeaving?.(state.shared, reason);
    this.#finish(slot);
  }

  drainAll(): void {
    for (const kind of ['starting', 'ready'] as const)
      for (const slot of [...this.#slots.of(kind)]) this.drain(slot, 'draining');
  }

  /**
   * Makes room for a call that must be alone, where calls that were given up may still speak: the upstream with the
   * least to lose is to be replaced.
   */
  renewUnquiet(): void {
    const idle = this.ready().find(isUnquiet);
    if (idle) idle.isRecycled = true;
  }

  /** All that serve are to be replaced. */
  recycle(): void {
    for (const slot of this.#slots.of('ready')) slot.isRecycled = true;
  }

  /** Those that are to be replaced. */
  expired({ maxUses }: PoolConfig): ReadySlot[] {
    const now = this.#around.clock.now();
    return this.ready().filter((slot) => isExpired(slot, maxUses, now));
  }

  /** Ends those that do not answer any more. */
  check(): void {
    const now = this.#around.clock.now();
    for (const slot of this.ready()) {
      const { shared, health, since } = slot.state;
      if (now - since >= provenMs) slot.attempt.prove();
      if (health.check(now, isIdle(slot))) continue;
      const { pingIntervalMs, log } = this.#around;
      log.warn({ container: shared.upstream.name, pingIntervalMs }, 'a server does not answer; it is replaced');
      const sentence = `Cannot use the server: it did not answer a ping within ${pingIntervalMs} ms`;
      this.#fail(slot, new BridgeError('UPSTREAM_EXITED', sentence));
      void this.#retire(slot, shared.upstream, 'unresponsive');
    }
  }

  async #start(slot: SharedSlot, priority: StartPriority, maxAgeMs: number): Promise<void> {
    let upstream: Upstream | undefined;
    try {
      const turn = await this.#around.start(priority, () => slot.state.kind === 'starting');
      if (slot.state.kind === 'starting') {
        if (slot.state.priority === 'foreground') turn.promote();
        slot.state = { ...slot.state, turn };
      }
      upstream = await turn.upstream;
      if (slot.state.kind !== 'starting') {
        // Drained while it was launched.
        void this.#end(slot, upstream);
        return;
      }
      slot.state = { ...slot.state, upstream };
      const shared = await this.#around.open(upstream);
      this.#onReady(slot, shared, maxAgeMs);
    } catch (error) {
      this.#onStartFailed(slot, upstream, error);
    }
  }

  #onReady(slot: SharedSlot, shared: SharedUpstream, maxAgeMs: number): void {
    const { clock, pingIntervalMs, random } = this.#around;
    if (slot.state.kind !== 'starting') {
      // Drained while it came up.
      void this.#end(slot, shared.upstream);
      return;
    }
    const now = clock.now();
    const health = new Health(shared, pingIntervalMs, now);
    const expiresAt = now + maxAgeMs * (0.9 + 0.1 * random());
    this.#slots.move(slot, { kind: 'ready', shared, health, since: now, expiresAt });
    this.#history.settle();
    void shared.ended.then((error) => {
      this.#onEnded(slot, shared, error);
    });
    this.#events.onChange();
  }

  #onStartFailed(slot: SharedSlot, upstream: Upstream | undefined, error: unknown): void {
    const isWanted = slot.state.kind === 'starting';
    if (!isWanted) {
      void this.#end(slot, upstream);
      return;
    }
    if (!(error instanceof BridgeError)) this.#around.log.error({ err: error }, 'a start failed');
    this.#fail(slot, error);
    void this.#retire(slot, upstream, 'start-failed');
    this.#events.onStartFailed(error);
  }

  /** By itself: its calls have been answered already. */
  #onEnded(slot: SharedSlot, { upstream }: SharedUpstream, error: BridgeError): void {
    if (slot.state.kind === 'retiring') return;
    this.#around.log.warn(
      { container: upstream.name, calls: slot.ongoing, ...error.data },
      'a shared server ended by itself',
    );
    this.#fail(slot, error);
    void this.#retire(slot, upstream, 'ended');
    this.#events.onChange();
  }

  #fail({ state, attempt }: SharedSlot, error: unknown): void {
    const isProven = state.kind === 'ready' && this.#around.clock.now() - state.since >= provenMs;
    if (isProven) this.#history.fail(error);
    else attempt.fail(error);
  }

  #place(slot: ReadySlot, room: Room): Place {
    if (room !== 'any') slot.reservations += 1;
    slot.ongoing += 1;
    slot.uses += 1;
    const { shared, health } = slot.state;
    const { clock } = this.#around;
    const since = clock.now();
    let isOver = false;
    let isResting = false;
    const wake = (): void => {
      if (isResting) slot.resting -= 1;
      isResting = false;
    };
    return {
      shared,
      release: () => {
        if (isOver) return;
        isOver = true;
        if (room !== 'any' && !isResting) slot.reservations -= 1;
        wake();
        this.#release(slot);
      },
      suspect: () => {
        if (clock.now() - since >= patienceMs) health.suspect();
      },
      rest: () => {
        if (isOver || isResting || room === 'any') return;
        isResting = true;
        slot.resting += 1;
        slot.reservations -= 1;
        this.#events.onRoom();
      },
      wake: () => {
        if (!isResting) return Promise.resolve();
        wake();
        return this.#regain(slot);
      },
    };
  }

  #find(maxOngoing: number, room: Room): ReadySlot | undefined {
    const slots = this.#slots.of('ready');
    if (room === 'any') return leastBusy(slots, maxOngoing);
    return unused(slots) ?? (room === 'quiet' ? resting(slots) : undefined);
  }

  #regain(slot: SharedSlot): Promise<void> {
    slot.reservations += 1;
    if (slot.ongoing <= 1) return Promise.resolve();
    return new Promise((resolve) => {
      slot.onAlone = resolve;
    });
  }

  #release(slot: SharedSlot): void {
    slot.ongoing -= 1;
    if (slot.ongoing <= 1) {
      slot.onAlone?.();
      slot.onAlone = undefined;
    }
    if (slot.state.kind === 'draining') this.#finish(slot);
    else this.#events.onRoom();
  }

  #finish(slot: SharedSlot): void {
    const { state } = slot;
    if (state.kind === 'draining' && isIdle(slot)) void this.#retire(slot, state.shared.upstream, state.reason);
  }

  async #retire(slot: SharedSlot, upstream: Upstream | undefined, reason: SharedRetireReason): Promise<void> {
    if (slot.state.kind === 'retiring') return;
    const hasBegun = slot.state.kind !== 'starting' || upstream !== undefined || reason === 'start-failed';
    this.#slots.move(slot, { kind: 'retiring', reason });
    // Not spawned yet: `#start` sees the new state and ends it.
    if (hasBegun) await this.#end(slot, upstream);
  }

  /** Its place is free when the container is gone for certain. */
  async #end(slot: SharedSlot, upstream: Upstream | undefined): Promise<void> {
    await upstream?.stop();
    await upstream?.gone;
    slot.attempt.drop();
    if (this.#slots.free(slot)) this.#around.budget.give(this.#around.memoryBytes);
    this.#events.onChange();
  }
}

/** It works on nothing, and may speak all the same. */
function isUnquiet({ ongoing, state }: ReadySlot): boolean {
  return ongoing === 0 && !state.shared.isQuiet;
}

function isOn({ state }: SharedSlot, shared: SharedUpstream): boolean {
  return (state.kind === 'ready' || state.kind === 'draining') && state.shared === shared;
}
