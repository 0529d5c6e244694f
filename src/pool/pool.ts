import type { Cancel } from '../base/clock.ts';
import type { BridgeError } from '../base/errors.ts';
import type { PoolConfig } from '../config/config.ts';
import { startFailed } from '../upstream/start-failed.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Budget } from './budget.ts';
import { drainingError, fullError, lateError, tooLargeError } from './pool-errors.ts';
import { RefillHold } from './refill-hold.ts';
import { SlotTable, type RetireReason, type Slot, type SlotCounts } from './slot.ts';
import type { StartPriority } from './start-gate.ts';
import { StartHistory, type StartStats } from './start-history.ts';
import { promote, Starter, type StarterSurroundings } from './starter.ts';
import { Waiters } from './waiters.ts';
import { ageShare, bestWarm, missingWarm, outdate, outdateOld, surplusWarm, worstWarm } from './warm.ts';

/** The right to use one upstream, alone, until it is released. A used upstream is never handed on: release ends it. */
export interface Lease extends AsyncDisposable {
  readonly upstream: Upstream;
  /** Whether the container was waiting, or had to be started for this lease. */
  readonly wasWarm: boolean;
  /** The server answered `initialize`: whatever becomes of it now is its client's business. */
  prove(): void;
  /** Resolves when the container is gone. Releasing twice throws. */
  release(reason: RetireReason): Promise<void>;
}

export interface PoolStats extends SlotCounts, StartStats {
  readonly waiting: number;
  readonly max: number;
}

interface Surroundings extends StarterSurroundings {
  /** What all pools share, and how much of it one container takes. */
  readonly budget: Budget;
  readonly memoryBytes: number;
  readonly random: () => number;
}

const tickMs = 1000;

/** The upstreams of one server: some warm, some leased, never more than `max`, and a bounded line in front. */
export class Pool {
  #config: PoolConfig;
  readonly #around: Surroundings;
  readonly #slots = new SlotTable();
  readonly #waiters: Waiters<Lease>;
  readonly #history: StartHistory;
  readonly #starter: Starter;
  readonly #refillHold: RefillHold;
  readonly #cancels: readonly Cancel[];
  #isDraining = false;

