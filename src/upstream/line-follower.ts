import type { Cancel, Clock } from '../base/clock.ts';
import { printable } from '../base/printable.ts';
import type { Redactor } from '../base/redact.ts';

/** Who reads the lines of a server's stderr as they come. */
export interface LineListener {
  /** One line, fit for people: without secrets and control characters, at most `maxLineChars` long. */
  onLine(text: string): void;
  /** So many lines were not given, because there were too many of them. */
  onLeftOut(count: number): void;
}

/** A longer line is cut. */
export const maxLineChars = 8 * 1024;
/** More lines than this within a second are counted, not given. */
const maxLines = 100;
const windowMs = 1000;
const lineFeed = 10;

/** Cuts the bytes of a stderr into lines for one listener, at a pace that people and terminals can bear. */
export class LineFollower {
  readonly #listener: LineListener;
  readonly #redactor: Redactor;
  readonly #clock: Clock;
  /** The beginning of the line that has not ended. */
  #open: Buffer = Buffer.alloc(0);
  /** Whether more of it came than is kept. */
  #isLong = false;
  #isSkipping: boolean;
  #linesInWindow = 0;
  #leftOut = 0;
  #cancelWindow: Cancel | undefined;

  /** @param isTorn the first line has lost its beginning, and with it perhaps half a secret: it is not given */
  constructor(listener: LineListener, redactor: Redactor, clock: Clock, isTorn: boolean) {
    this.#listener = listener;
    this.#redactor = redactor;
    this.#clock = clock;
    this.#isSkipping = isTorn;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, from)) {
      if (this.#linesInWindow >= maxLines) {
        from = this.#leaveOut(chunk, from);
        break;
      }
      this.#extend(chunk.subarray(from, end));
      this.#endLine();
      from = end + 1;
    }
    this.#extend(chunk.subarray(from));
  }

  /** Gives what is left: no more comes. */
  end(): void {
    if (this.#open.length > 0) this.#endLine();
    this.cancel();
    this.#report();
  }

  /** Gives nothing more. */
  cancel(): void {
    this.#cancelWindow?.();
    this.#cancelWindow = undefined;
  }

  /** A flood costs a look at each byte, no more. @returns where the line begins that has not ended */
  #leaveOut(chunk: Buffer, from: number): number {
    const end = chunk.lastIndexOf(lineFeed) + 1;
    for (let at = from; at < end; at++) if (chunk[at] === lineFeed) this.#leftOut += 1;
    this.#forget();
    return end;
  }

  #extend(part: Buffer): void {
    // What follows the cut is needed to know a secret that lies across it.
    const room = maxLineChars + this.#redactor.longest - this.#open.length;
    if (part.length > room) this.#isLong = true;
    if (part.length > 0 && room > 0) this.#open = Buffer.concat([this.#open, part.subarray(0, room)]);
  }

  #endLine(): void {
    const text = this.#isSkipping ? '' : this.#readable();
    this.#forget();
    if (text === '') return;
    this.#linesInWindow += 1;
    this.#cancelWindow ??= this.#clock.after(windowMs, () => {
      this.#cancelWindow = undefined;
      this.#linesInWindow = 0;
      this.#report();
    });
    this.#listener.onLine(text);
  }

  #readable(): string {
    const masked = this.#redactor.redact(printable(this.#open.toString('utf8'))).trimEnd();
    // The end of what was kept may be half a secret, which no mask would know.
    const whole = this.#isLong ? masked.slice(0, Math.max(0, masked.length - this.#redactor.longest)) : masked;
    return this.#isLong || whole.length > maxLineChars ? `${whole.slice(0, maxLineChars - 1)}…` : whole;
  }

  #forget(): void {
    this.#open = Buffer.alloc(0);
    this.#isLong = false;
    this.#isSkipping = false;
  }

  #report(): void {
    if (this.#leftOut > 0) this.#listener.onLeftOut(this.#leftOut);
    this.#leftOut = 0;
  }
}
