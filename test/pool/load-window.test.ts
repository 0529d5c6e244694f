import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LoadWindow } from '../../src/pool/load-window.ts';

/** A window that has seen these loads at these times. */
function seen(lengthMs: number, ...loads: readonly [at: number, value: number][]): LoadWindow {
  const window = new LoadWindow(lengthMs);
  for (const [at, value] of loads) window.add(value, at);
  return window;
}

describe('LoadWindow.average()', () => {
  it('is 0 when there was nothing yet', () => {
    expect(new LoadWindow(1000).average(5000)).toBe(0);
  });

  it('is the load itself while no time has passed', () => {
    expect(seen(1000, [50, 7]).average(50)).toBe(7);
  });

  it('counts each load for as long as it held', () => {
    expect(seen(1000, [0, 10], [100, 0], [400, 2]).average(500)).toBeCloseTo((10 * 100 + 2 * 100) / 500);
  });

  it('does not count a load that has just begun', () => {
    expect(seen(1000, [0, 4], [200, 100]).average(200)).toBe(4);
  });

  it('goes on with the last load', () => {
    expect(seen(1000, [0, 0], [500, 6]).average(1000)).toBe(3);
  });

  it('looks back no further than its length', () => {
    expect(seen(1000, [0, 100], [1000, 1], [1500, 3]).average(2000)).toBe(2);
  });

  it('counts a part of the load in which the window begins', () => {
    expect(seen(1000, [0, 10], [1500, 0]).average(2000)).toBe(5);
  });

  it('divides by what it has seen when that is less than its length', () => {
    expect(seen(60_000, [1000, 8]).average(3000)).toBe(8);
  });

  it('is the last load when it does not look back at all', () => {
    expect(seen(0, [0, 8], [100, 3]).average(100)).toBe(3);
  });

  it('is exactly 0 when all that it looks at was 0', () => {
    const window = new LoadWindow(5000);
    for (let at = 0.1; at < 5000; at += 7.3) window.add(at < 100 ? 0.1 : 0, at);
    expect(window.average(5200.5)).toBe(0);
  });

  it('forgets what lies behind it, and nothing else', () => {
    const window = new LoadWindow(1000);
    for (let at = 0; at <= 10_000; at += 200) window.add(at >= 9000 ? 5 : 1000, at);
    expect(window.average(10_000)).toBe(5);
  });

  it('follows a new length', () => {
    const window = seen(10_000, [0, 10], [900, 0]);
    window.lengthMs = 200;
    expect(window.average(1000)).toBe(5);
  });

  it('is what a sum over each millisecond gives', () => {
    const change = fc.record({ afterMs: fc.integer({ min: 0, max: 300 }), value: fc.integer({ min: 0, max: 50 }) });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 1500 }),
        fc.integer({ min: 1, max: 500 }),
        (changes, lengthMs, restMs) => {
          const window = new LoadWindow(lengthMs);
          const values: number[] = [];
          let now = 0;
          changes.forEach(({ afterMs, value }, i) => {
            for (let ms = 0; i > 0 && ms < afterMs; ms++) values.push(changes[i - 1]!.value);
            now += i > 0 ? afterMs : 0;
            window.add(value, now);
          });
          for (let ms = 0; ms < restMs; ms++) values.push(changes.at(-1)!.value);
          const within = values.slice(-lengthMs);
          const mean = within.reduce((sum, value) => sum + value, 0) / within.length;
          expect(window.average(now + restMs)).toBeCloseTo(mean, 9);
        },
      ),
    );
  });
});
