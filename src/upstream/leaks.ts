import type { Clock } from '../base/clock.ts';

/** A container that cannot be removed, as `/status` shows it. */
export interface LeakedContainer {
  readonly container: string;
  readonly server: string;
  /** How long its removal has been failing. */
  readonly sinceSeconds: number;
  readonly attempts: number;
}

interface Leak {
  readonly server: string;
  readonly since: number;
  readonly attempts: number;
}

/** Containers whose removal fails again and again, and everybody who waits to try once more. */
export class Leaks {
  readonly #clock: Clock;
  /** By the container's name: those that could not be removed and may still be there. */
  readonly #leaks = new Map<string, Leak>();
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Another removal failed. */
  add(container: string, server: string, attempts: number): void {
    const since = this.#leaks.get(container)?.since ?? this.#clock.now();
    this.#leaks.set(container, { server, since, attempts });
  }

  /** It is gone. */
  delete(container: string): void {
    this.#leaks.delete(container);
  }

  list(): LeakedContainer[] {
    const now = this.#clock.now();
    return [...this.#leaks].map(([container, { server, since, attempts }]) => ({
      ...{ container, server, sinceSeconds: Math.round((now - since) / 1000), attempts },
    }));
  }

  /** Waits before another try: at the most so long, and no longer when the engine is back or `over` has settled. */
  pause(ms: number, over?: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#waiting.delete(done);
        resolve();
      };
      const cancel = this.#clock.after(ms, done);
      this.#waiting.add(done);
      void over?.then(done);
    });
  }

  /** The engine is back: everything is tried again now. */
  retryNow(): void {
    for (const done of [...this.#waiting]) done();
  }
}
