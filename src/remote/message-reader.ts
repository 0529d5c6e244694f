import { isRefusal, readMessage, serverLimits, takeMessage, type Envelope, type Refusal } from '../jsonrpc/message.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import { oneLine } from '../jsonrpc/one-line.ts';
import { Scanner } from '../jsonrpc/scan.ts';
import { Pieces } from './pieces.ts';
import { tooLong } from './remote-error.ts';

/** A message as it came, or why it is none. */
export interface Read {
  readonly message: Envelope | Refusal;
  /** On one line. */
  readonly bytes: Bytes;
}

/** Reads messages from the parts in which they come; nothing is decoded, and nothing is joined when it is large. */
export class MessageReader {
  readonly #maxBytes: number;
  readonly #scanner = new Scanner(serverLimits);
  readonly #pieces = new Pieces();

  /** @param maxBytes the longest message */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @param part must stay as it is. @throws {RemoteError} `UPSTREAM_GARBLED` when the message is too long */
  push(part: Buffer): void {
    if (part.length === 0) return;
    if (this.#pieces.length + part.length > this.#maxBytes) throw tooLong(this.#maxBytes);
    this.#scanner.push(part);
    this.#pieces.add(part);
  }

  /** What was pushed since the last time: one message, all of a batch, or nothing. */
  take(): Read[] {
    const bytes = this.#pieces.take();
    const message = takeMessage(this.#scanner, bytes);
    this.#scanner.reset();
    if (bytes.length === 0) return [];
    if (isRefusal(message) || message.kind !== 'batch') return [{ message, bytes: oneLine(bytes) }];
    return message.elements.flatMap((element) => {
      const read = readMessage(element, serverLimits);
      return isRefusal(read) || read.kind !== 'batch' ? [{ message: read, bytes: oneLine(element) }] : [];
    });
  }

  /** Forgets what was pushed. */
  drop(): void {
    this.#pieces.take();
    this.#scanner.reset();
  }
}
