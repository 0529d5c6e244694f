import type { IncomingMessage } from 'node:http';
import type { Cancel, Clock } from '../base/clock.ts';
import { Backoff } from '../pool/backoff.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import { EventReader } from './event-reader.ts';
import { mediaType } from './headers.ts';
import { MessageReader, type Read } from './message-reader.ts';
import { garbled, RemoteError, tooLong, unreachable } from './remote-error.ts';
import type { RemoteSession } from './remote-session.ts';
import type { Valve } from './valve.ts';
import { wait } from './wait.ts';

interface Surroundings {
  readonly session: RemoteSession;
  readonly clock: Clock;
  readonly valve: Valve;
  /** The longest message. */
  readonly maxBytes: number;
  readonly onRead: (read: Read) => void;
}

/** So often in a row it is tried to go on with a stream. */
const maxTries = 5;
/** A server should end a stream with its answer; one that does not is left. */
const lingerMs = 1000;

/** One request at a remote server: from its POST to its answer, over as many connections as that takes. */
export class RemoteCall {
  readonly #around: Surroundings;
  readonly #aborter = new AbortController();
  #isOver = false;
  #stopLingering: Cancel | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Whether nobody waits for an answer any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Sends the request and reads what comes. Resolves when all has come, or nobody wants it any more.
   *
   * @param onSent the request has left
   * @throws {RemoteError} why there will be no answer
   */
  async run(bytes: Bytes, onSent: () => void): Promise<void> {
    try {
      const { session } = this.#around;
      const response = await session.post(bytes, this.#aborter.signal, onSent);
      const type = mediaType(response);
      if (type === 'text/event-stream') await this.#follow(response);
      else await this.#readDocument(response, type);
      if (!this.#isOver) throw garbled('there is none to this request in it');
    } catch (error) {
      if (!this.#isOver) throw error;
    } finally {
      this.#stopLingering?.();
    }
  }

  /** Its answer is there: what may still come is read for a moment. */
  answered(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopLingering = this.#around.clock.after(lingerMs, () => {
      this.#aborter.abort();
    });
  }

  /** Nobody waits for it any more. */
  abort(): void {
    this.#isOver = true;
    this.#aborter.abort();
  }

  async #follow(first: IncomingMessage): Promise<void> {
    const { maxBytes, valve, onRead } = this.#around;
    const reader = new EventReader(maxBytes, valve, onRead);
    await reader.read(first);
    while (!this.#isOver) {
      if (reader.lastId === undefined) throw unreachable({ code: 'ECONNRESET' }, true);
      await wait(reader.retryMs, this.#around.clock, this.#aborter.signal);
      await reader.read(await this.#resume(reader.lastId));
    }
  }

  async #resume(lastId: string): Promise<IncomingMessage> {
    const { session, clock } = this.#around;
    const { signal } = this.#aborter;
    const backoff = new Backoff(clock);
    for (let tries = 1; ; tries += 1) {
      try {
        return await session.listen(lastId, signal);
      } catch (error) {
        if (signal.aborted || tries >= maxTries || !isPassing(error)) throw asLost(error);
        backoff.fail();
        await wait(backoff.remainingMs, clock, signal);
      }
    }
  }

  async #readDocument(response: IncomingMessage, type: string): Promise<void> {
    const { maxBytes, valve, onRead } = this.#around;
    if (type !== 'application/json') {
      response.destroy();
      throw garbled(`it is ${described(type, response)}`);
    }
    if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
      response.destroy();
      throw tooLong(maxBytes);
    }
    const reader = new MessageReader(maxBytes);
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        reader.push(chunk);
        await valve.passable;
      }
    } catch (error) {
      throw error instanceof RemoteError ? error : unreachable(error, true);
    }
    for (const read of reader.take()) onRead(read);
  }
}

/** Whether the same request may succeed a little later. */
function isPassing(error: unknown): boolean {
  return error instanceof RemoteError && ['REMOTE_UNREACHABLE', 'REMOTE_FAILED'].includes(error.code);
}

/** The request itself was sent long ago. */
function asLost(error: unknown): unknown {
  if (!(error instanceof RemoteError)) return error;
  return new RemoteError(error.code, error.message, true, error.data, { cause: error.cause });
}

function described(type: string, { statusCode = 0 }: IncomingMessage): string {
  if (type === 'text/html') return 'an HTML page; wanted an MCP server at "url"';
  if (statusCode === 202 || statusCode === 204) return `empty (HTTP ${statusCode})`;
  return 'neither JSON nor an event stream; wanted an MCP server at "url"';
}
