const lineFeed = 10;
const carriageReturn = 13;
/** Chunks below this size are joined when there are many of them in a row. */
const smallBytes = 4096;
const maxSmallParts = 256;

/**
 * Cuts a byte stream into lines, without copying a line that lies in one chunk. A line that spans chunks is held as
 * a list and joined once, so the work stays linear in the number of bytes. Bytes are never decoded here: a character
 * that is split between two chunks is whole again in its line.
 *
 * @see MCP 2025-11-25, Transports, "stdio": messages are delimited by newlines and contain none
 */
export class LineFramer {
  readonly #maxLineBytes: number;
  readonly #onLine: (line: Buffer) => void;
  readonly #onTooLong: () => void;
  /** The chunks of the line that has begun and not ended. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  /** How many chunks at the end of the list are small and not yet joined. */
  #smallParts = 0;
  #isBroken = false;

  /**
   * @param maxLineBytes the longest line, without its end
   * @param onLine gets each line without LF or CRLF; empty lines are skipped
   * @param onTooLong is called once when a line exceeds the limit; nothing comes after it
   */
  constructor(maxLineBytes: number, onLine: (line: Buffer) => void, onTooLong: () => void) {
    this.#maxLineBytes = maxLineBytes;
    this.#onLine = onLine;
    this.#onTooLong = onTooLong;
  }

  push(chunk: Buffer): void {
    let start = 0;
    while (!this.#isBroken) {
      const end = chunk.indexOf(lineFeed, start);
      if (end === -1) break;
      this.#emit(chunk.subarray(start, end));
      start = end + 1;
    }
    if (!this.#isBroken && start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** The stream has ended: bytes without a line end are a line too, if they are any. */
  end(): void {
    if (!this.#isBroken && this.#partBytes > 0) this.#emit(Buffer.alloc(0));
  }

  #emit(last: Buffer): void {
    const length = this.#partBytes + last.length;
    if (length > this.#maxLineBytes + 1) {
      this.#break();
      return;
    }
    const whole = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last], length);
    this.#parts = [];
    this.#partBytes = 0;
    this.#smallParts = 0;
    const line = whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole;
    if (line.length > this.#maxLineBytes) this.#break();
    else if (line.length > 0) this.#onLine(line);
  }

  #keep(rest: Buffer): void {
    this.#parts.push(rest);
    this.#partBytes += rest.length;
    this.#smallParts = rest.length < smallBytes ? this.#smallParts + 1 : 0;
    if (this.#smallParts === maxSmallParts) this.#joinSmall();
    const mayEnd = rest.at(-1) === carriageReturn ? 1 : 0;
    if (this.#partBytes > this.#maxLineBytes + mayEnd) this.#break();
  }

  /** A server that prints byte by byte: each chunk costs far more than what is in it. */
  #joinSmall(): void {
    const small = this.#parts.splice(-this.#smallParts);
    this.#parts.push(Buffer.concat(small));
    this.#smallParts = 0;
  }

  #break(): void {
    this.#isBroken = true;
    this.#parts = [];
    this.#partBytes = 0;
    this.#onTooLong();
  }
}
