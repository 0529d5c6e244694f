import { describe, expect, it } from '@jest/globals';
import { benchModule } from '../support/bench-module.ts';

interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

const { median, quantile, ratioOf, spreadOf } = await benchModule<{
  median: (values: number[]) => number;
  quantile: (sorted: number[], share: number) => number;
  ratioOf: (over: (number | undefined)[], under: (number | undefined)[]) => Spread | undefined;
  spreadOf: (values: number[]) => Spread | undefined;
}>('statistics');

describe('median()', () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
    [[10, 9], 9.5],
    [[100, 20, 3], 20],
  ])('of %j is %d', (values, wanted) => {
    expect(median(values)).toBe(wanted);
  });
});

describe('quantile()', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);

  it.each([
    [0.5, 50],
    [0.99, 99],
    [1, 100],
    [0, 1],
  ])('%d of 1 to 100 is %d', (share, wanted) => {
    expect(quantile(hundred, share)).toBe(wanted);
  });
});

describe('ratioOf()', () => {
  it('is the median of the ratios of rounds, not the ratio of the medians', () => {
    // A machine that is ten times slower in the second round changes nothing.
    expect(ratioOf([2, 20, 6], [1, 10, 2])).toEqual({ median: 2, low: 2, high: 3, count: 3 });
  });

  it('leaves rounds out in which one of the two is missing', () => {
    expect(ratioOf([2, undefined, 6], [1, 10])).toEqual({ median: 2, low: 2, high: 2, count: 1 });
  });

  it('is nothing without a round', () => {
    expect(ratioOf([], [1])).toBeUndefined();
    expect(spreadOf([])).toBeUndefined();
  });
});

interface Slice {
  readonly cpuUs: number;
  readonly systemCalls: number;
}

const { bounds, checksOf } = await benchModule<{
  bounds: Record<string, { systemCalls: number; cpu: number }>;
  checksOf: (measured: object) => { isKept: boolean; text: string }[];
}>('bounds');

describe('checksOf()', () => {
  const { systemCalls, cpu } = bounds['16x1']!;

  function checks(gangway: Slice, faults: string[] = []): boolean[] {
    const ideal = { cpuUs: 50, systemCalls: 4 };
    const series = new Map([
      ['ideal', { slices: [ideal, ideal, ideal], faults: [] }],
      ['gangway', { slices: [gangway, gangway, { cpuUs: 1, systemCalls: 1 }], faults }],
    ]);
    return checksOf({ name: '16x1', series }).map(({ isKept }) => isKept);
  }

  it('are kept at the bounds', () => {
    expect(checks({ cpuUs: 50 * cpu, systemCalls })).toEqual([true, true, true]);
  });

  it.each([
    ['a wrong answer', { cpuUs: 50, systemCalls: 4 }, ['no answer'], [false, true, true]],
    ['one more write per call', { cpuUs: 50, systemCalls: systemCalls + 1 }, [], [true, false, true]],
    ['more CPU than is allowed', { cpuUs: 51 * cpu, systemCalls: 4 }, [], [true, true, false]],
  ])('notice %s', (_, gangway, faults, wanted) => {
    expect(checks(gangway, faults)).toEqual(wanted);
  });
});

const { verdictOf } = await benchModule<{ verdictOf: (goal: object) => string }>('summary');

describe('verdictOf()', () => {
  it.each([
    [1, 1.25, false, 0.9, 'aim'],
    [1, 1.25, false, 1.2, 'floor'],
    [1, 1.25, false, 1.3, 'missed'],
    [14, 8, true, 15, 'aim'],
    [14, 8, true, 9, 'floor'],
    [14, 8, true, 7, 'missed'],
  ])('aim %d, floor %d, more is better: %s: %d is "%s"', (aim, floor, isMore, found, wanted) => {
    expect(verdictOf({ aim, floor, isMore, found: { median: found } })).toBe(wanted);
  });
});
