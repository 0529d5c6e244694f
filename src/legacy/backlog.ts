import type { Bytes } from '../jsonrpc/bytes.ts';

const maxMessages = 256;
const maxBytes = 1024 * 1024;

/** Messages for the GET stream while none is open: bounded, the oldest go first. */
export class Backlog {
  #messages: Bytes[] = [];
  #bytes = 0;
  #dropped = 0;

  /** How many had to go. */
  get dropped(): number {
    return this.#dropped;
  }

  push(message: Bytes): void {
    this.#messages.push(message.kept());
    this.#bytes += message.length;
    while (this.#messages.length > maxMessages || (this.#bytes > maxBytes && this.#messages.length > 1)) {
      this.#bytes -= this.#messages.shift()?.length ?? 0;
      this.#dropped += 1;
    }
  }

  /** All of them, oldest first; afterwards it is empty. */
  take(): Bytes[] {
    const all = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    return all;
  }
}
