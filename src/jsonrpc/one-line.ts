const lineFeed = 10;
const carriageReturn = 13;
const space = 32;

/**
 * The same JSON text on one line. In valid JSON a raw line break can only stand between tokens, where a space means
 * the same: every value keeps its bytes.
 *
 * @param bytes a valid JSON text; returned as it is when it has no line break
 */
export function oneLine(bytes: Buffer): Buffer {
  if (!bytes.includes(lineFeed) && !bytes.includes(carriageReturn)) return bytes;
  return Buffer.from(bytes.map((byte) => (byte === lineFeed || byte === carriageReturn ? space : byte)));
}