  constructor(config: PoolConfig, around: Surroundings) {
    const { clock, budget, random } = around;
    this.#config = config;
    this.#around = around;
    this.#history = new StartHistory(clock, random);
    this.#waiters = new Waiters(clock, {
      inLineMs: () => this.#config.acquireTimeoutMs,
      totalMs: () => this.#config.acquireTimeoutMs + around.startTimeoutMs,
      served: () => this.#slots.of('starting').size,
      late: (waitedMs) => lateError(waitedMs, this.#unaffordable > 0),
    });
    const match = this.#match.bind(this);
    this.#refillHold = new RefillHold(clock, match);
    this.#starter = new Starter(around, {
      onSpawned: match,
      onReady: (slot, upstream) => {
        this.#slots.move(slot, { kind: 'warm', upstream, ageShare: ageShare(random), isOutdated: false });
        this.#history.settle();
        this.#match();
      },
      onFailed: (slot, error) => {
        this.#onFailed(slot, error);
      },
      onNothing: (slot) => {
        this.#free(slot);
        this.#match();
      },
    });
    this.#cancels = [
      clock.every(tickMs, this.#tick.bind(this)),
      budget.onFree(match, () => this.#unaffordable),
      budget.onShortage(() => this.#evict()),
    ];
  }

  /**
   * Leases a warm upstream, or starts one, or waits in line.
   *
   * @param signal gives the wait up; a lease already given is not affected
   * @param client who asks: those who wait are served in turns
   * @returns a lease that is the only one on its upstream
   * @throws {BridgeError} `POOL_FULL` and `CIRCUIT_OPEN` at once; `ACQUIRE_TIMEOUT` or `NODE_FULL` after
   *   `acquireTimeout` in line; `DRAINING` once draining; what `start` throws when the container that was started for
   *   this caller could not be
   */
  acquire(signal: AbortSignal, client = ''): Promise<Lease> {
    const refusal = this.#refusal();
    if (refusal) return Promise.reject(refusal);
    const lease = this.#waiters.join(signal, client);
    this.#match();
    const { max, queue } = this.#config;
    const waiting = this.#waitingInLine();
    if (waiting > queue) this.#waiters.shorten(client, fullError(waiting - 1, queue, max));
    return lease;
  }

  /**
   * Starts what `warm` asks for; afterwards it is kept up by itself.
   *
   * @returns resolves when the first container runs, or at once when none is to be kept warm, or there is no room
   * @throws {BridgeError} why the first start failed; it is tried again by itself
   */
  async fill(): Promise<void> {
    this.#match();
    if (this.#config.warm > 0 && this.#slots.total > 0 && !this.#isDraining) await this.#history.first;
  }

  /** Sizes and times change in place: leases run on, and what is too many ends as it comes free. */
  resize(config: PoolConfig): void {
    this.#config = config;
    this.#tick();
  }

  /** Puts new containers in the place of the warm ones, and forgets failures. Leases run on. */
  recycle(): void {
    this.#history.reset();
    for (const slot of this.#unclaimed()) void this.#retire(slot, 'not-wanted');
    for (const slot of this.#slots.warm()) outdate(slot);
    this.#tick();
  }

  /** Callers in line for whom no container is on its way: somebody must leave before they are served. */
  get shortage(): number {
    const { warm, retiring } = this.#slots.counts();
    const isFull = this.#slots.total >= this.#config.max || this.#unaffordable > 0;
    return isFull ? Math.max(0, this.#waitingInLine() - warm - retiring) : 0;
  }

  stats(): PoolStats {
    const { max } = this.#config;
    return { ...this.#slots.counts(), waiting: this.#waiters.length, max, ...this.#history.stats() };
  }

  /** Takes nothing new: those in line are refused and warm upstreams end; leases run on until they are released. */
  drain(): void {
    this.#isDraining = true;
    this.#history.settle();
    for (const cancel of this.#cancels) cancel();
    this.#waiters.rejectBeyond(0, drainingError());
    for (const slot of [...this.#slots.of('warm'), ...this.#slots.of('starting')]) void this.#retire(slot, 'draining');
  }

  /** Why nobody can be taken at all at the moment. A container that is there, or on its way, is leased in any case. */
  #refusal(): BridgeError | undefined {
    const { budget, memoryBytes } = this.#around;
    if (this.#isDraining) return drainingError();
    if (!budget.fits(memoryBytes)) return tooLargeError(memoryBytes, budget.stats().maxMemoryBytes);
    const hasSpare = this.#slots.of('warm').size > 0 || this.#unclaimed().length > 0;
    return hasSpare ? undefined : this.#history.refusal();
  }

  /** Callers for whom nothing is on its way, neither a start nor room for one. */
  #waitingInLine(): number {
    const coming = this.#around.budget.isMakingRoom ? this.#unaffordable : 0;
    return this.#waiters.length - this.#slots.of('starting').size - coming;
  }

  /** Callers for whom a container would be started if only the budget allowed it. */
  get #unaffordable(): number {
    const unserved = this.#waiters.length - this.#slots.of('starting').size;
    return Math.max(0, Math.min(unserved, this.#config.max - this.#slots.total));
  }

  /** Starts that no caller waits for, the last ones first. */
  #unclaimed(): Slot[] {
    return [...this.#slots.of('starting')].slice(this.#waiters.length).reverse();
  }

  /** Brings waiters and upstreams together, starts what is missing, and fills up. Called whenever anything changes. */
  #match(): void {
    if (this.#isDraining) return;
    this.#serve();
    this.#around.budget.makeRoom();
    if (this.#refillHold.isHeld) return;
    let missing = missingWarm(this.#slots, this.#unclaimed().length, this.#config.warm);
    while (missing > 0 && this.#begin('refill')) missing -= 1;
  }

  #serve(): void {
    for (let slot = this.#available(); slot; slot = this.#available()) {
      const waiter = this.#waiters.head();
      if (!waiter) return;
      waiter.resolve(this.#lease(slot));
    }
    const starting = this.#slots.of('starting');
    while (starting.size < this.#waiters.length && this.#begin('foreground'));
    const refusal = starting.size < this.#waiters.length ? this.#history.refusal() : undefined;
    if (refusal) this.#waiters.rejectBeyond(starting.size, refusal);
    promote([...starting].slice(0, this.#waiters.length));
  }

  /** A slot that can be leased now: warm ones first, then one that is spawned and still comes up. */
  #available(): Slot | undefined {
    const warm = bestWarm(this.#slots);
    if (warm) return warm;
    for (const slot of this.#slots.of('starting'))
      if (slot.state.kind === 'starting' && slot.state.upstream) return slot;
    return undefined;
  }

  /** @returns false when nothing may be started now */
  #begin(priority: StartPriority): boolean {
    const { budget, memoryBytes } = this.#around;
    const mayStart = priority === 'refill' ? this.#history.mayRefill() : this.#history.mayStart();
    if (!mayStart || this.#slots.total >= this.#config.max || !budget.take(memoryBytes, priority)) return false;
    const slot = this.#slots.reserve(priority, this.#history.begin());
    void this.#starter.bringUp(slot, priority);
    return true;
  }

  /** A start is lost. The first in line bears it, unless there is a start for each of them still. */
  #onFailed(slot: Slot, error: unknown): void {
    slot.attempt.fail(error);
    const starts = this.#slots.of('starting').size - (slot.state.kind === 'starting' ? 1 : 0);
    if (this.#waiters.length > starts) this.#waiters.head()?.reject(error as Error);
    void this.#retire(slot, 'not-wanted');
  }

  #lease(slot: Slot): Lease {
    const { state } = slot;
    if (state.kind !== 'warm' && state.kind !== 'starting') throw new Error(`A ${state.kind} slot cannot be leased`);
    const { upstream } = state;
    if (!upstream) throw new Error('A slot without an upstream cannot be leased');
    this.#slots.move(slot, { kind: 'leased', upstream, since: this.#around.clock.now() });
    this.#history.settle();
    const endHold = this.#refillHold.begin();
    let isReleased = false;
    const release = (reason: RetireReason): Promise<void> => {
      if (isReleased) throw new Error('A lease is released once');
      isReleased = true;
      endHold();
      // A server that never answered its client may be one that cannot; after its answer, this counts no more.
      if (reason === 'start-failed') slot.attempt.fail(startFailed(upstream));
      return this.#retire(slot, reason);
    };
    return {
      upstream,
      wasWarm: state.kind === 'warm',
      prove: () => {
        endHold();
        slot.attempt.prove();
        this.#match();
      },
      release,
      [Symbol.asyncDispose]: () => release('session-ended'),
    };
  }

  async #retire(slot: Slot, reason: RetireReason): Promise<void> {
    const { state } = slot;
    if (state.kind === 'retiring') return;
    slot.attempt.drop();
    this.#slots.move(slot, { kind: 'retiring', reason });
    if (state.upstream) {
      await state.upstream.stop();
      await state.upstream.gone;
    } else if (state.kind === 'starting' && state.isLaunched) {
      // The starter sees the new state, and ends what it has launched.
      return;
    }
    this.#free(slot);
    this.#match();
  }

  #free(slot: Slot): void {
    if (this.#slots.free(slot)) this.#around.budget.give(this.#around.memoryBytes);
  }

  /** Ends one container that nobody waits for, for a client of another pool. @returns whether there was one */
  #evict(): boolean {
    const slot = worstWarm(this.#slots) ?? this.#unclaimed()[0];
    if (slot) void this.#retire(slot, 'not-wanted');
    return slot !== undefined;
  }

  #tick(): void {
    if (this.#isDraining) return;
    const { warm, max, maxAgeMs } = this.#config;
    const rules = { wanted: warm, max, maxAgeMs, now: this.#around.clock.now() };
    outdateOld(this.#slots, rules);
    this.#match();
    const isStuck = this.#unclaimed().length === 0 && this.#history.mayRefill();
    for (const slot of surplusWarm(this.#slots, rules, isStuck))
      void this.#retire(slot, slot.state.isOutdated ? 'too-old' : 'not-wanted');
  }
}
