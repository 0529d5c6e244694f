const maxMessages = 256;
const maxBytes = 1024 * 1024;

/** Messages for the GET stream while none is open: bounded, the oldest go first. */
export class Backlog {
  #messages: Buffer[] = [];
  #bytes = 0;
  #dropped = 0;

  /** How many had to go. */
  get dropped(): number {
    return this.#dropped;
  }

  push(message: Buffer): void {
    // A copy: the line may be a view of a much larger chunk, which would be kept with it.
    this.#messages.push(Buffer.from(message));
    this.#bytes += message.length;
    while (this.#messages.length > maxMessages || (this.#bytes > maxBytes && this.#messages.length > 1)) {
      this.#bytes -= this.#messages.shift()?.length ?? 0;
      this.#dropped += 1;
    }
  }

  /** All of them, oldest first; afterwards it is empty. */
  take(): Buffer[] {
    const all = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    return all;
  }
}
