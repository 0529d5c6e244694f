import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import type { Clock } from '../base/clock.ts';
import { maxDescriptors, openDescriptors } from '../base/descriptors.ts';

/** What the program uses of what it has. */
export interface Load {
  /** Of the memory that V8 may fill with objects that live long, 0 to 1. */
  readonly heapRatio: number;
  /** How late what is due runs, in milliseconds: the worst of the time since the last sample, but for one in a hundred. */
  readonly loopDelayMs: number;
  /** File descriptors; undefined where they cannot be counted. */
  readonly descriptors: number | undefined;
  readonly maxDescriptors: number | undefined;
}

/** Whoever takes samples takes one so often. */
export const sampleMs = 1000;
/** How often the event loop is looked at. More often is more exact, and wakes an idle program more often. */
const resolutionMs = 50;
/** To count descriptors may take this part of the time. */
const countingShare = 0.001;

/** V8's limit includes the space for young objects, three times that of one half; it runs out of memory without it. */
const youngBytes = 3 * (Number.parseInt(process.versions.v8) >= 13 ? 64 : 16) * 1024 * 1024;

/** What is asked of Node's own monitor of the event loop. */
interface DelayMonitor {
  enable(): void;
  disable(): void;
  reset(): void;
  /** In nanoseconds, the resolution included. */
  percentile(percentile: number): number;
}

/** Looks at the program. A sample takes a fraction of a millisecond. */
export class LoadSampler {
  readonly #clock: Clock;
  readonly #monitor: DelayMonitor;
  #sampledAt: number;
  #descriptors: number | undefined;
  #maxDescriptors: number | undefined;
  #countAgainAt = -Infinity;

  constructor(clock: Clock, monitor: DelayMonitor = monitorEventLoopDelay({ resolution: resolutionMs })) {
    this.#clock = clock;
    this.#monitor = monitor;
    this.#sampledAt = clock.now();
    monitor.enable();
  }

  sample(): Load {
    this.#countDescriptors();
    return {
      heapRatio: Math.round(heapRatio() * 1000) / 1000,
      loopDelayMs: Math.round(this.#loopDelayMs()),
      descriptors: this.#descriptors,
      maxDescriptors: this.#maxDescriptors,
    };
  }

  close(): void {
    this.#monitor.disable();
  }

  /** The monitor forgets what was under way at its reset: of a very slow loop it sees nothing, but the sample comes late. */
  #loopDelayMs(): number {
    const now = this.#clock.now();
    const lateMs = now - this.#sampledAt - sampleMs;
    this.#sampledAt = now;
    const seenMs = this.#monitor.percentile(99) / 1e6 - resolutionMs;
    this.#monitor.reset();
    return Math.max(0, seenMs, lateMs);
  }

  #countDescriptors(): void {
    const startedAt = this.#clock.now();
    if (startedAt < this.#countAgainAt) return;
    // With none left, the limit cannot be read: it is what it was.
    this.#maxDescriptors = maxDescriptors() ?? this.#maxDescriptors;
    const open = openDescriptors();
    this.#descriptors = open === undefined ? undefined : Math.min(open, this.#maxDescriptors ?? open);
    const endedAt = this.#clock.now();
    this.#countAgainAt = endedAt + (endedAt - startedAt) / countingShare;
  }
}

function heapRatio(): number {
  const old = getHeapSpaceStatistics().filter(({ space_name: name }) => !name.startsWith('new_'));
  const usedBytes = old.reduce((sum, { space_used_size: bytes }) => sum + bytes, 0);
  const limitBytes = getHeapStatistics().heap_size_limit;
  return usedBytes / Math.max(limitBytes - youngBytes, limitBytes / 2);
}
