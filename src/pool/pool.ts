import type { Clock } from '../base/clock.ts';
import { settlesWithin } from '../base/deadline.ts';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { PoolConfig } from '../config/config.ts';
import { startFailed } from '../upstream/start-failed.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { SlotTable, type RetireReason, type Slot } from './slot.ts';
import { StartHistory } from './start-history.ts';
import type { StartPriority, Turn } from './start-gate.ts';
import { Waiters } from './waiters.ts';

/** The right to use one upstream, alone, until it is released. A used upstream is never handed on: release ends it. */
export interface Lease extends AsyncDisposable {
  readonly upstream: Upstream;
  /** Whether the container was waiting, or had to be started for this lease. */
  readonly wasWarm: boolean;
  /** Resolves when the container is gone. Releasing twice throws. */
  release(reason: RetireReason): Promise<void>;
}

export interface PoolStats {
  readonly starting: number;
  readonly warm: number;
  readonly leased: number;
  readonly retiring: number;
  readonly waiting: number;
  readonly max: number;
  readonly starts: number;
  readonly failedStarts: number;
  readonly lastError: string | undefined;
}

interface Surroundings {
  /**
   * Takes a place in the engine's line and starts a server, unless it is not wanted any more when its turn comes.
   * @throws {BridgeError} when it cannot: no engine, no image
   */
  readonly start: (priority: StartPriority, isWanted: () => boolean) => Promise<Turn>;
  readonly clock: Clock;
  readonly log: Log;
  /** Longest time from a start to the spawn, in milliseconds. */
  readonly startTimeoutMs: number;
}

const tickMs = 1000;

/** The upstreams of one server: some warm, some leased, never more than `max`, and a bounded line in front. */
export class Pool {
  #config: PoolConfig;
  readonly #around: Surroundings;
  readonly #slots = new SlotTable<Slot>();
  readonly #waiters: Waiters<Lease>;
  readonly #history: StartHistory;
  readonly #stopTicking: () => void;
  #isDraining = false;

