import type { Bytes } from '../jsonrpc/bytes.ts';
import { Backlog } from './backlog.ts';
import type { ResumableStream } from './resumable-stream.ts';

/** GET streams of one session at once; one more ends the oldest, which is most likely dead. */
const maxStreams = 4;
/** Streams that clients may come back to; one more forgets the oldest. */
const maxRemembered = 64;

/**
 * The GET streams of a session. Each message goes to one of them, the newest; while there is none it is kept, bounded.
 *
 * @see MCP 2025-11-25, Transports, "Listening for Messages from the Server" and "Multiple Connections"
 */
export class StandaloneStreams {
  readonly #backlog = new Backlog();
  /** All that were ever opened and not ended: a client may come back to one. */
  readonly #all = new Set<ResumableStream>();
  /** Connected ones, the newest last. */
  #connected: ResumableStream[] = [];

  get isConnected(): boolean {
    return this.#connected.some(({ isConnected }) => isConnected);
  }

  has(stream: ResumableStream): boolean {
    return this.#all.has(stream);
  }

  /**
   * A stream that was opened, or that its client came back to.
   *
   * @returns false when what had been kept was sent at once, and the stream reads slower than that
   */
  add(stream: ResumableStream): boolean {
    this.#connected = this.#connected.filter((other) => other !== stream);
    if (this.#connected.length >= maxStreams) this.#end(this.#connected[0]);
    this.#all.add(stream);
    if (this.#all.size > maxRemembered) this.#end([...this.#all].find(({ isConnected }) => !isConnected));
    this.#connected.push(stream);
    stream.onClose(() => {
      if (!stream.isConnected) this.#connected = this.#connected.filter((other) => other !== stream);
    });
    stream.openStream();
    let isFast = true;
    for (const message of this.#backlog.take()) isFast = stream.event(message);
    return isFast;
  }

  /** @returns the stream that got it when that reads slower than we send, for back-pressure */
  deliver(message: Bytes): ResumableStream | undefined {
    const stream = this.#connected.findLast(({ isConnected }) => isConnected);
    if (!stream) {
      this.#backlog.push(message);
      return undefined;
    }
    return stream.event(message) ? undefined : stream;
  }

  endAll(): void {
    for (const stream of this.#all) this.#end(stream);
  }

  #end(stream: ResumableStream | undefined): void {
    if (!stream) return;
    this.#all.delete(stream);
    this.#connected = this.#connected.filter((other) => other !== stream);
    stream.close();
  }
}
