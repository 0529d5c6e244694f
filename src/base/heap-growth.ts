import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import type { Clock } from './clock.ts';
import { takenBytes } from './memory-taken.ts';

/** So much may be allocated, beside what lives, from one collection of all memory to the next. */
const spareBytes = 64 * 1024 * 1024;
/** In hundredths of what lives; V8 itself has at least 10 and at most 300. */
const stepPercent = 50;
const maxPercent = 300;
/** How often it is looked at; what messages take in that time when there is much to do; and for how long that counts. */
const lookMs = 1000;
const busyBytes = 4 * 1024 * 1024;
const busyMs = 10_000;

/** V8's heap, as far as it is asked and told here. */
export interface Heap {
  /** What lives, as far as that can be told: all but what is too young to say. */
  oldBytes(): number;
  /** What messages took outside of it, ever. */
  takenBytes(): number;
  setFlag(flag: string): void;
}

const ownHeap: Heap = {
  oldBytes: () =>
    getHeapSpaceStatistics()
      .filter(({ space_name }) => !space_name.startsWith('new_'))
      .reduce((sum, { space_used_size }) => sum + space_used_size, 0),
  takenBytes,
  setFlag: setFlagsFromString,
};

/**
 * Lets a small heap grow by up to 64 MB before all of it is collected, while messages take much memory outside of it. At
 * all other times, and a large heap always, is left to V8.
 *
 * @see docs/decisions/0018-room-between-collections.md
 */
export function giveHeapRoom(clock: Clock, heap: Heap = ownHeap): void {
  let current = 0;
  let before = heap.takenBytes();
  let busyUntil = -Infinity;
  clock.every(lookMs, () => {
    const now = clock.now();
    const taken = heap.takenBytes();
    if (taken - before >= busyBytes) busyUntil = now + busyMs;
    before = taken;
    const percent = now < busyUntil ? growthPercent(heap.oldBytes()) : 0;
    if (percent === current) return;
    current = percent;
    heap.setFlag(`--heap-growing-percent=${percent}`);
  });
}

/** By how much a heap of so many bytes may grow, in hundredths of its size; 0 leaves it to V8. */
export function growthPercent(bytes: number): number {
  const steps = Math.floor((100 * spareBytes) / bytes / stepPercent);
  return Math.min(steps * stepPercent, maxPercent);
}
