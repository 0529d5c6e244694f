import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import type { Clock } from './clock.ts';

/** So much may be allocated, beside what lives, from one collection of all memory to the next. */
const spareBytes = 64 * 1024 * 1024;
/** In hundredths of what lives; V8 itself has at least 10 and at most 300. */
const stepPercent = 50;
const maxPercent = 300;
/** How often it is looked at. */
const lookMs = 10_000;

/** V8's heap, as far as it is asked and told here. */
export interface Heap {
  /** What lives, as far as that can be told: all but what is too young to say. */
  oldBytes(): number;
  setFlag(flag: string): void;
}

const ownHeap: Heap = {
  oldBytes: () =>
    getHeapSpaceStatistics()
      .filter(({ space_name }) => !space_name.startsWith('new_'))
      .reduce((sum, { space_used_size }) => sum + space_used_size, 0),
  setFlag: setFlagsFromString,
};

/**
 * Lets a small heap grow by up to 64 MB before all of it is collected; a large one is left to V8.
 *
 * @see docs/decisions/0018-room-between-collections.md
 */
export function giveHeapRoom(clock: Clock, heap: Heap = ownHeap): void {
  let current = 0;
  const look = (): void => {
    const percent = growthPercent(heap.oldBytes());
    if (percent === current) return;
    current = percent;
    heap.setFlag(`--heap-growing-percent=${percent}`);
  };
  look();
  clock.every(lookMs, look);
}

/** By how much a heap of so many bytes may grow, in hundredths of its size; 0 leaves it to V8. */
export function growthPercent(bytes: number): number {
  const steps = Math.floor((100 * spareBytes) / bytes / stepPercent);
  return Math.min(steps * stepPercent, maxPercent);
}
