import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { plainHeader, wrappedHeader } from '../../src/modern/header-value.ts';
import { requestHeaders, wrapped } from '../support/modern-requests.ts';

const plain = (...values: string[]): unknown =>
  plainHeader(requestHeaders(...values.map((value) => ['X-Name', value] as const)), 'x-name');
const unwrapped = (value: string): unknown => wrappedHeader(requestHeaders(['X-Name', value]), 'x-name');

describe('plainHeader()', () => {
  it.each(['', 'a', 'a b', 'a\tb', 'a, b', '=?base64?YQ==?='])('gives "%s" as it is', (value) => {
    expect(plain(value)).toEqual({ text: value });
  });

  it('knows a header that is missing', () => {
    expect(plain()).toEqual({ fault: 'missing' });
  });

  it('knows a header that is there twice from one with a comma', () => {
    expect([plain('a', 'b'), plain('a', 'a'), plain('a, b')]).toEqual([
      { fault: 'twice' },
      { fault: 'twice' },
      { text: 'a, b' },
    ]);
  });

  it.each(['é', 'a\u007f', 'a\u0000', '\u0080'])('refuses the characters of %j', (value) => {
    expect(plain(value)).toEqual({ fault: 'garbled' });
  });
});

describe('wrappedHeader()', () => {
  it('gives any text back that was wrapped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(unwrapped(wrapped(text))).toEqual({ text });
      }),
    );
  });

  it('reads every text in one form only: nothing else that decodes to it passes', () => {
    fc.assert(
      fc.property(fc.base64String(), fc.nat(), fc.constantFrom('=', '-', ' ', 'A', '!'), (base64, at, extra) => {
        const place = at % (base64.length + 1);
        const changed = base64.slice(0, place) + extra + base64.slice(place);
        const bytes = Buffer.from(changed, 'base64');
        const isCanonical = bytes.toString('base64') === changed;
        if (!isCanonical) expect(unwrapped(`=?base64?${changed}?=`)).toEqual({ fault: 'garbled' });
      }),
    );
  });

  it('passes what is not wrapped as it is', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\x20-\x7e]*$/), (text) => {
        fc.pre(!text.startsWith('=?base64?'));
        expect(unwrapped(text)).toEqual({ text });
      }),
    );
  });

  it.each(['SGVsbG8=', '=?base64?SGVsbG8=', '=?BASE64?SGVsbG8=?=', 'SGVsbG8=?=', '=?base64?=', '=?base64?'])(
    'takes %s literally',
    (value) => {
      expect(unwrapped(value)).toEqual({ text: value });
    },
  );

  it.each([
    ['no padding', '=?base64?SGVsbG8?='],
    ['too much padding', '=?base64?SGVsbG8==?='],
    ['characters of another alphabet', '=?base64?SGVs!!!bG8=?='],
    ['the alphabet of URLs', '=?base64?_-8=?='],
    ['bits that are left over', '=?base64?SGVsbG9=?='],
    ['what is not UTF-8', '=?base64?/w==?='],
    ['white space', '=?base64?SGVs bG8=?='],
  ])('refuses %s', (_what, value) => {
    expect(unwrapped(value)).toEqual({ fault: 'garbled' });
  });

  it('gives the empty text', () => {
    expect(unwrapped('=?base64??=')).toEqual({ text: '' });
  });
});
