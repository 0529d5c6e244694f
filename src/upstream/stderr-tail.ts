import type { Redactor } from '../base/redact.ts';

const maxBytes = 8 * 1024;

/** The last bytes that a server wrote to stderr, for error texts: bounded, without secrets and control characters. */
export class StderrTail {
  readonly #redactor: Redactor;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  push(chunk: Buffer): void {
    const joined = chunk.length >= maxBytes ? chunk : Buffer.concat([this.#bytes, chunk]);
    this.#bytes = joined.length > maxBytes ? Buffer.from(joined.subarray(-maxBytes)) : joined;
  }

  /** @param count how many lines at the most, the newest last */
  lines(count: number): string[] {
    const text = this.#redactor.redact(this.#bytes.toString('utf8'));
    return text
      .split(/\r?\n/)
      .map((line) => printable(line).trim().slice(0, 500))
      .filter((line) => line !== '')
      .slice(-count);
  }
}

/** Without ANSI sequences and control characters: what a server prints must not move anybody's cursor. */
function printable(line: string): string {
  // eslint-disable-next-line no-control-regex -- these are what is taken out
  return line.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}
