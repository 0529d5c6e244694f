import { setTimeout as pause } from 'node:timers/promises';

type Falsy = false | undefined | null | 0 | '';

interface Limits {
  /** Milliseconds until it is given up. */
  readonly limitMs?: number;
  /** Milliseconds between two looks. */
  readonly everyMs?: number;
}

/**
 * Waits for something that can be observed: the one way in which a test of the real program waits.
 *
 * @param what completes "waited in vain for …"
 * @param look gives anything but a falsy value when it is there; what it throws is the reason that is shown in the end
 * @returns what `look` gave
 * @throws {Error} after `limitMs` (10 s)
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { limitMs = 10_000, everyMs = 20 }: Limits = {},
): Promise<Exclude<T, Falsy>> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    let why = '';
    try {
      const found = await look();
      if (found) return found as Exclude<T, Falsy>;
    } catch (error) {
      why = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() >= giveUpAt) throw new Error(`waited in vain for ${what}, ${limitMs} ms${why}`);
    await pause(everyMs);
  }
}

/** How long a piece of work takes, in milliseconds. */
export async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const startedAt = performance.now();
  const result = await work();
  return { ms: performance.now() - startedAt, result };
}

/** The same, less what a request takes that needs nothing: so it does not count how busy the machine is. */
export async function timedBeyond<T>(
  base: string,
  work: () => Promise<T>,
): Promise<{ readonly ms: number; readonly result: T }> {
  const { ms: usualMs } = await timed(async () => (await fetch(`${base}/healthz`)).arrayBuffer());
  const { ms, result } = await timed(work);
  return { ms: ms - usualMs, result };
}

/** The one in the middle. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
