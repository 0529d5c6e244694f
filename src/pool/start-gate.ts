import PQueue from 'p-queue';
import type { Upstream } from '../upstream/upstream.ts';

export type StartPriority = 'foreground' | 'refill';
const priorities = { foreground: 1, refill: 0 } as const;

/** A start that waits for its turn. */
export interface Turn {
  /** Resolves when the child was spawned; its place in the gate stays taken until the server runs. */
  readonly upstream: Promise<Upstream>;
  /** A client waits for this one now: it goes before the refills. */
  promote(): void;
}

/**
 * Starts at once, for all servers of an engine: starting is the most expensive thing an engine does, and twenty at
 * once take longer than five times four. A client that waits goes before a pool that fills up.
 */
export class StartGate {
  readonly #queue: PQueue;
  #lastId = 0;

  /** @param concurrency how many starts may be under way */
  constructor(concurrency: number) {
    this.#queue = new PQueue({ concurrency });
  }

  /** Another number of starts at once, from now on. */
  resize(concurrency: number): void {
    this.#queue.concurrency = concurrency;
  }

  /** Starts waiting for their turn. */
  get waiting(): number {
    return this.#queue.size;
  }

  start(priority: StartPriority, open: () => Upstream): Turn {
    this.#lastId += 1;
    const id = `start-${this.#lastId}`;
    let hasBegun = false;
    const upstream = new Promise<Upstream>((resolve, reject) => {
      const turn = async (): Promise<void> => {
        hasBegun = true;
        const opened = open();
        resolve(opened);
        // One that never comes up is ended by its pool or its session; then its place is free as well.
        await Promise.race([opened.settled, opened.gone]);
      };
      this.#queue.add(turn, { id, priority: priorities[priority] }).catch(reject);
    });
    return {
      upstream,
      promote: () => {
        if (!hasBegun) this.#queue.setPriority(id, priorities.foreground);
      },
    };
  }
}
