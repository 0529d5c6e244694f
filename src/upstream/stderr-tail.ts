import type { Cancel, Clock } from '../base/clock.ts';
import { printable } from '../base/printable.ts';
import type { Redactor } from '../base/redact.ts';
import { LineFollower, maxLineChars, type LineListener } from './line-follower.ts';

/** So many bytes are kept; twice as many, and so many pieces, until it is worth while to put them together. */
const maxBytes = 16 * 1024;
const maxPieces = 32;
const lineFeed = 10;

/** What others may have of a server's stderr: bounded, without secrets and control characters. */
export interface StderrLines {
  /**
   * @param count how many lines at the most, the newest last
   * @param maxChars how much of each
   */
  lines(count: number, maxChars?: number): string[];
  /** Gives the last `count` lines that have ended, at once, and then each line as it comes. */
  follow(count: number, listener: LineListener): Cancel;
}

/** The last bytes that a server wrote to stderr. To take them costs a copy at the most, however many come. */
export class StderrTail implements StderrLines {
  readonly #redactor: Redactor;
  readonly #clock: Clock;
  readonly #followers = new Set<LineFollower>();
  #pieces: Buffer[] = [];
  #length = 0;
  #isCut = false;

  constructor(redactor: Redactor, clock: Clock) {
    this.#redactor = redactor;
    this.#clock = clock;
  }

  push(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#length += chunk.length;
    if (this.#length > 2 * maxBytes || this.#pieces.length > maxPieces) this.#trim(chunk);
    for (const follower of this.#followers) follower.push(chunk);
  }

  /** No more comes: those who follow get what is left. */
  end(): void {
    for (const follower of this.#followers) follower.end();
    this.#followers.clear();
  }

  lines(count: number, maxChars = 500): string[] {
    return this.#readable(Buffer.concat(this.#pieces), count, maxChars);
  }

  follow(count: number, listener: LineListener): Cancel {
    const bytes = Buffer.concat(this.#pieces);
    const ended = bytes.lastIndexOf(lineFeed) + 1;
    for (const line of this.#readable(bytes.subarray(0, ended), count, maxLineChars)) listener.onLine(line);
    const follower = new LineFollower(listener, this.#redactor, this.#clock, this.#isCut && ended === 0);
    follower.push(bytes.subarray(ended));
    this.#followers.add(follower);
    return () => {
      follower.cancel();
      this.#followers.delete(follower);
    };
  }

  #trim(newest: Buffer): void {
    if (this.#length > maxBytes) this.#isCut = true;
    const bytes = newest.length >= maxBytes ? newest : Buffer.concat(this.#pieces);
    // A copy: a part of a chunk would keep all of it.
    this.#pieces = [Buffer.from(bytes.subarray(-maxBytes))];
    this.#length = this.#pieces[0]?.length ?? 0;
  }

  #readable(bytes: Buffer, count: number, maxChars: number): string[] {
    const masked = this.#redactor.redact(printable(bytes.toString('utf8')));
    const lines = (this.#isCut ? this.#withoutTorn(masked) : masked)
      .split('\n')
      .map((line) => line.trimEnd().slice(0, maxChars))
      .filter((line) => line !== '');
    return lines.slice(Math.max(0, lines.length - count));
  }

  /** What is left of a line whose beginning was dropped may hold the end of a secret, which no mask would know. */
  #withoutTorn(text: string): string {
    const lineEnd = text.indexOf('\n');
    return text.slice(lineEnd !== -1 && lineEnd < text.length / 2 ? lineEnd : this.#redactor.longest);
  }
}
