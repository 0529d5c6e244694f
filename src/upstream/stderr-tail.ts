import type { Redactor } from '../base/redact.ts';

const maxBytes = 8 * 1024;

/** The last bytes that a server wrote to stderr, for error texts: bounded, without secrets and control characters. */
export class StderrTail {
  readonly #redactor: Redactor;
  #bytes: Buffer = Buffer.alloc(0);
  #isCut = false;

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  push(chunk: Buffer): void {
    const joined = chunk.length >= maxBytes ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (joined.length > maxBytes) this.#isCut = true;
    this.#bytes = joined.length > maxBytes ? Buffer.from(joined.subarray(-maxBytes)) : joined;
  }

  /** @param count how many lines at the most, the newest last */
  lines(count: number): string[] {
    const masked = this.#redactor.redact(printable(this.#bytes.toString('utf8')));
    return (this.#isCut ? this.#withoutTorn(masked) : masked)
      .split('\n')
      .map((line) => line.trim().slice(0, 500))
      .filter((line) => line !== '')
      .slice(-count);
  }

  /** What is left of a line whose beginning was dropped may hold the end of a secret, which no mask would know. */
  #withoutTorn(text: string): string {
    const lineEnd = text.indexOf('\n');
    return text.slice(lineEnd !== -1 && lineEnd < text.length / 2 ? lineEnd : this.#redactor.longest);
  }
}

/** Without ANSI sequences and control characters: what a server prints must not move anybody's cursor. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what is taken out
  return text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}
