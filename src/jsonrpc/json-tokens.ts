/** What a byte is between the values of a JSON text, or what value it begins (from `object` on). @see RFC 8259, 2 */
export const Token = {
  none: 0,
  space: 1,
  comma: 2,
  colon: 3,
  objectEnd: 4,
  arrayEnd: 5,
  object: 6,
  array: 7,
  quote: 8,
  number: 9,
  literal: 10,
} as const;

/** `Token` by byte. */
export const tokenOf: Uint8Array = tableOf([
  [' \t\n\r', Token.space],
  ['"', Token.quote],
  ['{', Token.object],
  ['}', Token.objectEnd],
  ['[', Token.array],
  [']', Token.arrayEnd],
  [',', Token.comma],
  [':', Token.colon],
  ['-0123456789', Token.number],
  ['tfn', Token.literal],
]);

/** What may stand after a backslash; `u` wants four hexadecimal digits. */
export const isEscape: Uint8Array = tableOf([['"\\/bfnrtu', 1]]);
export const isHex: Uint8Array = tableOf([['0123456789abcdefABCDEF', 1]]);

/** The literal that a letter begins, as bytes. */
export function literalOf(first: number): Buffer {
  return literals.find((literal) => literal[0] === first) ?? nothing;
}
const literals = ['true', 'false', 'null'].map((text) => Buffer.from(text));
const nothing = Buffer.alloc(0);

/**
 * The grammar of numbers as a table: `numberNext[state * 8 + class]` is the next state, 0 when the number is over or
 * wrong. States: 1 start, 2 after the sign, 3 zero, 4 integer, 5 point, 6 fraction, 7 e, 8 sign of e, 9 exponent.
 */
export const numberStart = 1;
export const numberClass: Uint8Array = tableOf([
  ['0', 1],
  ['123456789', 2],
  ['-', 3],
  ['+', 4],
  ['.', 5],
  ['eE', 6],
]);
//                                         0  1-9 -  +  .  e
export const numberNext: Uint8Array = Uint8Array.from(
  [
    [0, 0, 0, 0, 0, 0, 0, 0],
    [0, 3, 4, 2, 0, 0, 0, 0],
    [0, 3, 4, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 5, 7, 0],
    [0, 4, 4, 0, 0, 5, 7, 0],
    [0, 6, 6, 0, 0, 0, 0, 0],
    [0, 6, 6, 0, 0, 0, 7, 0],
    [0, 9, 9, 8, 8, 0, 0, 0],
    [0, 9, 9, 0, 0, 0, 0, 0],
    [0, 9, 9, 0, 0, 0, 0, 0],
  ].flat(),
);
const complete: ReadonlySet<number> = new Set([3, 4, 6, 9]);

/** Whether a number may end in this state. */
export function isWholeNumber(state: number): boolean {
  return complete.has(state);
}

/** Whether there is a byte below 0x20 in a span: four bytes are looked at in one step, sixteen in one turn. */
export function hasControl(chunk: Buffer, start: number, end: number): boolean {
  const aligned = Math.min(end, start + ((4 - ((chunk.byteOffset + start) % 4)) % 4));
  const count = ((end - aligned) >> 4) << 2;
  if (hasControlByte(chunk, start, aligned) || hasControlByte(chunk, aligned + 4 * count, end)) return true;
  if (count === 0) return false;
  const words = new Int32Array(chunk.buffer, chunk.byteOffset + aligned, count);
  for (let i = 0; i < count; i += 4) if (isAnyLow(words, i)) return true;
  return false;
}

function hasControlByte(chunk: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((chunk[at] ?? 0) < 0x20) return true;
  return false;
}

function isAnyLow(words: Int32Array, i: number): boolean {
  const any = low(words[i] ?? 0) | low(words[i + 1] ?? 0) | low(words[i + 2] ?? 0) | low(words[i + 3] ?? 0);
  return (any & 0x80808080) !== 0;
}

/** Has the highest bit of a byte set when that byte is below 0x20 (or another below it is). */
function low(word: number): number {
  return (word - 0x20202020) & ~word;
}

function tableOf(rows: readonly (readonly [chars: string, value: number])[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const [chars, value] of rows) for (const byte of Buffer.from(chars)) table[byte] = value;
  return table;
}
