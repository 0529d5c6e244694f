import fc from 'fast-check';

/**
 * JSON texts as such, not values: everything that RFC 8259 lets one write and that a reader who decodes and encodes it
 * again would change.
 */
export interface RawJson {
  readonly value: fc.Arbitrary<string>;
  readonly object: fc.Arbitrary<string>;
}

const numbers = fc.oneof(
  fc.constantFrom('0', '-0', '1.0', '-0.0', '1e400', '-1e400', '1E+2', '0.1e-7', '0e0', '9007199254740993'),
  fc.constantFrom(
    '123456789012345678901234567890',
    '0.1000000000000000055511151231257827',
    '1.50',
    '-9223372036854775808',
  ),
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?$/),
);

/** Plain characters of all planes, but for those that must be escaped. */
const plain = fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replace(/["\\\p{Cc}]/gu, ''));
/** Those that get lost most often: NBSP, ZWNJ, ZWJ, LS, PS, BOM, a character beyond the BMP, a private one. */
const rare = fc.constantFrom(
  '\u00a0',
  '\u200c',
  '\u200d',
  '\u2028',
  '\u2029',
  '\ufeff',
  '𝄞',
  '\ue000',
  '\u007f',
  '\u0085',
);
const hex = fc.stringMatching(/^[0-9a-fA-F]{4}$/).map((digits) => `\\u${digits}`);
const escaped = fc.oneof(
  fc.constantFrom('\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t', '\\u0000', '\\u2028', '\\u00E9', '\\u00e9'),
  fc.constantFrom('\\ud800', '\\uDFFF', '\\udc00\\ud800', '\\uD834\\uDD1E', '\\uFEFF', '\\u0022'),
  hex,
);
/** What would end a line, an event or a field if it were not inside a text. */
const framing = fc.constantFrom('data: ', '\\n\\ndata: {}', 'event: x', 'id: 1-1', '\\r\\n', ': keep-alive');
const texts = fc
  .array(fc.oneof(plain, plain, rare, escaped, framing), { maxLength: 6 })
  .map((pieces) => `"${pieces.join('')}"`);

/** Keys that mean something elsewhere, and some that come twice. */
const keys = fc.oneof(
  fc.constantFrom('"id"', '"jsonrpc"', '"method"', '"result"', '"params"', '"_meta"', '"progressToken"', '"__proto__"'),
  fc.constantFrom('"a"', '"A"', '"b"', '"10"', '"2"', '""', '"\\u0061"'),
  texts,
);

/** @param blanks the white space that may stand between two tokens, one piece of it */
export function rawJson(blanks: fc.Arbitrary<string>): RawJson {
  const blank = spaceOf(blanks);
  const { value, object } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('null', 'true', 'false'),
      numbers,
      texts,
      tie('object'),
      tie('array'),
    ),
    object: fc
      .array(fc.tuple(blank, keys, blank, blank, tie('value'), blank), { maxLength: 5 })
      .map((members) => `{${members.map(([a, key, b, c, each, d]) => `${a}${key}${b}:${c}${each}${d}`).join(',')}}`),
    array: fc
      .array(fc.tuple(blank, tie('value'), blank), { maxLength: 5 })
      .map((elements) => `[${elements.map((element) => element.join('')).join(',')}]`),
  }));
  return { value, object };
}

/** No white space as a rule, or some. */
export function spaceOf(blanks: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const some = fc.array(blanks, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join(''));
  return fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 1, arbitrary: some });
}

/** A JSON-RPC id as it can be written: texts and integers. */
export const rawIds = fc.oneof(
  fc.constantFrom('1', '"1"', '1.0', '1e2', '10E-1', '-0', '0', '""', '"\\u0031"', '"\\/"', '9007199254740993'),
  fc.constantFrom('-9007199254740993', '123456789012345678901234567890', '"ü\u2028\\ud800"', '"n1"', '"data: x"'),
  fc.integer().map(String),
  texts,
);

/** Bytes cut at random places, also inside a character. */
export function piecesOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const ends = [...places, bytes.length];
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end)).filter((piece) => piece.length > 0);
}
