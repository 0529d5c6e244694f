import { isUtf8 } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Utf8Check } from '../../src/jsonrpc/utf8.ts';
import { cutAt } from '../support/cut.ts';

/** Whether all of it is UTF-8. */
function check(chunks: readonly Buffer[]): boolean {
  const utf8 = new Utf8Check();
  const results = chunks.map((chunk) => {
    const copy = Buffer.from(chunk);
    const isGood = utf8.push(copy);
    copy.fill(0xff);
    return isGood;
  });
  return results.every(Boolean) && utf8.end();
}

/** All ways to cut it. */
function* waysToCut(bytes: Buffer): Generator<Buffer[]> {
  for (let ways = 0; ways < 2 ** (bytes.length - 1); ways++) {
    yield cutAt(
      bytes,
      [...bytes.keys()].filter((at) => ((ways << 1) >> at) & 1),
    );
  }
}

function verdicts(bytes: Buffer): Set<boolean> {
  return new Set([...waysToCut(bytes)].map(check));
}

const around = (hex: string): Buffer => Buffer.from(`61${hex.replaceAll(' ', '')}62`, 'hex');

describe('Utf8Check', () => {
  it.each(['61', '7f', 'c2 80', 'df bf', 'e0 a0 80', 'ed 9f bf', 'ee 80 80', 'ef bf bf', 'f0 90 80 80', 'f4 8f bf bf', 'ef bb bf', 'c3 a9 e2 82 ac f0 9f 98 80'])('takes %s, cut in every way', (hex) => {
    expect(verdicts(around(hex))).toEqual(new Set([true]));
  }); // prettier-ignore

  it.each([
    ['an end without a beginning', '80'],
    ['two ends', 'bf bf'],
    ['two ends after one character', 'c3 a9 a9'],
    ['a beginning alone', 'c3'],
    ['two bytes of three', 'e2 82'],
    ['three bytes of four', 'f0 9f 98'],
    ['an overlong slash', 'c0 af'],
    ['an overlong NUL', 'c0 80'],
    ['an overlong c1', 'c1 bf'],
    ['an overlong one of three', 'e0 80 af'],
    ['an overlong one of three at its limit', 'e0 9f bf'],
    ['an overlong one of four', 'f0 80 80 af'],
    ['an overlong one of four at its limit', 'f0 8f bf bf'],
    ['the first surrogate', 'ed a0 80'],
    ['the last surrogate', 'ed bf bf'],
    ['a pair of surrogates', 'ed a0 bd ed b8 80'],
    ['beyond the last character', 'f4 90 80 80'],
    ['f5', 'f5 80 80 80'],
    ['five bytes', 'f8 88 80 80 80'],
    ['fe', 'fe'],
    ['ff', 'ff'],
    ['a beginning in place of an end', 'e2 e2 82 ac'],
  ])('refuses %s, cut in every way', (_what, hex) => {
    expect(verdicts(around(hex))).toEqual(new Set([false]));
  });

  it.each(['c3', 'e2', 'e2 82', 'f0', 'f0 9f', 'f0 9f 98', 'ed a0', 'e0 80'])('refuses %s at the end', (hex) => {
    expect(verdicts(around(hex).subarray(0, -1))).toEqual(new Set([false]));
  });

  it('tells at once what can be no character, before the text ends', () => {
    expect(new Utf8Check().push(Buffer.from([0x61, 0xff, 0x62]))).toBe(false);
  });

  it('says of any bytes, cut anywhere, what is said of the whole', () => {
    const byte = fc.oneof(
      fc.constantFrom(0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xed),
      fc.nat({ max: 255 }),
    );
    const cuts = fc.array(fc.nat({ max: 40 }), { maxLength: 20 });
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), cuts, (bytes, places) => {
        const whole = Buffer.from(bytes);
        expect(check(cutAt(whole, places))).toBe(isUtf8(whole));
      }),
      { numRuns: 3000 },
    );
  });

  it('takes any text, cut anywhere', () => {
    const cuts = fc.array(fc.nat({ max: 100 }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), cuts, (text, places) => {
        expect(check(cutAt(Buffer.from(text), places))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('forgets half a character with reset()', () => {
    const utf8 = new Utf8Check();
    utf8.push(Buffer.from([0xe2, 0x82]));
    utf8.reset();
    expect([utf8.push(Buffer.from('a')), utf8.end()]).toEqual([true, true]);
  });

  it('takes empty chunks anywhere', () => {
    const nothing = Buffer.alloc(0);
    expect(check([nothing, Buffer.from([0xe2]), nothing, Buffer.from([0x82, 0xac]), nothing])).toBe(true);
  });
});
