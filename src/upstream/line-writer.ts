import type { Writable } from 'node:stream';
import type { Bytes } from '../jsonrpc/bytes.ts';

/**
 * Up to this size a message is copied, so that it leaves in one piece with its line end and with others. The copy is a
 * text in Latin-1, whose bytes are what they were: up to this size Node writes one without any memory of its own.
 */
const copiedBytes = 16 * 1024;
/** So much is gathered at the most. */
const gatheredBytes = 256 * 1024;

/**
 * Writes messages to a server, a line each, in as few writes as can be: each costs a system call here, and wakes the
 * server. While the server has said nothing since the last write, what comes in one turn of the event loop leaves
 * together at its end; a lone message leaves at once.
 */
export class LineWriter {
  readonly #stdin: Writable;
  /** What leaves at the end of this turn. */
  #gathered = '';
  #isWorking = false;

  constructor(stdin: Writable) {
    this.#stdin = stdin;
  }

  /** Bytes that wait to be read by the server. */
  get pendingBytes(): number {
    return this.#gathered.length + this.#stdin.writableLength;
  }

  /** @param bytes one JSON text without a line break */
  write(bytes: Bytes): void {
    if (!this.#stdin.writable) return;
    if (bytes.length > copiedBytes) {
      this.flush();
      this.#writeLarge(bytes);
    } else if (this.#isWorking || this.#gathered.length > 0) {
      this.#gather(bytes);
    } else {
      this.#isWorking = true;
      this.#stdin.write(line(bytes), 'latin1');
    }
  }

  /** The server has said something. */
  heard(): void {
    this.#isWorking = false;
  }

  /** Everything leaves now. */
  flush(): void {
    if (this.#gathered.length === 0) return;
    if (this.#stdin.writable) this.#stdin.write(this.#gathered, 'latin1');
    this.#gathered = '';
  }

  #gather(bytes: Bytes): void {
    if (this.#gathered.length === 0) {
      setImmediate(() => {
        this.flush();
      });
    }
    this.#gathered += line(bytes);
    if (this.#gathered.length > gatheredBytes) this.flush();
  }

  #writeLarge({ parts }: Bytes): void {
    this.#stdin.cork();
    for (const part of parts) this.#stdin.write(part);
    this.#stdin.write(lineEnd);
    this.#stdin.uncork();
  }
}

const lineEnd = Buffer.from('\n');

function line({ parts }: Bytes): string {
  let text = '';
  for (const part of parts) text += part.toString('latin1');
  return `${text}\n`;
}
