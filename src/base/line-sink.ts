import { write, writeSync } from 'node:fs';
import { systemClock, type Clock } from './clock.ts';
import { codeOf } from './errors.ts';

/** So many characters may wait for a sink that takes none. */
const maxWaiting = 4 * 1024 * 1024;
/** Lines are written in pieces of about this many characters. */
const pieceLength = 64 * 1024;
/** A sink that is full is tried again after this long. */
const retryMs = 100;
/** At the end of the program a full one is tried so often, and so long apart. */
const lastAttempts = 25;
const lastPauseMs = 10;
const lineFeed = 10;

/** How bytes are written: the system's own way, but for tests. */
interface Surroundings {
  readonly clock: Clock;
  readonly write: (fd: number, bytes: Uint8Array, done: (error: Error | null, written: number) => void) => void;
  readonly writeSync: (fd: number, bytes: Uint8Array) => number;
}

/**
 * Writes lines to a file descriptor and never waits for it. What a sink that is blocked, gone or full does not take
 * waits for it, bounded; beyond that, lines are lost and counted. It is used again as soon as it works.
 */
export class LineSink {
  readonly #fd: number;
  readonly #around: Surroundings;
  readonly #lines: string[] = [];
  #waiting = 0;
  /** What is being written, or is to be tried again. */
  #piece: Uint8Array = Buffer.alloc(0);
  #state: 'idle' | 'writing' | 'pausing' = 'idle';
  #dropped = 0;

  constructor(fd: number, around: Surroundings = { clock: systemClock, write, writeSync }) {
    this.#fd = fd;
    this.#around = around;
  }

  /** Lines that were lost. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param line with its line feed */
  write(line: string): void {
    if (this.#waiting + line.length > maxWaiting) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    if (this.#state === 'idle') this.#writeNext();
  }

  /** Writes what waits, at once: for the end of the program, after which nothing is written any more. */
  writeLast(): void {
    // What is being written is not ours to repeat.
    if (this.#state === 'writing') this.#piece = this.#piece.subarray(this.#piece.length);
    for (let attempt = 1; attempt <= lastAttempts && this.#takePiece();) {
      try {
        this.#piece = this.#piece.subarray(this.#around.writeSync(this.#fd, this.#piece));
      } catch (error) {
        if (!isFull(error)) return;
        attempt += 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lastPauseMs);
      }
    }
  }

  #writeNext(): void {
    if (!this.#takePiece()) {
      this.#state = 'idle';
      return;
    }
    this.#state = 'writing';
    this.#around.write(this.#fd, this.#piece, (error, written) => {
      if (isFull(error)) {
        this.#pause();
        return;
      }
      if (error) this.#dropPiece();
      else this.#piece = this.#piece.subarray(written);
      this.#writeNext();
    });
  }

  #pause(): void {
    this.#state = 'pausing';
    this.#around.clock.after(retryMs, () => {
      this.#writeNext();
    });
  }

  /** @returns false when there is nothing to be written */
  #takePiece(): boolean {
    if (this.#piece.length > 0) return true;
    let count = 0;
    let text = '';
    while (count < this.#lines.length && text.length < pieceLength) text += this.#lines[count++] ?? '';
    this.#lines.splice(0, count);
    this.#waiting -= text.length;
    this.#piece = Buffer.from(text);
    return count > 0;
  }

  /** EPIPE, ENOSPC, EIO: there is nowhere left to say it. */
  #dropPiece(): void {
    for (const byte of this.#piece) if (byte === lineFeed) this.#dropped += 1;
    this.#piece = this.#piece.subarray(this.#piece.length);
  }
}

function isFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EAGAIN' || code === 'EBUSY';
}
