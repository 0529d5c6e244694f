import type { Clock } from './clock.ts';

/**
 * Races `work` with a limit. The loser is not stopped: give `work` an abort signal where it must be.
 *
 * @param limitMs how long to wait
 * @param onLate makes the error that the caller gets when time is up
 */
export function withDeadline<T>(work: Promise<T>, limitMs: number, clock: Clock, onLate: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = clock.after(limitMs, () => {
      reject(onLate());
    });
    work.then(resolve, reject).finally(cancel);
  });
}

/** Resolves to true when `work` settles within `limitMs`, however it settles, and to false when time is up first. */
export function settlesWithin(work: Promise<unknown>, limitMs: number, clock: Clock): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    const cancel = clock.after(limitMs, () => {
      resolve(false);
    });
    const settled = (): void => {
      cancel();
      resolve(true);
    };
    work.then(settled, settled);
  });
}

const lookMs = 20;

/** Resolves when something has come true, looked at every 20 ms, or when time is up. */
export function comesTrueWithin(isTrue: () => boolean, limitMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const giveUpAt = clock.now() + limitMs;
    const cancel = clock.every(lookMs, () => {
      if (!isTrue() && clock.now() < giveUpAt) return;
      cancel();
      resolve();
    });
  });
}