  constructor(config: PoolConfig, around: Surroundings) {
    this.#config = config;
    this.#around = around;
    this.#history = new StartHistory(around.clock);
    const acquireTimeoutMs = (): number => this.#config.acquireTimeoutMs;
    this.#waiters = new Waiters(around.clock, {
      get inLineMs() {
        return acquireTimeoutMs();
      },
      get totalMs() {
        return acquireTimeoutMs() + around.startTimeoutMs;
      },
      served: () => this.#slots.of('starting').size,
    });
    this.#stopTicking = around.clock.every(tickMs, () => {
      this.#tick();
    });
  }

  /**
   * Leases a warm upstream, or starts one, or waits in line.
   *
   * @param signal gives the wait up; a lease already given is not affected
   * @returns a lease that is the only one on its upstream
   * @throws {BridgeError} `POOL_FULL` at once; `ACQUIRE_TIMEOUT` after `acquireTimeout` in line; `DRAINING` once
   *   draining; what `start` throws when the container that was started for this caller could not be
   */
  acquire(signal: AbortSignal): Promise<Lease> {
    if (this.#isDraining) return Promise.reject(draining());
    const { max, queue } = this.#config;
    const inLine = Math.max(0, this.#waiters.length - this.#slots.of('starting').size);
    const mustWait = this.#slots.of('warm').size === 0 && this.#slots.total >= max && this.#freeStarts() === 0;
    if (mustWait && inLine >= queue) {
      const sentence = `Cannot lease a container: all ${max} are in use and ${inLine} callers wait, limit is ${queue}`;
      return Promise.reject(new BridgeError('POOL_FULL', sentence, { max, waiting: inLine, queue }));
    }
    const lease = this.#waiters.join(signal);
    this.#match();
    return lease;
  }

  /**
   * Starts what `warm` asks for; afterwards it is kept up by itself.
   *
   * @returns resolves when the first container runs, or at once when none is to be kept warm
   * @throws {BridgeError} why the first start failed; it is tried again by itself
   */
  async fill(): Promise<void> {
    this.#match();
    if (this.#config.warm > 0 && !this.#isDraining) await this.#history.first;
  }

  /** Other sizes and time-outs, from now on: who has a lease keeps it, who waits is judged by the new ones. */
  resize(config: PoolConfig): void {
    this.#config = config;
    this.#match();
  }

  /** Callers in line for whom no container is on its way: somebody must leave before they are served. */
  get shortage(): number {
    const coming = this.#slots.of('starting').size + this.#slots.of('warm').size + this.#slots.of('retiring').size;
    return this.#slots.total < this.#config.max ? 0 : Math.max(0, this.#waiters.length - coming);
  }

  stats(): PoolStats {
    return {
      starting: this.#slots.of('starting').size,
      warm: this.#slots.of('warm').size,
      leased: this.#slots.of('leased').size,
      retiring: this.#slots.of('retiring').size,
      waiting: this.#waiters.length,
      max: this.#config.max,
      starts: this.#history.begun,
      failedStarts: this.#history.failed,
      lastError: this.#history.lastError,
    };
  }

  /** Takes nothing new: those in line are refused and warm upstreams end; leases run on until they are released. */
  drain(): void {
    this.#isDraining = true;
    this.#history.settle();
    this.#stopTicking();
    this.#waiters.rejectAll(draining());
    for (const slot of [...this.#slots.of('warm'), ...this.#slots.of('starting')]) void this.#retire(slot, 'draining');
  }

  /** Starts that no waiter has claimed. */
  #freeStarts(): number {
    return Math.max(0, this.#slots.of('starting').size - this.#waiters.length);
  }

  /** Brings waiters and upstreams together, starts what is missing, and fills up. Called whenever anything changes. */
  #match(): void {
    if (this.#isDraining) return;
    for (let slot = this.#available(); slot; slot = this.#available()) {
      const waiter = this.#waiters.head();
      if (!waiter) break;
      waiter.resolve(this.#lease(slot));
    }
    const starting = this.#slots.of('starting');
    while (starting.size < this.#waiters.length && this.#slots.total < this.#config.max) this.#begin('foreground');
    this.#promote(this.#waiters.length);
    const wanted = this.#config.warm + this.#waiters.length;
    while (
      this.#slots.of('warm').size + starting.size < wanted &&
      this.#slots.total < this.#config.max &&
      this.#history.mayRefill()
    ) {
      this.#begin('refill');
    }
  }

  /** A slot that can be leased now: warm ones first, then one that is spawned and still comes up. */
  #available(): Slot | undefined {
    const [warm] = this.#slots.of('warm');
    if (warm) return warm;
    for (const slot of this.#slots.of('starting'))
      if (slot.state.kind === 'starting' && slot.state.upstream) return slot;
    return undefined;
  }

  /** The first `count` starts have a client waiting for them. */
  #promote(count: number): void {
    let rank = 0;
    for (const slot of this.#slots.of('starting')) {
      rank += 1;
      if (rank > count) return;
      if (slot.state.kind === 'starting' && slot.state.priority === 'refill') {
        slot.state.turn?.promote();
        slot.state = { ...slot.state, priority: 'foreground' };
      }
    }
  }

  #begin(priority: StartPriority): void {
    const slot = this.#slots.reserve<Slot>({ state: { kind: 'starting', priority } });
    this.#history.begin();
    void this.#start(slot, priority);
  }

  async #start(slot: Slot, priority: StartPriority): Promise<void> {
    try {
      const turn = await this.#around.start(priority, () => slot.state.kind === 'starting');
      if (slot.state.kind === 'starting') {
        slot.state = { ...slot.state, turn };
        if (slot.state.priority === 'foreground') turn.promote();
      }
      const upstream = await turn.upstream;
      this.#onSpawned(slot, upstream);
      const isSettled = await settlesWithin(upstream.settled, this.#around.startTimeoutMs, this.#around.clock);
      this.#onSettled(slot, upstream, isSettled);
    } catch (error) {
      this.#onStartFailed(slot, error);
    }
  }

  /** From its spawn on, a client may have it: what the client says waits in the pipe until the server reads. */
  #onSpawned(slot: Slot, upstream: Upstream): void {
    if (slot.state.kind !== 'starting') {
      // Drained while it waited for its turn.
      void upstream.stop().then(() => {
        this.#slots.free(slot);
      });
      return;
    }
    void upstream.exited.then(() => {
      this.#onExit(slot, upstream);
    });
    slot.state = { ...slot.state, upstream };
    this.#match();
  }

  #onSettled(slot: Slot, upstream: Upstream, isSettled: boolean): void {
    if (slot.state.kind === 'starting' && upstream.state === 'ready') {
      this.#slots.move(slot, { kind: 'warm', upstream });
      this.#history.settle();
    } else if (slot.state.kind === 'starting' && !isSettled) {
      const limitMs = this.#around.startTimeoutMs;
      this.#giveUp(
        slot,
        new BridgeError('READY_TIMEOUT', `Cannot start the server: it did not run within ${limitMs} ms`),
      );
    }
    this.#match();
  }

  /** The process ended by itself before anybody leased it. (One that is leased is its session's business.) */
  #onExit(slot: Slot, upstream: Upstream): void {
    if (slot.state.kind === 'leased' || slot.state.kind === 'retiring') return;
    const error = startFailed(upstream);
    this.#around.log.warn({ container: upstream.name, ...error.data }, 'a server ended before any client had it');
    this.#giveUp(slot, error);
  }

  #giveUp(slot: Slot, error: BridgeError): void {
    void this.#retire(slot, 'not-wanted');
    this.#onFailure(error);
  }

  #onStartFailed(slot: Slot, error: unknown): void {
    this.#slots.free(slot);
    if (!(error instanceof BridgeError)) this.#around.log.error({ err: error }, 'a start failed');
    this.#onFailure(error);
    if (this.#waiters.length > 0) this.#match();
  }

  /** A start is lost. The first in line bears it, unless there is a start for each of them still. */
  #onFailure(error: unknown): void {
    this.#history.fail(error);
    if (this.#waiters.length > this.#slots.of('starting').size) this.#waiters.head()?.reject(error as Error);
  }

  #lease(slot: Slot): Lease {
    const { state } = slot;
    if (state.kind !== 'warm' && state.kind !== 'starting') throw new Error(`A ${state.kind} slot cannot be leased`);
    const { upstream } = state;
    if (!upstream) throw new Error('A slot without an upstream cannot be leased');
    this.#slots.move(slot, { kind: 'leased', upstream, since: this.#around.clock.now() });
    this.#history.settle();
    let isReleased = false;
    const release = (reason: RetireReason): Promise<void> => {
      if (isReleased) throw new Error('A lease is released once');
      isReleased = true;
      return this.#retire(slot, reason);
    };
    return {
      upstream,
      wasWarm: state.kind === 'warm',
      release,
      [Symbol.asyncDispose]: () => release('session-ended'),
    };
  }

  async #retire(slot: Slot, reason: RetireReason): Promise<void> {
    const { state } = slot;
    if (state.kind === 'retiring') return;
    const upstream = state.upstream;
    this.#slots.move(slot, { kind: 'retiring', reason });
    // Not spawned yet: `#start` sees the new state and ends it.
    if (!upstream) return;
    if (state.kind === 'leased') {
      // A lease that answered a client is proof that the image works; one that did not keeps the refills back.
      if (reason === 'start-failed') this.#history.fail(startFailed(state.upstream));
      if (reason === 'session-ended') this.#history.prove();
    }
    await upstream.stop();
    await upstream.gone;
    this.#slots.free(slot);
    this.#match();
  }

  #tick(): void {
    const oldest = this.#around.clock.now() - this.#config.maxAgeMs;
    for (const slot of [...this.#slots.of('warm')]) {
      if (slot.state.kind === 'warm' && slot.state.upstream.startedAt < oldest) void this.#retire(slot, 'too-old');
    }
    this.#match();
    // Started for clients that gave up; a waiter would have had them.
    const surplus = this.#slots.of('warm').size - this.#config.warm;
    for (const slot of [...this.#slots.of('warm')].slice(0, Math.max(0, surplus)))
      void this.#retire(slot, 'not-wanted');
  }
}

function draining(): BridgeError {
  return new BridgeError('DRAINING', 'Cannot lease a container: Gangway is shutting down');
}
