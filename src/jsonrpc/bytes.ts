/** Pieces are joined up to this size; beyond it a message stays in pieces. */
const joinedBytes = 1024 * 1024;

/**
 * The bytes of one message. A small one is one piece. A large one stays in the pieces in which it came: to join them
 * would keep everything else waiting for as long as the copy takes.
 */
export class Bytes {
  readonly parts: readonly Buffer[];
  readonly length: number;

  /** @param length the sum of the parts' lengths */
  constructor(parts: readonly Buffer[], length: number) {
    this.parts = parts.length > 1 && length <= joinedBytes ? [Buffer.concat(parts, length)] : parts;
    this.length = length;
  }

  static of(buffer: Buffer): Bytes {
    return new Bytes([buffer], buffer.length);
  }

  static from(text: string): Bytes {
    return Bytes.of(Buffer.from(text));
  }

  /** A span as one piece; a view when it lies in one, a copy otherwise. */
  slice(start: number, end: number): Buffer {
    const [first] = this.parts;
    if (first && end <= first.length) return first.subarray(start, end);
    const found = this.views(start, end);
    return found.length === 1 && found[0] ? found[0] : Buffer.concat(found);
  }

  /** A span in the pieces in which it lies, without a copy. */
  views(start: number, end: number): Buffer[] {
    const found: Buffer[] = [];
    let offset = 0;
    for (const part of this.parts) {
      if (offset < end && offset + part.length > start) {
        found.push(part.subarray(Math.max(start - offset, 0), end - offset));
      }
      offset += part.length;
    }
    return found;
  }

  /** A span as it reads. */
  text(start: number, end: number): string {
    const [first] = this.parts;
    return first && end <= first.length ? first.toString('utf8', start, end) : this.slice(start, end).toString('utf8');
  }

  /** The same bytes, to be kept: a small one is copied out of the larger chunk that it may be a view of. */
  kept(): Bytes {
    const [only] = this.parts;
    if (this.parts.length !== 1 || !only || only.buffer.byteLength === only.length) return this;
    return Bytes.of(Buffer.from(only));
  }

  toString(): string {
    return Buffer.concat(this.parts, this.length).toString('utf8');
  }
}
