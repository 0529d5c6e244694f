import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Pieces } from '../../src/remote/pieces.ts';

const part = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 3000, max: 9000 }));

describe('Pieces.take()', () => {
  it('gives the bytes that were added, in their order, whatever the sizes', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 200 }), (sizes) => {
        const pieces = new Pieces();
        const parts = sizes.map((size, i) => Buffer.alloc(size, i % 251));
        for (const one of parts) pieces.add(one);
        const length = pieces.length;
        const whole = Buffer.concat(parts);
        const taken = pieces.take();
        expect([length, taken.length, Buffer.concat(taken.parts).equals(whole)]).toEqual([
          whole.length,
          whole.length,
          true,
        ]);
      }),
      { numRuns: 50 },
    );
  });

  it('begins anew', () => {
    const pieces = new Pieces();
    pieces.add(Buffer.from('one'));
    pieces.take();
    pieces.add(Buffer.from('two'));
    expect([pieces.take().toString(), pieces.length]).toEqual(['two', 0]);
  });

  it('puts single bytes together', () => {
    const pieces = new Pieces();
    for (let i = 0; i < 2 * 1024 ** 2; i++) pieces.add(Buffer.from([i & 0xff]));
    expect(pieces.take().parts.length).toBeLessThan(300);
  });
});
