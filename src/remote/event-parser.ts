/** Who gets the events of a stream. */
export interface EventListener {
  /** The next bytes of an event's data, as they come; a line break stands between two of its lines. */
  onData(part: Buffer): void;
  /** The event is complete; one without data is none. @param type `message` unless it says otherwise */
  onEvent(type: string): void;
}

type Place = 'name' | 'value' | 'nothing';

const lineFeed = 10;
const carriageReturn = 13;
const colon = 58;
const space = 32;
const lineBreak = Buffer.from('\n');
/** The longest name of a field that counts, with a byte order mark before it. */
const maxNameBytes = 8;
/** Ids are sent back in a header, types are compared: a longer one is neither. */
const maxValueBytes = 2048;
const byteOrderMark = '\u00ef\u00bb\u00bf';

/**
 * Reads an event stream without decoding it: the data of an event stay the bytes that came. Parsers of others give
 * texts, which cost a large message twice its memory, and what is no UTF-8 its bytes.
 *
 * @see WHATWG HTML, 9.2.6, "Interpreting an event stream"
 */
export class EventParser {
  readonly #listener: EventListener;
  #place: Place = 'name';
  /** The field of the line, and its value where that is short; as Latin-1. */
  #name = '';
  #value = '';
  #isValueBegun = false;
  #isLineEmpty = true;
  #isFirstLine = true;
  #wasReturn = false;
  #dataLines = 0;
  #type = '';
  #id: string | undefined;
  #lastId: string | undefined;
  #retryMs: number | undefined;

  constructor(listener: EventListener) {
    this.#listener = listener;
  }

  /** The id of the last event that was complete, as Latin-1; undefined while there was none. */
  get lastId(): string | undefined {
    return this.#lastId;
  }

  /** After how long a reader that is cut off should come back, in milliseconds, when that was said. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /** @param chunk must stay as it is */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    let at = this.#wasReturn && chunk[0] === lineFeed ? 1 : 0;
    this.#wasReturn = false;
    const ends = new LineEnds(chunk);
    for (let end = ends.next(at); end !== -1; end = ends.next(at)) {
      this.#extend(chunk.subarray(at, end));
      this.#endLine();
      at = this.#afterEnd(chunk, end);
    }
    this.#extend(chunk.subarray(at));
  }

  /** CRLF is one end, also when a chunk ends in between. */
  #afterEnd(chunk: Buffer, end: number): number {
    if (chunk[end] === lineFeed) return end + 1;
    this.#wasReturn = end + 1 === chunk.length;
    return chunk[end + 1] === lineFeed ? end + 2 : end + 1;
  }

  #extend(part: Buffer): void {
    if (part.length === 0) return;
    this.#isLineEmpty = false;
    if (this.#place === 'name') this.#extendName(part);
    else if (this.#place === 'value') this.#extendValue(part);
  }

  #extendName(part: Buffer): void {
    const end = part.indexOf(colon);
    this.#name += part.toString('latin1', 0, Math.min(end === -1 ? part.length : end, maxNameBytes + 1));
    if (this.#name.length > maxNameBytes) {
      this.#place = 'nothing';
      return;
    }
    if (end === -1) return;
    this.#beginValue();
    const rest = part.subarray(end + 1);
    if (rest.length > 0 && this.#place === 'value') this.#extendValue(rest);
  }

  #beginValue(): void {
    if (this.#isFirstLine && this.#name.startsWith(byteOrderMark)) this.#name = this.#name.slice(byteOrderMark.length);
    const counts = ['data', 'id', 'event', 'retry'].includes(this.#name);
    this.#place = counts ? 'value' : 'nothing';
    if (this.#name !== 'data') return;
    if (this.#dataLines > 0) this.#listener.onData(lineBreak);
    this.#dataLines += 1;
  }

  #extendValue(part: Buffer): void {
    const value = !this.#isValueBegun && part[0] === space ? part.subarray(1) : part;
    this.#isValueBegun = true;
    if (value.length === 0) return;
    if (this.#name === 'data') this.#listener.onData(value);
    else if (this.#value.length <= maxValueBytes) this.#value += value.toString('latin1', 0, maxValueBytes + 1);
  }

  #endLine(): void {
    // Without a colon, the whole line is the name.
    if (!this.#isLineEmpty && this.#place === 'name') this.#beginValue();
    if (this.#isLineEmpty) this.#dispatch();
    else if (this.#place === 'value') this.#takeField();
    this.#place = 'name';
    this.#name = '';
    this.#value = '';
    this.#isValueBegun = false;
    this.#isLineEmpty = true;
    this.#isFirstLine = false;
  }

  #takeField(): void {
    const value = this.#value;
    if (this.#name === 'event') this.#type = value;
    else if (this.#name === 'id' && !value.includes('\0')) this.#id = value;
    else if (this.#name === 'retry' && /^\d{1,9}$/.test(value)) this.#retryMs = Number(value);
  }

  #dispatch(): void {
    this.#lastId = this.#id;
    const isEvent = this.#dataLines > 0;
    const type = this.#type === '' ? 'message' : this.#type;
    this.#dataLines = 0;
    this.#type = '';
    if (isEvent) this.#listener.onEvent(type);
  }
}

/** Where the lines of a chunk end; each byte is looked at twice, however many lines there are. */
class LineEnds {
  readonly #chunk: Buffer;
  #feed: number;
  #back: number;

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
    this.#feed = chunk.indexOf(lineFeed);
    this.#back = chunk.indexOf(carriageReturn);
  }

  /** @returns the first end from a place on; -1 when there is none */
  next(at: number): number {
    if (this.#feed !== -1 && this.#feed < at) this.#feed = this.#chunk.indexOf(lineFeed, at);
    if (this.#back !== -1 && this.#back < at) this.#back = this.#chunk.indexOf(carriageReturn, at);
    const [feed, back] = [this.#feed, this.#back];
    return feed === -1 || back === -1 ? Math.max(feed, back) : Math.min(feed, back);
  }
}
