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
