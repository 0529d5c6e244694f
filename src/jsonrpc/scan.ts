import { isAscii } from 'node:buffer';
import type { Bytes } from './bytes.ts';
import { ScalarScanner } from './json-scalars.ts';
import { Token, tokenOf } from './json-tokens.ts';
import { KeyGuard, Place, Slot } from './members.ts';
import type { Span } from './splice.ts';
import { Utf8Check } from './utf8.ts';

/** What a message may be made of. */
export interface ScanLimits {
  /** Objects and arrays within each other. */
  readonly depth: number;
  /** Members of one object. */
  readonly keys: number;
  /** Elements of one array. */
  readonly elements: number;
  /** For those who are not trusted: raw control characters in texts and doubtful keys in `params` are refused too. */
  readonly isStrict: boolean;
}

/** What a value is, as its first byte tells. */
export const Kind = { absent: 0, text: 1, number: 2, literal: 3, object: 4, array: 5 } as const;

export type ScanFault = 'malformed' | 'ambiguous' | 'too-deep' | 'too-many';

/** What the next byte may belong to. */
const State = { value: 0, valueOrEnd: 1, key: 2, keyOrEnd: 3, colon: 4, next: 5, done: 6, scalar: 7 } as const;

const arrayFrame = -1;
/** Messages of one batch: the place of each is kept. */
const maxBatch = 10_000;
const space = Buffer.from(' ');
const blank = 0x20;
const tab = 0x09;
const smallBytes = 2048;

/**
 * One pass over the bytes of a JSON text as they come: validates it, guards its shape, and notes where the members
 * stand that the relay must know. Nothing is decoded or built, so its cost does not depend on what the texts hold, and
 * a large message is never one long stop.
 *
 * @see RFC 8259
 */
export class Scanner {
  readonly #limits: ScanLimits;
  readonly #guard: KeyGuard;
  readonly #utf8 = new Utf8Check();
  readonly #scalar = new ScalarScanner();
  #state: number = State.value;
  #fault: ScanFault | undefined;
  #isUtf8 = true;
  #hasBreak = false;
  /** Bytes before the current chunk. */
  #offset = 0;
  /** The place of each open object, or `arrayFrame`; and how many members each has. */
  readonly #frames: number[] = [];
  readonly #counts: number[] = [];
  #topKind: number = Kind.absent;
  /** Where the value that comes next is noted, and what place it is; while a key is read, the place that it is in. */
  #slot = -1;
  #place: number = Place.envelope;
  readonly #kinds = new Uint8Array(Slot.count);
  readonly #starts = new Float64Array(Slot.count);
  readonly #ends = new Float64Array(Slot.count);
  /** Start and end of each element of a batch, in turn. */
  #elements: number[] = [];
  /** The slot of the scalar that is open. */
  #openSlot = -1;
  #isKey = false;
  /** The key so far, in Latin-1, when it is looked at; where it goes on in the current chunk. */
  #keyHead = '';
  #keyStart = 0;
  /** A small chunk as text, decoded once for all of its keys; when it is the first and all ASCII, for its values too. */
  #latin: string | undefined;
  #isAscii = false;

  constructor(limits: ScanLimits) {
    this.#limits = limits;
    this.#guard = new KeyGuard(limits.isStrict ? Place.meta : Place.envelope);
  }

  /** What is wrong with the text so far. */
  get fault(): ScanFault | undefined {
    return this.#fault;
  }

  /** Whether all bytes were UTF-8. */
  get isUtf8(): boolean {
    return this.#isUtf8 && this.#utf8.end();
  }

  /** Whether it has line breaks between its values. */
  get hasBreak(): boolean {
    return this.#hasBreak;
  }

  /** The kind of the whole text. */
  get topKind(): number {
    return this.#topKind;
  }

  /** The kind of the value in a slot. */
  kind(slot: number): number {
    return this.#kinds[slot] ?? Kind.absent;
  }

  /** A text (with its quotes), number or literal as it was written. @param bytes all that was pushed */
  raw(slot: number, bytes: Bytes): string {
    const [start, end] = this.span(slot);
    return this.#isAscii && this.#latin !== undefined ? this.#latin.slice(start, end) : bytes.text(start, end);
  }

