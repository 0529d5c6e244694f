import { Bytes } from './bytes.ts';

const lineFeed = 10;
const carriageReturn = 13;
const space = 32;

/**
 * The same JSON text on one line. In valid JSON a raw line break can only stand between tokens, where a space means
 * the same: every value keeps its bytes.
 *
 * @param bytes a valid JSON text; returned as it is when it has no line break
 */
export function oneLine(bytes: Bytes): Bytes {
  if (!bytes.parts.some(hasBreak)) return bytes;
  return new Bytes(
    bytes.parts.map((part) => (hasBreak(part) ? withoutBreaks(part) : part)),
    bytes.length,
  );
}

function hasBreak(part: Buffer): boolean {
  return part.includes(lineFeed) || part.includes(carriageReturn);
}

function withoutBreaks(part: Buffer): Buffer {
  const copy = Buffer.from(part);
  for (const byte of [lineFeed, carriageReturn]) {
    for (let at = copy.indexOf(byte); at !== -1; at = copy.indexOf(byte, at + 1)) copy[at] = space;
  }
  return copy;
}
