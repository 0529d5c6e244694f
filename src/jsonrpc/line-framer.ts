import { noteTaken } from '../base/memory-taken.ts';
import { Bytes } from './bytes.ts';

const lineFeed = 10;
const carriageReturn = 13;
/** What is kept of a line is copied to pieces of this size, the first of which begins small. */
const pieceBytes = 64 * 1024;
const firstBytes = 1024;
const nothing = Buffer.alloc(0);

/** Who gets the lines. */
export interface LineListener {
  /** A line begins. */
  onBegin(): void;
  /** The next bytes of a line, as they come, there until it returns; LF is never among them. */
  onPart(part: Buffer): void;
  /** The line that is complete, without LF or CRLF, there until it returns; never an empty one. */
  onLine(line: Bytes): void;
  /** Once, when a line exceeds the limit; nothing comes after it. */
  onTooLong(): void;
}

/**
 * Cuts a byte stream into lines, without copying a line that lies in one chunk. A line that spans chunks is copied, as
 * they come, to a list of pieces: a chunk need not outlive the call that brings it, the work stays linear in the number
 * of bytes, and none of it is done all at once. Bytes are never decoded here: a character that is split between two
 * chunks is whole again in its line.
 *
 * @see MCP 2025-11-25, Transports, "stdio": messages are delimited by newlines and contain none
 */
export class LineFramer {
  readonly #maxLineBytes: number;
  readonly #listener: LineListener;
  /** The pieces of the line that has begun and not ended; the last one, and how much of it is filled. */
  #pieces: Buffer[] = [];
  #piece = nothing;
  #filledBytes = 0;
  #length = 0;
  #isBroken = false;

  /** @param maxLineBytes the longest line, without its end */
  constructor(maxLineBytes: number, listener: LineListener) {
    this.#maxLineBytes = maxLineBytes;
    this.#listener = listener;
  }

  push(chunk: Buffer): void {
    let start = 0;
    while (!this.#isBroken) {
      const end = chunk.indexOf(lineFeed, start);
      if (end === -1) break;
      this.#endLine(chunk.subarray(start, end));
      start = end + 1;
    }
    if (!this.#isBroken && start < chunk.length) this.#keep(start === 0 ? chunk : chunk.subarray(start));
  }

  /** The stream has ended: bytes without a line end are a line too, if they are any. */
  end(): void {
    if (!this.#isBroken && this.#length > 0) this.#endLine(nothing);
  }

  #endLine(last: Buffer): void {
    if (this.#length === 0) {
      this.#endShort(last.at(-1) === carriageReturn ? last.subarray(0, -1) : last);
      return;
    }
    if (last.length > 0) this.#keep(last);
    if (this.#isBroken) return;
    this.#endPiece();
    const pieces = withoutReturn(this.#pieces);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#clear();
    if (length > this.#maxLineBytes) this.#break();
    else if (length > 0) this.#listener.onLine(new Bytes(pieces, length));
  }

  /** A line that lies in one chunk. */
  #endShort(line: Buffer): void {
    if (line.length > this.#maxLineBytes) {
      this.#break();
    } else if (line.length > 0) {
      this.#listener.onBegin();
      this.#listener.onPart(line);
      this.#listener.onLine(Bytes.of(line));
    }
  }

  #keep(rest: Buffer): void {
    if (this.#length === 0) this.#listener.onBegin();
    this.#length += rest.length;
    const mayEnd = rest.at(-1) === carriageReturn ? 1 : 0;
    if (this.#length > this.#maxLineBytes + mayEnd) {
      this.#break();
      return;
    }
    this.#listener.onPart(rest);
    this.#copy(rest);
  }

  #copy(rest: Buffer): void {
    for (let at = 0; at < rest.length;) {
      if (this.#filledBytes === this.#piece.length) this.#makeRoom(rest.length - at);
      const copied = rest.copy(this.#piece, this.#filledBytes, at);
      this.#filledBytes += copied;
      at += copied;
    }
  }

  /** The first piece grows, each time to twice its size; all others are as large as they may be from the start. */
  #makeRoom(wantedBytes: number): void {
    const old = this.#piece;
    if (this.#filledBytes === pieceBytes) this.#endPiece();
    const isFirst = this.#pieces.length === 0;
    const grownBytes = Math.max(firstBytes, 2 * old.length, old.length + wantedBytes);
    this.#piece = Buffer.allocUnsafeSlow(isFirst ? Math.min(pieceBytes, grownBytes) : pieceBytes);
    noteTaken(this.#piece.length);
    old.copy(this.#piece, 0, 0, this.#filledBytes);
  }

  #endPiece(): void {
    if (this.#filledBytes > 0) this.#pieces.push(this.#piece.subarray(0, this.#filledBytes));
    this.#piece = nothing;
    this.#filledBytes = 0;
  }

  #clear(): void {
    this.#pieces = [];
    this.#piece = nothing;
    this.#filledBytes = 0;
    this.#length = 0;
  }

  #break(): void {
    this.#isBroken = true;
    this.#clear();
    this.#listener.onTooLong();
  }
}

function withoutReturn(pieces: Buffer[]): Buffer[] {
  const last = pieces.at(-1);
  return last?.at(-1) === carriageReturn ? [...pieces.slice(0, -1), last.subarray(0, -1)] : pieces;
}
