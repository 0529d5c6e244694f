import type { Clock } from '../base/clock.ts';
import { comesTrueWithin } from '../base/deadline.ts';
import { BridgeError } from '../base/errors.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Disposable } from '../modern/era.ts';
import type { Budget } from '../pool/budget.ts';
import { drainingError, lateError, tooLargeError } from '../pool/pool-errors.ts';
import type { Turn } from '../pool/start-gate.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Launches } from './launches.ts';

interface Surroundings {
  readonly launches: Pick<Launches, 'startDisposable'>;
  readonly budget: Budget;
  readonly clock: Clock;
  /** Whether the pools of the server leave a place for one more. */
  readonly hasPlace: () => boolean;
  /** There is one less. */
  readonly onGone: () => void;
}

/** How much those matter who wait for what a disposable has to say. */
export class Urgency {
  #isUrgent: boolean;
  #turn: Turn | undefined;

  /** @param isUrgent whether a client waits */
  constructor(isUrgent: boolean) {
    this.#isUrgent = isUrgent;
  }

  get isUrgent(): boolean {
    return this.#isUrgent;
  }

  /** A client waits now. */
  hurry(): void {
    this.#isUrgent = true;
    this.#turn?.promote();
  }

  /** It waits for its turn to start. */
  follow(turn: Turn): void {
    this.#turn = turn;
    if (this.#isUrgent) turn.promote();
  }
}

/** Containers of a server that no pool has: each is asked something, and ends. They count as all others do. */
export class Disposables {
  readonly #config: ServerConfig;
  readonly #around: Surroundings;
  readonly #living = new Set<Launch>();
  #isClosed = false;

  constructor(config: ServerConfig, around: Surroundings) {
    this.#config = config;
    this.#around = around;
  }

  /** In whatever state. */
  get count(): number {
    return this.#living.size;
  }

  /**
   * Starts one, when there is room for it. One that no client waits for makes way for a client of whatever server.
   *
   * @throws {BridgeError} `ACQUIRE_TIMEOUT`, `NODE_FULL`, `DRAINING`, and what a start throws
   */
  async start(urgency: Urgency): Promise<Disposable> {
    const { hasPlace, clock } = this.#around;
    const waitMs = this.#config.pool.acquireTimeoutMs;
    await comesTrueWithin(() => hasPlace() || this.#isClosed, waitMs, clock);
    this.#refuse();
    if (!hasPlace()) throw lateError(waitMs, false);
    await this.#takeRoom(urgency);
    const launch = new Launch(urgency, this.#around.budget, this.#config.resources.memoryBytes, () => {
      this.#living.delete(launch);
      this.#around.onGone();
    });
    this.#living.add(launch);
    if (this.#isClosed) launch.giveUp();
    await launch.begin(this.#around.launches);
    return launch;
  }

  /** Nobody wants to know any more. */
  close(): void {
    this.#isClosed = true;
    for (const launch of this.#living) launch.giveUp();
  }

  #refuse(): void {
    const { budget } = this.#around;
    const { memoryBytes } = this.#config.resources;
    if (this.#isClosed) throw drainingError();
    if (!budget.fits(memoryBytes)) throw tooLargeError(memoryBytes, budget.stats().maxMemoryBytes);
  }

  /** Only a client waits for room, and others make room only for clients. */
  async #takeRoom({ isUrgent }: Urgency): Promise<void> {
    const { budget, clock } = this.#around;
    const { pool, resources } = this.#config;
    const { memoryBytes } = resources;
    if (budget.take(memoryBytes, isUrgent ? 'foreground' : 'refill')) return;
    if (!isUrgent) throw lateError(0, true);
    await new Promise<void>((resolve, reject) => {
      let isWaiting = true;
      const end = (): void => {
        isWaiting = false;
        stopWaiting();
        stopTiming();
      };
      const take = (): void => {
        if (!isWaiting || !budget.take(memoryBytes)) return;
        end();
        resolve();
      };
      const stopWaiting = budget.onFree(take, () => (isWaiting ? 1 : 0));
      const stopTiming = clock.after(pool.acquireTimeoutMs, () => {
        end();
        reject(lateError(pool.acquireTimeoutMs, true));
      });
      budget.makeRoom();
    });
  }
}

/** One of them, from its room in the budget to its end. */
class Launch implements Disposable {
  readonly #urgency: Urgency;
  readonly #onGone: () => void;
  readonly #stopEvicting: () => void;
  readonly #giveRoom: () => void;
  #upstream: Upstream | undefined;
  #givenUp: BridgeError | undefined;
  #ending: Promise<void> | undefined;

  constructor(urgency: Urgency, budget: Budget, memoryBytes: number, onGone: () => void) {
    this.#urgency = urgency;
    this.#onGone = onGone;
    this.#giveRoom = () => {
      budget.give(memoryBytes);
    };
    this.#stopEvicting = budget.onShortage(() => this.#evict());
  }

  get upstream(): Upstream {
    if (!this.#upstream) throw new Error('What has not begun has no upstream');
    return this.#upstream;
  }

  get givenUp(): BridgeError | undefined {
    return this.#givenUp;
  }

  async begin({ startDisposable: start }: Pick<Launches, 'startDisposable'>): Promise<void> {
    try {
      const turn = await start(this.#urgency.isUrgent ? 'foreground' : 'refill', () => !this.#givenUp);
      this.#urgency.follow(turn);
      this.#upstream = await turn.upstream;
      if (this.#givenUp) throw this.#givenUp;
    } catch (error) {
      void this.end();
      throw error;
    }
  }

  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  giveUp(): void {
    this.#givenUp ??= new BridgeError('DRAINING', 'Cannot ask the server what it speaks: it is not wanted any more');
    if (this.#upstream) void this.end();
  }

  /** @returns whether somebody else gets its room */
  #evict(): boolean {
    if (this.#urgency.isUrgent || this.#ending || this.#givenUp) return false;
    this.giveUp();
    return true;
  }

  async #end(): Promise<void> {
    this.#stopEvicting();
    await this.#upstream?.stop();
    await this.#upstream?.gone;
    this.#onGone();
    this.#giveRoom();
  }
}
