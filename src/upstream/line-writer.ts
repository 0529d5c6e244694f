import type { Writable } from 'node:stream';
import type { Bytes } from '../jsonrpc/bytes.ts';

const lineFeed = 10;
/** Up to this size a message is copied, so that it leaves in one piece with its line end and with others. */
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
  #gathered: Bytes[] = [];
  #gatheredBytes = 0;
  #isWorking = false;

  constructor(stdin: Writable) {
    this.#stdin = stdin;
  }

  /** Bytes that wait to be read by the server. */
  get pendingBytes(): number {
    return this.#gatheredBytes + this.#stdin.writableLength;
  }

  /** @param bytes one JSON text without a line break */
  write(bytes: Bytes): void {
    if (!this.#stdin.writable) return;
    if (bytes.length > copiedBytes) {
      this.flush();
      this.#writeLarge(bytes);
    } else if (this.#isWorking || this.#gatheredBytes > 0) {
      this.#gather(bytes);
    } else {
      this.#isWorking = true;
      this.#stdin.write(lines([bytes], bytes.length + 1));
    }
  }

  /** The server has said something. */
  heard(): void {
    this.#isWorking = false;
  }

  /** Everything leaves now. */
  flush(): void {
    if (this.#gatheredBytes === 0) return;
    if (this.#stdin.writable) this.#stdin.write(lines(this.#gathered, this.#gatheredBytes));
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  #gather(bytes: Bytes): void {
    if (this.#gatheredBytes === 0) {
      setImmediate(() => {
        this.flush();
      });
    }
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length + 1;
    if (this.#gatheredBytes > gatheredBytes) this.flush();
  }

  #writeLarge({ parts }: Bytes): void {
    this.#stdin.cork();
    for (const part of parts) this.#stdin.write(part);
    this.#stdin.write(lineEnd);
    this.#stdin.uncork();
  }
}

const lineEnd = Buffer.from([lineFeed]);

function lines(messages: readonly Bytes[], length: number): Buffer {
  const joined = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { parts } of messages) {
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    joined[at] = lineFeed;
    at += 1;
  }
  return joined;
}