  /** Where such a value stands in the text. */
  span(slot: number): Span {
    return [this.#starts[slot] ?? 0, this.#ends[slot] ?? 0];
  }

  /** How many bytes such a value has; Infinity for one that is not whole. */
  size(slot: number): number {
    return (this.#ends[slot] ?? 0) - (this.#starts[slot] ?? 0);
  }

  /** Start and end of each element, when the whole is an array. */
  elements(): (readonly [start: number, end: number])[] {
    const starts = this.#elements.filter((_at, i) => i % 2 === 0);
    return starts.map((start, i) => [start, this.#elements[2 * i + 1] ?? start]);
  }

  /** For the next text. */
  reset(): void {
    this.#state = State.value;
    this.#fault = undefined;
    this.#isUtf8 = true;
    this.#hasBreak = false;
    this.#utf8.reset();
    this.#offset = 0;
    this.#frames.length = 0;
    this.#counts.length = 0;
    this.#topKind = Kind.absent;
    this.#slot = -1;
    this.#place = Place.envelope;
    this.#kinds.fill(Kind.absent);
    this.#elements = [];
    this.#openSlot = -1;
    this.#isKey = false;
  }

  push(chunk: Buffer): void {
    this.#isAscii = this.#offset === 0 && chunk.length <= smallBytes && isAscii(chunk);
    if (this.#isUtf8 && !this.#isAscii) this.#isUtf8 = this.#utf8.push(chunk);
    this.#scalar.nextChunk();
    this.#keyStart = 0;
    this.#latin = undefined;
    let at = 0;
    while (at < chunk.length && this.#fault === undefined) {
      at = this.#state === State.scalar ? this.#scanScalar(chunk, at) : this.#scanStructure(chunk, at);
    }
    if (this.#isKey && this.#place !== Place.plain) this.#keyHead += chunk.toString('latin1', this.#keyStart);
    this.#offset += chunk.length;
  }

  /** The text is over. @returns what was wrong with it */
  end(): ScanFault | undefined {
    // Nothing but the end of the text ends a number that is all of it.
    if (this.#state === State.scalar && this.#frames.length === 0) this.#scanScalar(space, 0);
    if (this.#state !== State.done || !this.isUtf8) this.#fault ??= 'malformed';
    return this.#fault;
  }

  #latinOf(chunk: Buffer, start: number, end: number): string {
    if (chunk.length > smallBytes) return chunk.toString('latin1', start, end);
    this.#latin ??= chunk.toString('latin1');
    return this.#latin.slice(start, end);
  }

  #scanStructure(chunk: Buffer, at: number): number {
    const byte = chunk[at] ?? 0;
    const token = tokenOf[byte] ?? Token.none;
    if (token === Token.space) {
      if (byte !== blank) this.#hasBreak ||= byte !== tab;
      return at + 1;
    }
    return token < Token.object ? this.#scanPunctuation(token, at) : this.#scanOpening(token, chunk, at);
  }

  #scanPunctuation(token: number, at: number): number {
    switch (token) {
      case Token.comma:
        return this.#move(State.next, this.#frames.at(-1) === arrayFrame ? State.value : State.key, at);
      case Token.colon:
        return this.#move(State.colon, State.value, at);
      case Token.objectEnd:
      case Token.arrayEnd:
        return this.#close(at, token === Token.arrayEnd);
      default:
        return this.#refuse('malformed', at);
    }
  }

  #scanOpening(token: number, chunk: Buffer, at: number): number {
    switch (token) {
      case Token.quote:
        return this.#openText(at);
      case Token.object:
        return this.#openObject(at);
      case Token.array:
        return this.#openArray(at);
      default:
        this.#beginValue(at, token === Token.number ? Kind.number : Kind.literal, State.scalar);
        this.#scalar.begin(token, chunk[at] ?? 0);
        return at;
    }
  }

  #refuse(fault: ScanFault, at: number): number {
    this.#fault = fault;
    return at;
  }

  #move(from: number, to: number, at: number): number {
    if (this.#state !== from || this.#frames.length === 0) return this.#refuse('malformed', at);
    this.#state = to;
    return at + 1;
  }

  #beginValue(at: number, kind: number, state: number): void {
    if (this.#state !== State.value && this.#state !== State.valueOrEnd) {
      this.#refuse('malformed', at);
      return;
    }
    const depth = this.#frames.length;
    if (depth === 0) this.#topKind = kind;
    else if (this.#frames[depth - 1] === arrayFrame) this.#countElement(at, depth);
    if (this.#slot >= 0) {
      this.#kinds[this.#slot] = kind;
      this.#starts[this.#slot] = this.#offset + at;
      // Until its end is seen: half a value must not be taken for one.
      this.#ends[this.#slot] = Infinity;
    }
    this.#openSlot = this.#slot;
    this.#slot = -1;
    this.#state = state;
  }

  #countElement(at: number, depth: number): void {
    if (this.#countMember() > (depth === 1 ? maxBatch : this.#limits.elements)) this.#refuse('too-many', at);
    if (depth === 1) this.#elements.push(this.#offset + at);
  }

  #countMember(): number {
    const top = this.#counts.length - 1;
    return (this.#counts[top] = (this.#counts[top] ?? 0) + 1);
  }

  /** @param end the index after its last byte */
  #endValue(end: number): void {
    const depth = this.#frames.length;
    this.#state = depth === 0 ? State.done : State.next;
    if (depth === 1 && this.#frames[0] === arrayFrame) this.#elements.push(this.#offset + end);
  }

  #openObject(at: number): number {
    const place = this.#place;
    this.#beginValue(at, Kind.object, State.keyOrEnd);
    if (place !== Place.plain) this.#guard.enter(place);
    return this.#open(place, at);
  }

  #openArray(at: number): number {
    this.#beginValue(at, Kind.array, State.valueOrEnd);
    return this.#open(arrayFrame, at);
  }

  #open(frame: number, at: number): number {
    if (this.#fault !== undefined) return at;
    this.#frames.push(frame);
    this.#counts.push(0);
    this.#place = Place.plain;
    return this.#frames.length > this.#limits.depth ? this.#refuse('too-deep', at) : at + 1;
  }

  #close(at: number, isArray: boolean): number {
    const isOpen = this.#frames.length > 0 && (this.#frames.at(-1) === arrayFrame) === isArray;
    const isEmpty = this.#state === (isArray ? State.valueOrEnd : State.keyOrEnd);
    if (!isOpen || (!isEmpty && this.#state !== State.next)) return this.#refuse('malformed', at);
    this.#frames.pop();
    this.#counts.pop();
    this.#endValue(at + 1);
    return at + 1;
  }

  #openText(at: number): number {
    this.#isKey = this.#state === State.key || this.#state === State.keyOrEnd;
    // What is looked at is decoded, so it is checked in any case.
    this.#scalar.beginText(this.#limits.isStrict || this.#isKey || this.#slot >= 0);
    if (!this.#isKey) {
      this.#beginValue(at, Kind.text, State.scalar);
      return at + 1;
    }
    this.#place = this.#frames.at(-1) ?? Place.plain;
    this.#keyHead = '';
    this.#keyStart = at + 1;
    this.#state = State.scalar;
    return at + 1;
  }

  #scanScalar(chunk: Buffer, start: number): number {
    const at = this.#scalar.scan(chunk, start);
    if (this.#scalar.isWrong) return this.#refuse('malformed', at);
    if (!this.#scalar.isDone) return at;
    if (this.#isKey) return this.#closeKey(chunk, at);
    if (this.#openSlot >= 0) this.#ends[this.#openSlot] = this.#offset + at;
    this.#endValue(at);
    return at;
  }

  #closeKey(chunk: Buffer, end: number): number {
    this.#isKey = false;
    this.#state = State.colon;
    if (this.#countMember() > this.#limits.keys) return this.#refuse('too-many', end);
    if (this.#place === Place.plain) return end;
    const text = this.#keyHead + this.#latinOf(chunk, this.#keyStart, end - 1);
    const member = this.#guard.read(this.#place, text, this.#scalar.hasEscape);
    if (member === false) return this.#refuse('ambiguous', end);
    this.#slot = member?.slot ?? -1;
    this.#place = member?.place ?? Place.plain;
    return end;
  }
}
