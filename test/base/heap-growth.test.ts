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
  const rig = (): { clock: ManualClock; percents: string[]; state: { old: number; taken: number } } => {
    const [clock, percents, state] = [new ManualClock(), [] as string[], { old: 25, taken: 0 }];
    giveHeapRoom(clock, {
      oldBytes: () => state.old * mebibyte,
      takenBytes: () => state.taken * mebibyte,
      setFlag: (flag) => percents.push(flag.replace('--heap-growing-percent=', '')),
    });
    return { clock, percents, state };
  };

  it('leaves a heap to V8 while messages take little', async () => {
    const { clock, percents, state } = rig();
    for (let second = 0; second < 60; second++) {
      state.taken += 3.9;
      await clock.advance(1000);
    }
    expect(percents).toEqual([]);
  });

  it('gives room within a second when they take much, and takes it back ten seconds after the last', async () => {
    const { clock, percents, state } = rig();
    state.taken = 4;
    await clock.advance(1000);
    const atOnce = [...percents];
    await clock.advance(9000);
    const later = [...percents];
    await clock.advance(1000);
    expect([atOnce, later, percents]).toEqual([['250'], ['250'], ['250', '0']]);
  });

  it('follows the size of the heap', async () => {
    const { clock, percents, state } = rig();
    for (const old of [25, 25, 40, 500, 10]) {
      Object.assign(state, { old, taken: state.taken + 4 });
      await clock.advance(1000);
    }
    expect(percents).toEqual(['250', '150', '0', '300']);
  });
});
