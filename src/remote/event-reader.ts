import type { IncomingMessage } from 'node:http';
import { EventParser } from './event-parser.ts';
import { isEcho, mediaType } from './headers.ts';
import { MessageReader, type Read } from './message-reader.ts';
import { garbled, RemoteError } from './remote-error.ts';
import type { Valve } from './valve.ts';

/** A server cannot make us come back more often, or leave us waiting for longer; in milliseconds. */
const retryMs = { least: 100, usual: 1000, most: 30_000 } as const;
const maxIdChars = 2048;

/** Reads the messages of an event stream, over as many connections as it takes. */
export class EventReader {
  readonly #reader: MessageReader;
  readonly #valve: Valve;
  readonly #onRead: (read: Read) => void;
  #lastId: string | undefined;
  #retryMs: number = retryMs.usual;
  #events = 0;

  /** @param maxBytes the longest message. @param valve keeps it from reading on */
  constructor(maxBytes: number, valve: Valve, onRead: (read: Read) => void) {
    this.#reader = new MessageReader(maxBytes);
    this.#valve = valve;
    this.#onRead = onRead;
  }

  /** By what the stream can be gone on with; undefined when it cannot. */
  get lastId(): string | undefined {
    return this.#lastId;
  }

  /** After how long to come back when the stream is cut off, in milliseconds. */
  get retryMs(): number {
    return this.#retryMs;
  }

  /** Events so far. */
  get events(): number {
    return this.#events;
  }

  /** What comes next is the beginning of another stream. */
  forget(): void {
    this.#lastId = undefined;
  }

  /**
   * Reads one connection until it ends or is cut off, which makes no difference to an event stream.
   *
   * @throws {RemoteError} `UPSTREAM_GARBLED` when a message is too long, or the response is no event stream
   */
  async read(response: IncomingMessage): Promise<void> {
    if (mediaType(response) !== 'text/event-stream') {
      response.destroy();
      throw garbled('it is no event stream');
    }
    this.#reader.drop();
    const parser = new EventParser({
      onData: (part) => {
        this.#reader.push(part);
      },
      onEvent: (type) => {
        this.#onEvent(type);
      },
    });
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        parser.push(chunk);
        this.#note(parser);
        await this.#valve.passable;
      }
    } catch (error) {
      if (error instanceof RemoteError) throw error;
    }
  }

  #onEvent(type: string): void {
    this.#events += 1;
    if (type !== 'message') this.#reader.drop();
    else for (const read of this.#reader.take()) this.#onRead(read);
  }

  #note({ lastId, retryMs: wanted }: EventParser): void {
    if (lastId !== undefined) this.#lastId = isEcho(lastId, maxIdChars) ? lastId : undefined;
    if (wanted !== undefined) this.#retryMs = Math.min(retryMs.most, Math.max(retryMs.least, wanted));
  }
}
