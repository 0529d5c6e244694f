import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { printable } from '../base/printable.ts';
import type { Redactor } from '../base/redact.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { StderrTail } from './stderr-tail.ts';

/** More lines that are no messages than this within the window are more than a server prints by mistake. */
const maxLines = 1000;
const windowMs = 10_000;
/** So many are kept for people, and so many are worth a line in the log. */
const keptLines = 100;
const loggedLines = 3;

interface Surroundings {
  /** Of the container. */
  readonly name: string;
  readonly tail: StderrTail;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly log: Log;
}

/** Banners and stray prints on the stdout of a server: kept for people, never sent to its client. */
export class Noise {
  readonly #around: Surroundings;
  #lines = 0;
  #linesInWindow = 0;
  #windowSince = -Infinity;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Lines so far. */
  get lines(): number {
    return this.#lines;
  }

  /** @returns whether it is more than a server prints by mistake */
  add(line: Bytes): boolean {
    this.#lines += 1;
    const isTooMuch = this.#countInWindow() > maxLines;
    if (this.#lines <= keptLines) this.#keep(line);
    return isTooMuch;
  }

  #countInWindow(): number {
    const now = this.#around.clock.now();
    if (now - this.#windowSince > windowMs) {
      this.#windowSince = now;
      this.#linesInWindow = 0;
    }
    this.#linesInWindow += 1;
    return this.#linesInWindow;
  }

  #keep(line: Bytes): void {
    const { name, tail, redactor, log } = this.#around;
    // Masked before it is cut: half a secret is a secret too.
    const text = redactor.redact(printable(line.text(0, Math.min(line.length, 8192))));
    tail.push(Buffer.from(`stdout: ${text.slice(0, 400)}\n`));
    if (this.#lines > loggedLines) return;
    log.warn({ container: name, bytes: line.length }, 'a line on stdout is no JSON-RPC message; skipped');
  }
}
