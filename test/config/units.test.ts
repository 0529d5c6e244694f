import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/config/units.ts';

describe('parseDuration()', () => {
  it.each([
    ['0ms', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['10m', 600_000],
    ['8h', 28_800_000],
    ['0.4ms', 0],
    ['007s', 7000],
  ])('reads %p', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '30', 's', '30 s', ' 30s', '30s\n', '30S', '30sec', '1d', '-1s', '+1s', '1e3s', '.5s', '1.s', '1h30m'])(
    'refuses %p',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});

describe('parseSize()', () => {
  it.each([
    ['0b', 0],
    ['1b', 1],
    ['1k', 1024],
    ['1K', 1024],
    ['1kb', 1024],
    ['512m', 536_870_912],
    ['512MB', 536_870_912],
    ['1.5g', 1_610_612_736],
  ])('reads %p', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(['', '512', 'm', '1 m', ' 1m', '1m\n', '1t', '1mib', '-1m', '1e3m', '.5m', '1bb', '1,5m'])(
    'refuses %p',
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );
});

describe('formatDuration()', () => {
  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1000, '1s'],
    [1001, '1001ms'],
    [90_000, '90s'],
    [600_000, '10m'],
    [3_600_000, '1h'],
    [86_400_000, '24h'],
  ])('writes %p', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('writes what parseDuration() reads back', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 12 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });
});

describe('formatSize()', () => {
  it.each([
    [0, '0b'],
    [1023, '1023b'],
    [1024, '1k'],
    [1025, '1025b'],
    [536_870_912, '512m'],
    [1024 ** 4, '1024g'],
  ])('writes %p', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });

  it('writes what parseSize() reads back', () => {
    fc.assert(
      fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        expect(parseSize(formatSize(bytes))).toBe(bytes);
      }),
    );
  });
});
