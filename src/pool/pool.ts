import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { PoolConfig } from '../config/config.ts';
import { startFailed } from '../upstream/start-failed.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { Backoff } from './backoff.ts';
import { SlotTable, type RetireReason, type Slot } from './slot.ts';
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
   * Takes a place in the engine's line and starts a server.
   * @throws {BridgeError} when it cannot: no engine, no image
   */
  readonly start: (priority: StartPriority) => Promise<Turn>;
  readonly clock: Clock;
  readonly log: Log;
  /** Longest time from a start to the spawn, in milliseconds. */
  readonly startTimeoutMs: number;
}

const tickMs = 1000;

/** The upstreams of one server: some warm, some leased, never more than `max`, and a bounded line in front. */
export class Pool {
  readonly #config: PoolConfig;
  readonly #around: Surroundings;
  readonly #slots = new SlotTable();
  readonly #waiters: Waiters<Lease>;
  readonly #backoff: Backoff;
  /** How the first start went. */
  readonly #first = deferred();
  readonly #stopTicking: () => void;
  #isDraining = false;
  #starts = 0;
  #failedStarts = 0;
  #lastError: string | undefined;

  constructor(config: PoolConfig, around: Surroundings) {
    this.#config = config;
    this.#around = around;
    this.#first.promise.catch(() => undefined);
    this.#backoff = new Backoff(around.clock);
    this.#waiters = new Waiters(around.clock, {
      inLineMs: config.acquireTimeoutMs,
      totalMs: config.acquireTimeoutMs + around.startTimeoutMs,
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
    if (this.#config.warm > 0 && !this.#isDraining) await this.#first.promise;
  }

  stats(): PoolStats {
    return {
      starting: this.#slots.of('starting').size,
      warm: this.#slots.of('warm').size,
      leased: this.#slots.of('leased').size,
      retiring: this.#slots.of('retiring').size,
      waiting: this.#waiters.length,
      max: this.#config.max,
      starts: this.#starts,
      failedStarts: this.#failedStarts,
      lastError: this.#lastError,
    };
  }

  /** Takes nothing new: those in line are refused and warm upstreams end; leases run on until they are released. */
  drain(): void {
    this.#isDraining = true;
    this.#first.resolve();
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
      this.#backoff.isOver()
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
    const slot = this.#slots.reserve(priority);
    this.#starts += 1;
    void this.#start(slot, priority);
  }

  async #start(slot: Slot, priority: StartPriority): Promise<void> {
    try {
      const turn = await this.#around.start(priority);
      if (slot.state.kind === 'starting') {
        slot.state = { ...slot.state, turn };
        if (slot.state.priority === 'foreground') turn.promote();
      }
      const upstream = await turn.upstream;
      this.#onSpawned(slot, upstream);
      await upstream.settled;
      this.#onSettled(slot, upstream);
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

  #onSettled(slot: Slot, upstream: Upstream): void {
    if (slot.state.kind === 'starting' && upstream.state === 'ready') {
      this.#slots.move(slot, { kind: 'warm', upstream });
      this.#first.resolve();
    }
    this.#match();
  }

  #onStartFailed(slot: Slot, error: unknown): void {
    this.#slots.free(slot);
    this.#first.reject(error);
    if (!(error instanceof BridgeError)) this.#around.log.error({ err: error }, 'a start failed');
    // Not the server's fault: as soon as the engine or the image is there, it may start.
    const isEarly =
      error instanceof BridgeError && (error.code === 'ENGINE_UNAVAILABLE' || error.code === 'IMAGE_PULLING');
    if (isEarly) this.#lastError = error.message;
    else this.#countFailure(error instanceof BridgeError ? error.message : 'internal error');
    // The start was for whoever waits longest; the next one gets a start of its own.
    this.#waiters.head()?.reject(error as Error);
    if (this.#waiters.length > 0) this.#match();
  }

  #countFailure(why: string): void {
    this.#failedStarts += 1;
    this.#lastError = why;
    this.#backoff.fail();
  }

  #lease(slot: Slot): Lease {
    const { state } = slot;
    if (state.kind !== 'warm' && state.kind !== 'starting') throw new Error(`A ${state.kind} slot cannot be leased`);
    const { upstream } = state;
    if (!upstream) throw new Error('A slot without an upstream cannot be leased');
    this.#slots.move(slot, { kind: 'leased', upstream, since: this.#around.clock.now() });
    this.#first.resolve();
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

  /** The process ended by itself before anybody leased it. (One that is leased is its session's business.) */
  #onExit(slot: Slot, upstream: Upstream): void {
    const { state } = slot;
    if (state.kind === 'leased') return;
    if (state.kind === 'retiring') return;
    const error = startFailed(upstream);
    this.#first.reject(error);
    this.#countFailure(error.message);
    this.#around.log.warn({ container: upstream.name, ...error.data }, 'a server ended before any client had it');
    if (state.kind === 'starting') this.#waiters.head()?.reject(error);
    void this.#retire(slot, 'start-failed');
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
      if (reason === 'start-failed') this.#countFailure(startFailed(state.upstream).message);
      else this.#backoff.succeed();
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
  }
}

function draining(): BridgeError {
  return new BridgeError('DRAINING', 'Cannot lease a container: Gangway is shutting down');
}
