import {
  hasControl,
  isEscape,
  isHex,
  isWholeNumber,
  literalOf,
  numberClass,
  numberNext,
  numberStart,
  Token,
} from './json-tokens.ts';

const quote = 0x22;
const backslash = 0x5c;
const letterU = 0x75;
/** A text is looked at byte by byte up to this length; the rest is left to the native search. */
const shortText = 128;

/** What is being read. */
const State = { text: 0, escape: 1, number: 2, literal: 3, done: 4, wrong: 5 } as const;

/** Reads one text, number or literal at a time, across chunks, without decoding it. @see RFC 8259, 3, 6 and 7 */
export class ScalarScanner {
  #state: number = State.done;
  #hasEscape = false;
  #areControlsChecked = false;
  #hexLeft = 0;
  /** The next backslash of the current chunk; -1 when it is not known. */
  #slashAt = -1;
  #number = numberStart;
  #literal: Buffer = Buffer.alloc(0);
  #literalAt = 0;

  /** Whether the value is complete. */
  get isDone(): boolean {
    return this.#state === State.done;
  }

  get isWrong(): boolean {
    return this.#state === State.wrong;
  }

  /** Whether the text has an escape, so that it does not say what it shows. */
  get hasEscape(): boolean {
    return this.#hasEscape;
  }

  /** Another chunk comes. */
  nextChunk(): void {
    this.#slashAt = -1;
  }

  /** @param areControlsChecked whether raw control characters are refused in it */
  beginText(areControlsChecked: boolean): void {
    this.#state = State.text;
    this.#hasEscape = false;
    this.#areControlsChecked = areControlsChecked;
  }

  /** @param first its first byte, which `scan` will see again */
  begin(token: number, first: number): void {
    if (token === Token.number) {
      this.#state = State.number;
      this.#number = numberStart;
      return;
    }
    this.#state = State.literal;
    this.#literal = literalOf(first);
    this.#literalAt = 0;
  }

  /** @returns the index of the first byte that was not read; when `isDone`, the value ended before it */
  scan(chunk: Buffer, start: number): number {
    let at = start;
    while (at < chunk.length && this.#state < State.done) at = this.#step(chunk, at);
    return at;
  }

  #step(chunk: Buffer, at: number): number {
    if (this.#state === State.text) return this.#scanText(chunk, at);
    if (this.#state === State.escape) return this.#scanEscape(chunk, at);
    return this.#state === State.number ? this.#scanNumber(chunk, at) : this.#scanLiteral(chunk, at);
  }

  #end(state: number, at: number): number {
    this.#state = state;
    return at;
  }

  #scanText(chunk: Buffer, start: number): number {
    const near = Math.min(chunk.length, start + shortText);
    for (let at = start; at < near; at++) {
      const byte = chunk[at] ?? 0;
      if (byte === quote) return this.#end(State.done, at + 1);
      if (byte === backslash) return this.#openEscape(at);
      if (byte < 0x20 && this.#areControlsChecked) return this.#end(State.wrong, at);
    }
    return near === chunk.length ? near : this.#skipText(chunk, near);
  }

  /** The native search is far quicker than any loop, but it costs a call. */
  #skipText(chunk: Buffer, at: number): number {
    const found = chunk.indexOf(quote, at);
    const end = found === -1 ? chunk.length : found;
    if (this.#slashAt < at) {
      const slash = chunk.indexOf(backslash, at);
      this.#slashAt = slash === -1 ? chunk.length : slash;
    }
    const stop = Math.min(end, this.#slashAt);
    if (this.#areControlsChecked && hasControl(chunk, at, stop)) return this.#end(State.wrong, at);
    if (stop < end) return this.#openEscape(stop);
    return end < chunk.length ? this.#end(State.done, end + 1) : end;
  }

  #openEscape(at: number): number {
    this.#hasEscape = true;
    this.#hexLeft = 0;
    return this.#end(State.escape, at + 1);
  }

  #scanEscape(chunk: Buffer, at: number): number {
    const byte = chunk[at] ?? 0;
    const table = this.#hexLeft > 0 ? isHex : isEscape;
    if (table[byte] !== 1) return this.#end(State.wrong, at);
    if (this.#hexLeft > 0) this.#hexLeft -= 1;
    else if (byte === letterU) this.#hexLeft = 4;
    return this.#end(this.#hexLeft === 0 ? State.text : State.escape, at + 1);
  }

  #scanNumber(chunk: Buffer, start: number): number {
    let at = start;
    let state = this.#number;
    while (at < chunk.length) {
      const digit = numberClass[chunk[at] ?? 0] ?? 0;
      if (digit === 0) return this.#end(isWholeNumber(state) ? State.done : State.wrong, at);
      state = numberNext[state * 8 + digit] ?? 0;
      if (state === 0) return this.#end(State.wrong, at);
      at += 1;
    }
    this.#number = state;
    return at;
  }

  #scanLiteral(chunk: Buffer, start: number): number {
    let at = start;
    for (; at < chunk.length && this.#literalAt < this.#literal.length; at++, this.#literalAt++) {
      if (chunk[at] !== this.#literal[this.#literalAt]) return this.#end(State.wrong, at);
    }
    return this.#literalAt === this.#literal.length ? this.#end(State.done, at) : at;
  }
}
