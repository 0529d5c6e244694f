import type { ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import type { Reply } from '../relay/reply.ts';
import { sendError } from './error-response.ts';

const commentMs = 15_000;
const comment = ': keep-alive\n\n';
const eventHead = Buffer.from('event: message\ndata: ');
const eventEnd = Buffer.from('\n\n');
/** Up to this size an event goes out as one piece. */
const smallBytes = 64 * 1024;
/** A client has this long to read what is left when its response has ended. */
const stalledMs = 60_000;
/** So much of a JSON answer may wait for its client before the server is slowed down. */
const patienceBytes = 4 * 1024 * 1024;

/** Sends a comment to all open event streams from time to time, so that nothing on the way takes them for dead. */
export class KeepAlive {
  readonly #streams = new Set<ServerResponse>();
  readonly stop: () => void;

  constructor(clock: Clock) {
    this.stop = clock.every(commentMs, () => {
      for (const response of this.#streams) if (!response.writableNeedDrain) response.write(comment);
    });
  }

  add(response: ServerResponse): void {
    this.#streams.add(response);
    response.once('close', () => this.#streams.delete(response));
  }

  /** Before the end of a stream: nothing may be written after it. */
  remove(response: ServerResponse): void {
    this.#streams.delete(response);
  }
}

/**
 * The response to one request: a JSON document or an event stream, whichever is asked for first.
 * A message is one line of JSON, so it is one `data:` line: no byte of it can end the event.
 */
export class HttpReply implements Reply {
  readonly #response: ServerResponse;
  readonly #keepAlive: KeepAlive;
  readonly #sessionId: string;
  #isClosed = false;

  constructor(response: ServerResponse, keepAlive: KeepAlive, sessionId: string) {
    this.#response = response;
    this.#keepAlive = keepAlive;
    this.#sessionId = sessionId;
    response.once('close', () => {
      this.#isClosed = true;
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isOpen(): boolean {
    return !this.#isClosed && !this.#response.writableEnded && !this.#response.destroyed;
  }

  json(message: Buffer): boolean {
    this.#response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': message.length,
      'Mcp-Session-Id': this.#sessionId,
    });
    this.#response.end(message);
    this.#cutStalled();
    return this.#response.writableLength <= patienceBytes;
  }

  openStream(): void {
    if (this.#response.headersSent) return;
    this.#response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      'X-Accel-Buffering': 'no',
      'Mcp-Session-Id': this.#sessionId,
    });
    this.#response.flushHeaders();
    this.#keepAlive.add(this.#response);
  }

  event(message: Buffer): boolean {
    this.openStream();
    const response = this.#response;
    if (message.length <= smallBytes) return response.write(Buffer.concat([eventHead, message, eventEnd]));
    // Not corked: since Node 22 a corked response that was full never says `drain`.
    response.write(eventHead);
    response.write(message);
    return response.write(eventEnd);
  }

  end(): void {
    this.#keepAlive.remove(this.#response);
    if (!this.isOpen) return;
    this.#response.end();
    this.#cutStalled();
  }

  /** The session may be over before its last answer is read: a client that never reads it is cut off. */
  #cutStalled(): void {
    if (this.#isClosed || this.#response.writableLength === 0) return;
    const cut = setTimeout(() => this.#response.destroy(), stalledMs).unref();
    this.#response.once('close', () => {
      clearTimeout(cut);
    });
  }

  destroy(): void {
    this.#response.destroy();
  }

  refuse(error: unknown, idText: string): void {
    sendError(this.#response, error, idText);
  }

  onDrain(resume: () => void): void {
    const once = (): void => {
      this.#response.off('drain', once);
      this.#response.off('close', once);
      resume();
    };
    this.#response.once('drain', once);
    this.#response.once('close', once);
  }

  onClose(closed: () => void): void {
    this.#response.once('close', closed);
  }
}
