import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { oneLine } from '../../src/jsonrpc/one-line.ts';

const octets = (bytes: Bytes): number[] => [...Buffer.concat(bytes.parts)];
const isBreak = (byte: number): boolean => byte === 10 || byte === 13;

/** A JSON text with line breaks between its tokens, as different programs write it. */
const prettyJson = fc
  .tuple(fc.jsonValue(), fc.constantFrom('  ', '\t', '    '), fc.constantFrom('\n', '\r\n', '\r', '\n\n'))
  .map(([value, indent, lineEnd]) =>
    Bytes.from(lineEnd + JSON.stringify(value, null, indent).replaceAll('\n', lineEnd) + lineEnd),
  );

describe('oneLine()', () => {
  it('means the same', () => {
    fc.assert(
      fc.property(prettyJson, (bytes) => {
        expect(JSON.parse(oneLine(bytes).toString())).toEqual(JSON.parse(bytes.toString()));
      }),
    );
  });

  it('has no CR and no LF', () => {
    fc.assert(
      fc.property(prettyJson, (bytes) => {
        expect(octets(oneLine(bytes)).some(isBreak)).toBe(false);
      }),
    );
  });

  it('keeps every other byte in its place', () => {
    fc.assert(
      fc.property(prettyJson, (bytes) => {
        const wanted = octets(bytes).map((byte) => (isBreak(byte) ? 32 : byte));
        expect(octets(oneLine(bytes))).toEqual(wanted);
      }),
    );
  });

  it('does not change what it is given', () => {
    const bytes = Bytes.from('{\n}');
    oneLine(bytes);
    expect(bytes.toString()).toBe('{\n}');
  });

  it('returns bytes without a line break as they are', () => {
    const bytes = Bytes.from('{"a":"\\n\\r\u2028é"}');
    expect(oneLine(bytes)).toBe(bytes);
  });

  it('leaves an escaped line break in a text escaped', () => {
    expect(oneLine(Bytes.from('{"a":\n"x\\ny"}')).toString()).toBe('{"a": "x\\ny"}');
  });

  it('keeps characters whose bytes could look like a line break', () => {
    expect(oneLine(Bytes.from('["\u010a\u0d0a\u{1f60a}",\n1]')).toString()).toBe('["\u010a\u0d0a\u{1f60a}", 1]');
  });
});
