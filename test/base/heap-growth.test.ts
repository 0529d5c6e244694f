import { describe, expect, it } from '@jest/globals';
import { giveHeapRoom, growthPercent } from '../../src/base/heap-growth.ts';
import { ManualClock } from '../support/manual-clock.ts';

const mebibyte = 1024 * 1024;

describe('growthPercent()', () => {
  it.each([
    [4, 300],
    [21, 300],
    [22, 250],
    [32, 200],
    [64, 100],
    [128, 50],
    [129, 0],
    [2000, 0],
  ])('lets a heap of %d MB grow by %d %%', (megabytes, percent) => {
    expect(growthPercent(megabytes * mebibyte)).toBe(percent);
  });

  it('never lets a heap grow by more than 64 MB', () => {
    for (let bytes = mebibyte; bytes < 1000 * mebibyte; bytes += 100_000) {
      expect((bytes * growthPercent(bytes)) / 100).toBeLessThanOrEqual(64 * mebibyte);
    }
  });
});

describe('giveHeapRoom()', () => {
  it('tells V8 at once, and again only when the heap has another size', async () => {
    const clock = new ManualClock();
    const flags: string[] = [];
    let old = 25;
    giveHeapRoom(clock, { oldBytes: () => old * mebibyte, setFlag: (flag) => flags.push(flag) });
    await clock.advance(60_000);
    old = 40;
    await clock.advance(60_000);
    old = 500;
    await clock.advance(60_000);
    old = 10;
    await clock.advance(60_000);
    expect(flags.map((flag) => flag.replace('--heap-growing-percent=', ''))).toEqual(['250', '150', '0', '300']);
  });
});
