import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/base/clock.ts';
import { LoadSampler } from '../../src/service/load-sampler.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { until } from '../support/until.ts';

const open: LoadSampler[] = [];

afterEach(() => {
  for (const sampler of open.splice(0)) sampler.close();
});

function real(): LoadSampler {
  const sampler = new LoadSampler(systemClock);
  open.push(sampler);
  return sampler;
}

/** A monitor that has seen what it is told. */
function monitored() {
  const clock = new ManualClock();
  const seen = { ms: 50, resets: 0, isEnabled: false };
  const sampler = new LoadSampler(clock, {
    enable: () => {
      seen.isEnabled = true;
    },
    disable: () => {
      seen.isEnabled = false;
    },
    reset: () => {
      seen.resets += 1;
    },
    percentile: () => seen.ms * 1e6,
  });
  return { clock, seen, sampler };
}

describe('LoadSampler.sample() of the event loop', () => {
  it('is what the monitor saw, less its resolution, since the last sample', async () => {
    const { clock, seen, sampler } = monitored();
    await clock.advance(1000);
    expect(sampler.sample().loopDelayMs).toBe(0);
    seen.ms = 350;
    await clock.advance(1000);
    expect(sampler.sample().loopDelayMs).toBe(300);
    expect(seen.resets).toBe(2);
  });

  it('is how late the sample comes when the monitor saw less', async () => {
    const { clock, sampler } = monitored();
    await clock.advance(3500);
    expect(sampler.sample().loopDelayMs).toBe(2500);
    await clock.advance(1000);
    expect(sampler.sample().loopDelayMs).toBe(0);
  });

  it('is never below nothing', () => {
    const { seen, sampler } = monitored();
    seen.ms = 0;
    expect(sampler.sample().loopDelayMs).toBe(0);
  });

  it('ends with close()', () => {
    const { seen, sampler } = monitored();
    expect(seen.isEnabled).toBe(true);
    sampler.close();
    expect(seen.isEnabled).toBe(false);
  });

  it('sees a loop that is blocked for real', async () => {
    const sampler = real();
    const block = setInterval(() => {
      const endAt = performance.now() + 300;
      while (performance.now() < endAt);
    }, 1);
    try {
      await until('a delay', () => sampler.sample().loopDelayMs >= 200, { everyMs: 1000 });
    } finally {
      clearInterval(block);
    }
    await until('a quiet loop', () => sampler.sample().loopDelayMs < 100, { everyMs: 500 });
  });
});

describe('LoadSampler.sample()', () => {
  it('tells how much of the heap is in use', () => {
    const { heapRatio } = real().sample();
    expect(heapRatio).toBeGreaterThan(0);
    expect(heapRatio).toBeLessThan(1);
  });

  (process.platform === 'linux' ? it : it.skip)('counts file descriptors', async () => {
    const sampler = real();
    const before = sampler.sample();
    const opened = Array.from({ length: 100 }, () => openSync(devNull, 'r'));
    try {
      await until('the next count', () => (sampler.sample().descriptors ?? 0) >= (before.descriptors ?? 0) + 100);
      expect(before.maxDescriptors).toBeGreaterThan(before.descriptors ?? Infinity);
    } finally {
      for (const descriptor of opened) closeSync(descriptor);
    }
  });

  it('takes less than a millisecond', () => {
    const sampler = real();
    const startedAt = performance.now();
    for (let n = 0; n < 100; n++) sampler.sample();
    expect((performance.now() - startedAt) / 100).toBeLessThan(1);
  });
});
