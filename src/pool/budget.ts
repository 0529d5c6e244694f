import type { Cancel } from '../base/clock.ts';
import type { Limits } from '../config/config.ts';
import type { StartPriority } from './start-gate.ts';

type Caps = Pick<Limits, 'containers' | 'memoryBytes'>;

interface BudgetStats {
  readonly containers: number;
  readonly memoryBytes: number;
  /** 0 sets no limit. */
  readonly maxContainers: number;
  readonly maxMemoryBytes: number;
}

interface Member {
  readonly onFree: () => void;
  readonly wanted: () => number;
}

/**
 * What all pools of a bridge share: a number of containers, and the memory that they may use. A pool takes its part
 * before it awaits anything, and gives it back when the container is gone for certain: the caps hold under any race.
 *
 * Clients go before what is only kept warm: while one of them finds no room, no pool fills up, and an idle container
 * of some other pool is given up for it. Pools whose clients wait are served in turns, a container each.
 */
export class Budget {
  #caps: Caps;
  #containers = 0;
  #memoryBytes = 0;
  /** In the order of their turns. */
  readonly #members = new Set<Member>();
  readonly #evictors = new Set<() => boolean>();
  /** Idle containers that were given up and are not gone yet. */
  #leaving = 0;
  #isServing = false;
  /** Whether the pool whose turn it is has had its container; undefined when it is nobody's turn. */
  #hasTaken: boolean | undefined;

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  /**
   * Takes room for one container, at once or not at all.
   *
   * @param memoryBytes its `resources.memory`; 0 counts for nothing
   * @param priority a `refill` is refused as long as a client waits for room, in whatever pool
   */
  take(memoryBytes: number, priority: StartPriority = 'foreground'): boolean {
    if (this.#hasTaken || !this.#hasRoomFor(memoryBytes)) return false;
    if (priority === 'refill' && this.#wanted() > 0) return false;
    this.#containers += 1;
    this.#memoryBytes += memoryBytes;
    if (this.#hasTaken === false) this.#hasTaken = true;
    return true;
  }

  /** Gives back what was taken for a container, once that is gone for certain. */
  give(memoryBytes: number): void {
    this.#containers -= 1;
    this.#memoryBytes -= memoryBytes;
    this.#leaving = Math.max(0, this.#leaving - 1);
    this.#serve();
    this.makeRoom();
  }

  /** Whether a container of this size can be had at all, when everything else is gone. */
  fits(memoryBytes: number): boolean {
    return this.#caps.memoryBytes === 0 || memoryBytes <= this.#caps.memoryBytes;
  }

  /**
   * Tells a pool, in its turn, that room came free: it may take one container now.
   *
   * @param wanted how many its clients wait for at this moment, for want of room; it is passed over while that is 0
   */
  onFree(listener: () => void, wanted: () => number = () => 1): Cancel {
    const member = { onFree: listener, wanted };
    this.#members.add(member);
    return () => {
      this.#members.delete(member);
    };
  }

  /**
   * Asks a pool, in its turn, to give something up for a client of another.
   *
   * @param evict ends one container that nobody uses or waits for; returns whether there was one
   */
  onShortage(evict: () => boolean): Cancel {
    this.#evictors.add(evict);
    return () => {
      this.#evictors.delete(evict);
    };
  }

  /** Gives idle containers up for the clients that wait for room: one for each, those included that still leave. */
  makeRoom(): void {
    // What is free is handed out first.
    if (this.#isServing) return;
    while (this.#leaving < this.#wanted()) {
      this.#leaving += 1;
      if (this.#evictOne()) continue;
      this.#leaving -= 1;
      return;
    }
  }

  /** Whether as much is on its way out as all those want who wait. */
  get isMakingRoom(): boolean {
    return this.#leaving >= this.#wanted();
  }

  /** New caps. Containers beyond a smaller one stay until they end. */
  resize(caps: Caps): void {
    this.#caps = caps;
    this.#serve();
    this.makeRoom();
  }

  stats(): BudgetStats {
    return {
      containers: this.#containers,
      memoryBytes: this.#memoryBytes,
      maxContainers: this.#caps.containers,
      maxMemoryBytes: this.#caps.memoryBytes,
    };
  }

  #hasRoomFor(memoryBytes: number): boolean {
    const { containers, memoryBytes: maxMemoryBytes } = this.#caps;
    const isCountFree = containers === 0 || this.#containers < containers;
    return isCountFree && (maxMemoryBytes === 0 || this.#memoryBytes + memoryBytes <= maxMemoryBytes);
  }

  #wanted(): number {
    let sum = 0;
    for (const { wanted } of this.#members) sum += wanted();
    return sum;
  }

  /** Offers what is free until nobody can use it. */
  #serve(): void {
    // What comes free meanwhile is seen by the loop that runs.
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      while (this.#serveOne());
    } finally {
      this.#isServing = false;
      this.#hasTaken = undefined;
    }
  }

  /** One container for the first in turn that can use what is free; then it is the last in turn. */
  #serveOne(): boolean {
    for (const member of this.#members) {
      if (member.wanted() === 0) continue;
      if (!this.#offer(member)) continue;
      toTheEnd(this.#members, member);
      return true;
    }
    return false;
  }

  /** @returns whether it took a container */
  #offer(member: Member): boolean {
    this.#hasTaken = false;
    member.onFree();
    return this.#hasTaken;
  }

  #evictOne(): boolean {
    for (const evict of this.#evictors) {
      if (!evict()) continue;
      toTheEnd(this.#evictors, evict);
      return true;
    }
    return false;
  }
}

function toTheEnd<T>(ring: Set<T>, one: T): void {
  if (ring.delete(one)) ring.add(one);
}
