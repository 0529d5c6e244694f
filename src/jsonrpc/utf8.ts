import { isUtf8 } from 'node:buffer';

/** Checks bytes that come in pieces; a character may be split between two of them. */
export class Utf8Check {
  /** The beginning of a character whose end has not come. */
  #torn: Buffer | undefined;
  #missing = 0;

  reset(): void {
    this.#torn = undefined;
    this.#missing = 0;
  }

  /** @returns whether everything so far can be UTF-8 */
  push(chunk: Buffer): boolean {
    const start = this.#mend(chunk);
    if (start === -1) return false;
    const end = this.#tear(chunk, start);
    return isUtf8(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end));
  }

  /** Whether no character is left half. */
  end(): boolean {
    return this.#torn === undefined;
  }

  /** Completes the character that the last chunk began. @returns where the rest begins; -1 when it is no character */
  #mend(chunk: Buffer): number {
    if (!this.#torn) return 0;
    const taken = Math.min(this.#missing, chunk.length);
    const joined = Buffer.concat([this.#torn, chunk.subarray(0, taken)]);
    this.#missing -= taken;
    this.#torn = this.#missing > 0 ? joined : undefined;
    return this.#torn || isUtf8(joined) ? taken : -1;
  }

  /** Keeps the beginning of a character at the end of the chunk. @returns where it begins */
  #tear(chunk: Buffer, start: number): number {
    const last = chunk.at(-1) ?? 0;
    if (last < 0x80 || start === chunk.length) return chunk.length;
    for (let back = 1; back <= 3 && chunk.length - back >= start; back++) {
      const needed = lengthOf(chunk[chunk.length - back] ?? 0);
      if (needed === 0) continue;
      if (needed <= back) break;
      // A copy: the chunk may be written over.
      this.#torn = Buffer.from(chunk.subarray(-back));
      this.#missing = needed - back;
      return chunk.length - back;
    }
    return chunk.length;
  }
}

/** How many bytes a character has that begins with this one; 0 when none begins so. */
function lengthOf(lead: number): number {
  if (lead < 0xc0) return lead < 0x80 ? 1 : 0;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
