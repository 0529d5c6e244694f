import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasControl } from '../../src/jsonrpc/json-tokens.ts';

/** The same, as anybody would write it. */
const slowly = (chunk: Buffer, start: number, end: number): boolean =>
  chunk.subarray(start, end).some((byte) => byte < 0x20);

describe('hasControl()', () => {
  const byte = fc.oneof(
    { weight: 60, arbitrary: fc.integer({ min: 0x20, max: 0xff }) },
    { weight: 1, arbitrary: fc.nat({ max: 0xff }) },
  );

  it('says what a look at each byte says, at every offset and alignment', () => {
    const span = fc.tuple(
      fc.array(byte, { maxLength: 120 }),
      fc.nat({ max: 8 }),
      fc.nat({ max: 120 }),
      fc.nat({ max: 120 }),
    );
    fc.assert(
      fc.property(span, ([bytes, lead, a, b]) => {
        const chunk = Buffer.from(new ArrayBuffer(lead + bytes.length), lead);
        chunk.set(bytes);
        const [start = 0, end = 0] = [Math.min(a, bytes.length), Math.min(b, bytes.length)].sort((x, y) => x - y);
        expect(hasControl(chunk, start, end)).toBe(slowly(chunk, start, end));
      }),
      { numRuns: 3000 },
    );
  });

  it('finds a single one wherever it stands', () => {
    const missed: number[] = [];
    for (let lead = 0; lead < 4; lead++) {
      for (let at = 0; at < 70; at++) {
        const chunk = Buffer.from(new ArrayBuffer(80), lead, 70).fill(0xff);
        chunk[at] = 0x1f;
        if (!hasControl(chunk, 0, 70)) missed.push(at);
        if (hasControl(chunk, at + 1, 70) || hasControl(chunk, 0, at)) missed.push(-at);
      }
    }
    expect(missed).toEqual([]);
  });

  it.each([0x20, 0x7f, 0x80, 0x9f, 0xa0, 0xff])('finds none in a run of %i', (value) => {
    expect(hasControl(Buffer.alloc(101, value), 1, 101)).toBe(false);
  });

  it.each(Array.from({ length: 0x20 }, (_x, value) => value))('finds %i between the highest bytes', (value) => {
    const chunk = Buffer.alloc(64, 0xff);
    chunk[33] = value;
    expect(hasControl(chunk, 0, 64)).toBe(true);
  });

  it('finds none in nothing', () => {
    expect(hasControl(Buffer.alloc(10), 5, 5)).toBe(false);
  });
});
