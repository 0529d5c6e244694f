import { Bytes } from './bytes.ts';

/** A place in a message: from its first byte to the one after its last. */
export type Span = readonly [start: number, end: number];

/** Something else for what stands at a place. */
export interface Edit {
  readonly span: Span;
  readonly text: string;
}

/**
 * The same message with other words at a few places; every byte between them stays as it is.
 *
 * @param edits in the order of their places, which do not overlap
 */
export function splice(bytes: Bytes, edits: readonly Edit[]): Bytes {
  const [only] = bytes.parts;
  return only && bytes.parts.length === 1 && only.length <= copiedBytes
    ? Bytes.of(spliceSmall(only, edits))
    : spliceLarge(bytes, edits);
}

/** Up to this size a message is copied as a whole. */
const copiedBytes = 16 * 1024;

function spliceSmall(old: Buffer, edits: readonly Edit[]): Buffer {
  let length = old.length;
  for (const { span, text } of edits) length += Buffer.byteLength(text) - (span[1] - span[0]);
  const spliced = Buffer.allocUnsafe(length);
  let from = 0;
  let at = 0;
  for (const { span, text } of edits) {
    at += old.copy(spliced, at, from, span[0]);
    at += spliced.write(text, at);
    from = span[1];
  }
  old.copy(spliced, at, from);
  return spliced;
}

/** Copies nothing but the new words. */
function spliceLarge(bytes: Bytes, edits: readonly Edit[]): Bytes {
  const parts: Buffer[] = [];
  let length = 0;
  let at = 0;
  const add = (part: Buffer): void => {
    parts.push(part);
    length += part.length;
  };
  for (const { span, text } of edits) {
    bytes.views(at, span[0]).forEach(add);
    add(Buffer.from(text));
    at = span[1];
  }
  bytes.views(at, bytes.length).forEach(add);
  return new Bytes(parts, length);
}
