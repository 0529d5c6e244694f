import type { Stream } from '../relay/reply.ts';
import { Backlog } from './backlog.ts';

/** GET streams of one session at once; one more ends the oldest, which is most likely dead. */
const maxStreams = 4;

/**
 * The GET streams of a session. Each message goes to one of them, the newest; while there is none it is kept, bounded.
 *
 * @see MCP 2025-11-25, Transports, "Listening for Messages from the Server" and "Multiple Connections"
 */
export class StandaloneStreams {
  readonly #backlog = new Backlog();
  /** Open ones, the newest last. */
  #streams: Stream[] = [];

  get size(): number {
    return this.#streams.length;
  }

  /** @returns false when what had been kept was sent at once, and the stream reads slower than that */
  add(stream: Stream): boolean {
    if (this.#streams.length >= maxStreams) this.#streams.shift()?.end();
    this.#streams.push(stream);
    stream.onClose(() => {
      this.#streams = this.#streams.filter((other) => other !== stream);
    });
    let isFast = true;
    for (const message of this.#backlog.take()) isFast = stream.event(message);
    return isFast;
  }

  /** @returns the stream that got it when that reads slower than we send, for back-pressure */
  deliver(message: Buffer): Stream | undefined {
    const stream = this.#streams.findLast(({ isOpen }) => isOpen);
    if (!stream) {
      this.#backlog.push(message);
      return undefined;
    }
    return stream.event(message) ? undefined : stream;
  }

  endAll(): void {
    for (const stream of this.#streams) stream.end();
    this.#streams = [];
  }
}
