import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Connection } from '../relay/reply.ts';
import { sendError } from './error-response.ts';

const commentMs = 15_000;
const comment = ': keep-alive\n\n';
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

  /** The connections of all open event streams. */
  *sockets(): Iterable<Socket> {
    for (const { socket } of this.#streams) if (socket) yield socket;
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
export class HttpConnection implements Connection {
  readonly #response: ServerResponse;
  readonly #keepAlive: KeepAlive;
  readonly #headers: Readonly<Record<string, string>>;
  /** Who waits for the client to catch up: one for each request that shares the response. */
  readonly #waiting: (() => void)[] = [];
  #isClosed = false;

  /** @param sessionId undefined where the transport has another way to tell it */
  constructor(response: ServerResponse, keepAlive: KeepAlive, sessionId: string | undefined) {
    this.#response = response;
    this.#keepAlive = keepAlive;
    this.#headers = sessionId === undefined ? {} : { 'Mcp-Session-Id': sessionId };
    response.once('close', () => {
      this.#isClosed = true;
      this.#resumeAll();
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isOpen(): boolean {
    return !this.#isClosed && !this.#response.writableEnded && !this.#response.destroyed;
  }

  json(message: Bytes): boolean {
    this.#response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': message.length,
      ...this.#headers,
    });
    const last = message.parts.length - 1;
    message.parts.forEach((part, i) => {
      if (i < last) this.#response.write(part);
      else this.#response.end(part);
    });
    this.#cutStalled();
    return this.#response.writableLength <= patienceBytes;
  }

  openStream(): void {
    if (this.#response.headersSent) return;
    this.#response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      'X-Accel-Buffering': 'no',
      ...this.#headers,
    });
    this.#response.flushHeaders();
    this.#keepAlive.add(this.#response);
  }

  event(message: Bytes, id: string): boolean {
    this.openStream();
    const response = this.#response;
    const head = Buffer.from(`${id === '' ? '' : `id: ${id}\n`}event: message\ndata: `);
    const pieces = [head, ...message.parts, eventEnd];
    if (message.length <= smallBytes) return response.write(Buffer.concat(pieces));
    // Not corked: since Node 22 a corked response that was full never says `drain`.
    return pieces.reduce((_isFast, piece) => response.write(piece), true);
  }

  prime(id: string, retryMs: number): boolean {
    this.openStream();
    return this.#response.write(`id: ${id}\nretry: ${retryMs}\ndata: \n\n`);
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
    if (this.#waiting.push(resume) > 1) return;
    this.#response.once('drain', () => {
      this.#resumeAll();
    });
  }

  onClose(closed: () => void): void {
    this.#response.once('close', closed);
  }

  #resumeAll(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
