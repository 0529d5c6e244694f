import type { Cancel } from '../base/clock.ts';
import type { BridgeError } from '../base/errors.ts';
import type { PoolConfig } from '../config/config.ts';
import type { SharedUpstream } from '../upstream/shared-upstream.ts';
import { nextAim, type Aim } from './autoscaler.ts';
import { Fleet, type FleetSurroundings } from './fleet.ts';
import type { Place, Room } from './place.ts';
import { LoadWindow } from './load-window.ts';
import { drainingError, fullError, lateError, tooLargeError } from './pool-errors.ts';
import { isIdle, type ReadySlot } from './shared-slot.ts';
import { StartHistory, type StartStats } from './start-history.ts';
import { Waiters } from './waiters.ts';

export interface SharedPoolStats extends StartStats {
  readonly starting: number;
  readonly ready: number;
  readonly draining: number;
  readonly retiring: number;
  /** Calls in line. */
  readonly waiting: number;
  /** Calls under way. */
  readonly ongoing: number;
  /** Containers that the load asks for. */
  readonly target: number;
  readonly min: number;
  readonly max: number;
}

interface Surroundings extends FleetSurroundings {
  /** Longest time from a start to the first call, in milliseconds. */
  readonly startTimeoutMs: number;
}

const tickMs = 200;

/**
 * The upstreams of a server that many clients share: as many as the load asks for, between `min` and `max`, each with
 * many calls at once, and a bounded line in front.
 */
export class SharedPool {
  readonly #around: Surroundings;
  readonly #history: StartHistory;
  readonly #fleet: Fleet;
  readonly #waiters: Waiters<Place, Room>;
  readonly #load: LoadWindow;
  readonly #cancels: readonly Cancel[];
  #config: PoolConfig;
  #aim: Aim;
  /** Whether one must run although nobody calls. */
  #isHeld = false;
  #isDraining = false;
  /** Whether somebody waits for a container that all servers together have no room for. */
  #isShort = false;

