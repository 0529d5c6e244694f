import { Bytes } from '../jsonrpc/bytes.ts';

/** Smaller parts are copied together: each on its own would cost more memory than its bytes. */
const smallBytes = 4 * 1024;
const pieceBytes = 8 * 1024;
const nothing = Buffer.alloc(0);

/** Gathers a message from the parts in which it comes: a large part stays where it is, small ones are put together. */
export class Pieces {
  #parts: Buffer[] = [];
  #length = 0;
  /** Where small parts go, and how much of it is filled. */
  #piece = nothing;
  #filledBytes = 0;

  get length(): number {
    return this.#length;
  }

  /** @param part must stay as it is */
  add(part: Buffer): void {
    this.#length += part.length;
    if (part.length < smallBytes && this.#parts.length > 0) {
      this.#copy(part);
      return;
    }
    this.#endPiece();
    this.#parts.push(part);
  }

  /** All that was added since the last time. */
  take(): Bytes {
    this.#endPiece();
    const bytes = new Bytes(this.#parts, this.#length);
    this.#parts = [];
    this.#length = 0;
    return bytes;
  }

  #copy(part: Buffer): void {
    for (let at = 0; at < part.length;) {
      if (this.#filledBytes === this.#piece.length) this.#beginPiece();
      const copied = part.copy(this.#piece, this.#filledBytes, at);
      this.#filledBytes += copied;
      at += copied;
    }
  }

  #beginPiece(): void {
    this.#endPiece();
    this.#piece = Buffer.allocUnsafeSlow(pieceBytes);
  }

  #endPiece(): void {
    if (this.#filledBytes > 0) this.#parts.push(this.#piece.subarray(0, this.#filledBytes));
    this.#piece = nothing;
    this.#filledBytes = 0;
  }
}
