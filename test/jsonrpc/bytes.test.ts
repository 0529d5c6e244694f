import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { cutAt } from '../support/cut.ts';

const mebibyte = 1024 * 1024;

/** More than is joined, in pieces of odd sizes. */
function large(): { whole: Buffer; bytes: Bytes } {
  const whole = Buffer.from(Array.from({ length: mebibyte + 10 }, (_x, i) => i % 251));
  return { whole, bytes: new Bytes(cutAt(whole, [1, 2, 1000, 1001, 500_000, mebibyte]), whole.length) };
}

describe('Bytes', () => {
  it('of up to 1 MiB are one piece', () => {
    const half = Buffer.alloc(mebibyte / 2);
    expect(new Bytes([half, half], mebibyte).parts).toHaveLength(1);
  });

  it('of more stay in their pieces', () => {
    const pieces = [Buffer.alloc(mebibyte), Buffer.alloc(1)];
    const { parts } = new Bytes(pieces, mebibyte + 1);
    expect(parts.map((part, i) => part === pieces[i])).toEqual([true, true]);
  });

  it('have the same text whether in one piece or many', () => {
    const { whole, bytes } = large();
    expect(bytes.toString() === whole.toString()).toBe(true);
  });
});

describe('Bytes.slice()', () => {
  it('is the span, wherever the pieces meet', () => {
    const { whole, bytes } = large();
    const edge = fc.oneof(
      fc.constantFrom(0, 1, 2, 999, 1000, 1001, 500_000, mebibyte, whole.length),
      fc.nat(whole.length),
    );
    fc.assert(
      fc.property(edge, edge, (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        expect(bytes.slice(start, end).equals(whole.subarray(start, end))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('is a view when it lies in one piece', () => {
    const pieces = [Buffer.alloc(mebibyte), Buffer.alloc(100)];
    const bytes = new Bytes(pieces, mebibyte + 100);
    const spans = [bytes.slice(5, 10), bytes.slice(mebibyte + 5, mebibyte + 10)];
    expect(spans.map(({ buffer }, i) => buffer === pieces[i]?.buffer)).toEqual([true, true]);
  });
});

describe('Bytes.text()', () => {
  it('is the span as it reads, also over two pieces', () => {
    const pieces = [Buffer.concat([Buffer.alloc(mebibyte, 'x'), Buffer.from([0xe2])]), Buffer.from([0x82, 0xac, 0x79])];
    expect(new Bytes(pieces, mebibyte + 4).text(mebibyte - 1, mebibyte + 4)).toBe('x€y');
  });
});

describe('Bytes.kept()', () => {
  it('copies a small view out of its chunk', () => {
    const chunk = Buffer.from(new ArrayBuffer(mebibyte));
    const kept = Bytes.of(chunk.subarray(10, 20)).kept();
    expect([kept.length, kept.parts[0]?.buffer === chunk.buffer]).toEqual([10, false]);
  });

  it('keeps what fills its chunk as it is', () => {
    const bytes = Bytes.of(Buffer.from(new ArrayBuffer(100)));
    expect(bytes.kept()).toBe(bytes);
  });

  it('keeps pieces as they are', () => {
    const { bytes } = large();
    expect(bytes.kept()).toBe(bytes);
  });
});