  constructor(config: PoolConfig, around: Surroundings) {
    const { clock, budget, random } = around;
    this.#config = config;
    this.#around = around;
    this.#history = new StartHistory(clock, random);
    this.#load = new LoadWindow(config.scaling.lookBackMs);
    // What a server offers is only known when one has run: also a pool that may be empty begins with one.
    this.#aim = { target: Math.max(1, config.min), wish: 'none', since: clock.now() };
    this.#fleet = new Fleet(this.#history, around, {
      onRoom: () => {
        this.#serve();
      },
      onChange: () => {
        this.#match();
      },
      onStartFailed: (error) => {
        this.#onStartFailed(error);
      },
    });
    this.#waiters = new Waiters(clock, {
      inLineMs: () => this.#config.acquireTimeoutMs,
      totalMs: () => this.#config.acquireTimeoutMs + around.startTimeoutMs,
      served: () => this.#fleet.count('starting') * this.#config.maxOngoing,
      late: (waitedMs) => lateError(waitedMs, this.#isShort),
    });
    const match = (): void => {
      this.#match();
    };
    const stopTicking = clock.every(tickMs, () => {
      this.#tick();
    });
    const wanted = (): number => (this.#isShort && this.#waiters.length > 0 ? 1 : 0);
    this.#cancels = [stopTicking, budget.onFree(match, wanted), budget.onShortage(() => this.#evict())];
  }

  /** Room for a call, if there is any now and nobody was before. @param room what it needs of its container */
  tryTake(room: Room = 'any'): Place | undefined {
    if (this.#isDraining || this.#waiters.length > 0) return undefined;
    return this.#fleet.take(this.#config.maxOngoing, this.#roomNow(room));
  }

  /**
   * Room for a call, as soon as there is any.
   *
   * @param signal gives the wait up; a place already given is not affected
   * @param client whose call it is: those who wait are served in turns
   * @param room what it needs of its container
   * @throws {BridgeError} `POOL_FULL` and, while nothing serves, `CIRCUIT_OPEN` at once; `ACQUIRE_TIMEOUT` or
   *   `NODE_FULL` after `acquireTimeout` in line; `DRAINING`; and why no container could be started when there is none
   */
  wait(signal: AbortSignal, client: string, room: Room = 'any'): Promise<Place> {
    const refusal = this.#refusal();
    if (refusal) return Promise.reject(refusal);
    const place = this.#waiters.join(signal, client, room);
    // The first one to come wakes the pool for as long as any other load would keep it awake.
    if (!this.isRunning) this.#follow();
    this.#serve();
    const { max, queue } = this.#config;
    // What a container is on its way for does not stand in line.
    const inLine = this.#waiters.length - (this.isRunning ? 0 : this.#config.maxOngoing);
    if (inLine > queue) this.#waiters.shorten(client, fullError(inLine - 1, queue, max));
    this.#match();
    return place;
  }

  /** Whether any upstream serves now. */
  get isRunning(): boolean {
    return this.#fleet.count('ready') > 0;
  }

  /** The upstreams that serve now. */
  upstreams(): SharedUpstream[] {
    return this.#fleet.ready().map(({ state }) => state.shared);
  }

  /** Whether one has to run even if nobody calls: somebody waits for what it says by itself. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#match();
  }

  /**
   * Keeps one upstream until what a call has left on it is over.
   *
   * @returns says that it is; any number of times
   */
  guard(shared: SharedUpstream): () => void {
    return this.#fleet.guard(shared);
  }

  /**
   * Starts what is to be there in any case.
   *
   * @returns resolves when the first one serves, or at once when there is no room for any
   * @throws {BridgeError} why the first start failed; it is tried again by itself
   */
  async fill(): Promise<void> {
    this.#match();
    if (!this.#isDraining && this.#fleet.total > 0) await this.#history.first;
  }

  stats(): SharedPoolStats {
    return {
      starting: this.#fleet.count('starting'),
      ready: this.#fleet.count('ready'),
      draining: this.#fleet.count('draining'),
      retiring: this.#fleet.count('retiring'),
      waiting: this.#waiters.length,
      ongoing: this.#fleet.ongoing,
      target: this.#wanted(),
      min: this.#config.min,
      max: this.#config.max,
      ...this.#history.stats(),
    };
  }

  /** Other numbers for the same containers. */
  resize(config: PoolConfig): void {
    this.#config = config;
    this.#load.lengthMs = config.scaling.lookBackMs;
    this.#tick();
  }

  /** Every container is replaced by a new one, which serves before the old one goes. */
  recycle(): void {
    this.#history.reset();
    this.#fleet.recycle();
    this.#match();
  }

  /** Takes nothing new: those in line are refused; each container goes when its calls are over. */
  drain(): void {
    this.#isDraining = true;
    this.#history.settle();
    for (const cancel of this.#cancels) cancel();
    this.#waiters.rejectBeyond(0, drainingError());
    this.#fleet.drainAll();
  }

  #tick(): void {
    this.#load.add(this.#requests(), this.#around.clock.now());
    this.#follow();
    this.#fleet.check();
    this.#match();
  }

  /** Whoever could do with a container where calls wait for their clients does so only when he can have no other. */
  #roomNow(room: Room = 'any'): Room {
    const isFull = this.#fleet.total >= this.#config.max && this.#fleet.count('starting') === 0;
    return room === 'quiet' && !isFull ? 'alone' : room;
  }

  /** Calls, running and in line: one that has a container to itself counts for as many as that should have. */
  #requests(): number {
    const alone = this.#fleet.reserved + this.#waiters.count((room = 'any') => room !== 'any');
    const { target } = this.#config.scaling;
    return this.#fleet.ongoing + this.#waiters.length + alone * Math.max(0, target - 1);
  }

  /** Lets the aim follow the load. */
  #follow(): void {
    const now = this.#around.clock.now();
    const requests = this.#load.average(now);
    const load = { requests, waiting: this.#waiters.length, running: this.#fleet.count('ready') };
    this.#aim = nextAim(this.#aim, load, this.#config, this.#config.scaling, now);
  }

  /** How many should serve. */
  #wanted(): number {
    const { min, max } = this.#config;
    const isNeeded = this.#isHeld || this.#waiters.length > 0;
    const isPicky = (this.#waiters.head()?.need ?? 'any') !== 'any';
    const beside = isPicky ? this.#fleet.useless : 0;
    return Math.min(max, Math.max(min, this.#aim.target, isNeeded ? 1 + beside : 0));
  }

  /** Brings calls and upstreams together, starts what is missing, ends what is too many. Called whenever anything changes. */
  #match(): void {
    if (this.#isDraining) return;
    this.#serve();
    const wanted = this.#wanted();
    const expired = this.#fleet.expired(this.#config);
    this.#grow(wanted, expired.length > 0 ? 1 : 0);
    this.#shrink(wanted, expired);
  }

  #serve(): void {
    for (let waiter = this.#waiters.head(); waiter; waiter = this.#waiters.head()) {
      const room = this.#roomNow(waiter.need);
      const place = this.#fleet.take(this.#config.maxOngoing, room);
      if (!place && waiter.need === 'alone') this.#fleet.renewUnquiet();
      if (!place && room === 'alone') this.#serveBeside();
      if (!place) return;
      waiter.resolve(place);
    }
  }

  /** Those behind a call that must be alone may have what is of no use to it, for as long as people think. */
  #serveBeside(): void {
    const isModest = (need: Room = 'any'): boolean => need === 'any';
    for (let waiter = this.#waiters.next(isModest); waiter; waiter = this.#waiters.next(isModest)) {
      const place = this.#fleet.takeBeside(this.#config.maxOngoing);
      if (!place) return;
      waiter.resolve(place);
    }
  }

  /** @param spare one more may come up to take the place of one that is to be replaced, also beyond `max` */
  #grow(wanted: number, spare: number): void {
    const isUrgent = this.#waiters.length > 0;
    this.#isShort = !this.#start(wanted, spare, isUrgent) && isUrgent;
    if (this.#isShort) this.#around.budget.makeRoom();
    if (!isUrgent) return;
    this.#fleet.hurry();
    // Nobody serves, and nobody may be started: no reason to wait.
    const refusal = this.#refusal();
    if (refusal) this.#waiters.rejectBeyond(0, refusal);
  }

  /** @returns whether the node had room for all that are to start */
  #start(wanted: number, spare: number, isUrgent: boolean): boolean {
    const { max, maxAgeMs } = this.#config;
    // Those in line do not wait for one that may hang.
    const useless = isUrgent ? this.#fleet.ready().filter(isSuspect).length : 0;
    while (
      this.#fleet.count('ready') - useless + this.#fleet.count('starting') < wanted + spare &&
      this.#fleet.total < max + spare &&
      this.#mayBegin(isUrgent)
    ) {
      if (!this.#fleet.begin(isUrgent ? 'foreground' : 'refill', maxAgeMs)) return false;
    }
    return true;
  }

  /** Only who waits for the very first one is not held back: he learns how it goes. */
  #mayBegin(isUrgent: boolean): boolean {
    const isFirst = this.#fleet.count('ready') + this.#fleet.count('starting') === 0;
    return isUrgent && isFirst ? this.#history.mayStart() : this.#history.mayRefill();
  }

  /** Those go first that are to be replaced, then those that may hang, then those with the least to do. */
  #shrink(wanted: number, expired: readonly ReadySlot[]): void {
    const surplus = this.#fleet.count('ready') - wanted;
    if (surplus <= 0) return;
    const others = this.#fleet
      .ready()
      .filter((slot) => !expired.includes(slot))
      .sort((a, b) => Number(isSuspect(b)) - Number(isSuspect(a)) || a.ongoing + a.guards - b.ongoing - b.guards);
    const isOld = new Set(expired);
    for (const slot of [...expired, ...others].slice(0, surplus)) {
      this.#fleet.drain(slot, isOld.has(slot) ? 'recycled' : 'surplus');
    }
  }

  /** While others serve, those in line wait on; otherwise they learn why there is nobody. */
  #onStartFailed(error: unknown): void {
    if (this.#fleet.count('ready') + this.#fleet.count('starting') > 0) return;
    this.#waiters.rejectBeyond(0, error as BridgeError);
  }

  #refusal(): BridgeError | undefined {
    if (this.#isDraining) return drainingError();
    const { budget, memoryBytes } = this.#around;
    if (this.isRunning || this.#fleet.count('starting') > 0) return undefined;
    if (!budget.fits(memoryBytes)) return tooLargeError(memoryBytes, budget.stats().maxMemoryBytes);
    return this.#history.refusal();
  }

  /** Gives a container up that has nothing to do, for a client of another server. */
  #evict(): boolean {
    const { min } = this.#config;
    const idle = this.#fleet.ready().find(isIdle);
    if (!idle || this.#isHeld || this.#fleet.count('ready') <= min) return false;
    this.#fleet.drain(idle, 'surplus');
    return true;
  }
}

function isSuspect({ state }: ReadySlot): boolean {
  return state.health.isSuspect;
}
