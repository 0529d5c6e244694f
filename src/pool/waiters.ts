import type { Cancel, Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';

export interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

interface Entry<T> extends Waiter<T> {
  stopWaiting: Cancel;
}

interface WaitLimits {
  /** In line, with nothing under way for this waiter, in milliseconds. */
  readonly inLineMs: number;
  /** In all, in milliseconds: for a waiter whose container is being started. */
  readonly totalMs: number;
  /** How many at the head of the line have a container on its way. */
  served(): number;
}

/** The line in front of a pool: first come, first served; each wait has a bound and can be given up. */
export class Waiters<T> {
  readonly #clock: Clock;
  readonly #limits: WaitLimits;
  /** In the order of arrival: a Map, so that one that gives up leaves in constant time. */
  readonly #line = new Map<symbol, Entry<T>>();

  constructor(clock: Clock, limits: WaitLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get length(): number {
    return this.#line.size;
  }

  /**
   * Takes a place at the end of the line.
   *
   * @param signal gives the place up; the promise rejects with its reason
   * @throws {BridgeError} `ACQUIRE_TIMEOUT`
   */
  join(signal: AbortSignal): Promise<T> {
    const key = Symbol('waiter');
    return new Promise<T>((resolve, reject) => {
      const leave = (): boolean => {
        signal.removeEventListener('abort', giveUp);
        this.#line.get(key)?.stopWaiting();
        return this.#line.delete(key);
      };
      const giveUp = (): void => {
        if (leave()) reject(signal.reason as Error);
      };
      const entry: Entry<T> = {
        resolve: (value) => {
          leave();
          resolve(value);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
        stopWaiting: () => undefined,
      };
      this.#line.set(key, entry);
      this.#limit(key, entry, this.#limits.inLineMs, this.#clock.now());
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** The one that has waited longest. It leaves the line when it is resolved or rejected. */
  head(): Waiter<T> | undefined {
    return this.#line.values().next().value;
  }

  rejectAll(error: BridgeError): void {
    for (const waiter of [...this.#line.values()]) waiter.reject(error);
  }

  #limit(key: symbol, entry: Entry<T>, waitMs: number, since: number): void {
    entry.stopWaiting = this.#clock.after(waitMs, () => {
      const waited = this.#clock.now() - since;
      if (this.#isServed(key) && waited < this.#limits.totalMs) {
        // Its container is on its way: that has a limit of its own, so look again a little later.
        this.#limit(key, entry, Math.min(250, this.#limits.totalMs - waited), since);
        return;
      }
      const waitedMs = Math.round(waited);
      entry.reject(
        new BridgeError('ACQUIRE_TIMEOUT', `Cannot lease a container: none came free within ${waitedMs} ms`, {
          waitedMs,
        }),
      );
    });
  }

  #isServed(key: symbol): boolean {
    const served = this.#limits.served();
    let position = 0;
    for (const other of this.#line.keys()) {
      if (position >= served) return false;
      if (other === key) return true;
      position += 1;
    }
    return false;
  }
}
