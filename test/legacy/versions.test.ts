import { describe, expect, it } from '@jest/globals';
import { hasBatches, hasPriming } from '../../src/legacy/versions.ts';

const versions = [undefined, '2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'];

describe('hasBatches()', () => {
  it('is for the one revision that had them', () => {
    expect(versions.map(hasBatches)).toEqual([false, false, true, false, false, false]);
  });
});

describe('hasPriming()', () => {
  it('is for 2025-11-25 and whatever comes after it', () => {
    expect(versions.map(hasPriming)).toEqual([false, false, false, false, true, true]);
  });
});
