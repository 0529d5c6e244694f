import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
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
/** So much of an event stream is gathered at the most. */
const gatheredBytes = 16 * 1024;
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
  readonly #sessionId: string | undefined;
  /** Who waits for the client to catch up: one for each request that shares the response. */
  readonly #waiting: (() => void)[] = [];
  /** What leaves at the end of this turn; undefined when nothing does. */
  #gathered: string | undefined;

  /** @param sessionId undefined where the transport has another way to tell it */
  constructor(response: ServerResponse, keepAlive: KeepAlive, sessionId: string | undefined) {
    this.#response = response;
    this.#keepAlive = keepAlive;
    this.#sessionId = sessionId;
  }

  get isClosed(): boolean {
    return this.#response.closed;
  }

  get isOpen(): boolean {
    const { closed, writableEnded, destroyed } = this.#response;
    return !closed && !writableEnded && !destroyed;
  }

  json(message: Bytes, status = 200): boolean {
    const response = this.#response;
    response.writeHead(status, this.#headers({ 'Content-Type': 'application/json', 'Content-Length': message.length }));
    const [first = nothing] = message.parts;
    if (message.length <= smallBytes && message.parts.length === 1) {
      // A text leaves together with the headers; in Latin-1 its bytes are what they were. And it leaves as one write now:
      // `end` would have two, one of them empty, which Node copies to memory that it asks for each time.
      response.write(first.toString('latin1'), 'latin1');
      response.socket?.uncork();
      response.end();
    } else {
      for (const part of message.kept().parts) response.write(part);
      response.end();
    }
    if (response.writableLength === 0) return true;
    cutStalled(response);
    return response.writableLength <= patienceBytes;
  }

  openStream(): void {
    if (this.#response.headersSent) return;
    this.#response.writeHead(
      200,
      this.#headers({
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-cache, no-transform',
        'X-Accel-Buffering': 'no',
      }),
    );
    this.#gather('');
    this.#keepAlive.add(this.#response);
  }

  event(message: Bytes, id: string): boolean {
    this.openStream();
    const head = `${id === '' ? '' : `id: ${id}\n`}event: message\ndata: `;
    const [first = nothing] = message.parts;
    if (message.length <= smallBytes && message.parts.length === 1) {
      return this.#gather(`${head}${first.toString('latin1')}\n\n`);
    }
    this.#flush();
    const { parts } = message.kept();
    // Not corked: since Node 22 a corked response that was full never says `drain`.
    return [Buffer.from(head), ...parts, eventEnd].reduce((_isFast, piece) => this.#response.write(piece), true);
  }

  prime(id: string, retryMs: number): boolean {
    this.openStream();
    return this.#gather(`id: ${id}\nretry: ${retryMs}\ndata: \n\n`);
  }

  end(): void {
    this.#keepAlive.remove(this.#response);
    this.#flush();
    if (!this.isOpen) return;
    this.#response.end();
    cutStalled(this.#response);
  }

  /**
   * What is said in one turn leaves together, with the headers when they have not left yet: each write of a stream is
   * four pieces for Node. In Latin-1 its bytes are what they were.
   *
   * @returns false when the client has to catch up
   */
  #gather(text: string): boolean {
    if (this.#gathered === undefined) {
      this.#gathered = '';
      process.nextTick(() => {
        this.#flush();
      });
    }
    this.#gathered += text;
    if (this.#gathered.length >= gatheredBytes) this.#flush();
    return !this.#response.writableNeedDrain;
  }

  #flush(): void {
    const text = this.#gathered;
    this.#gathered = undefined;
    if (text === undefined || !this.isOpen) return;
    // A stream that has just opened, with nothing in it.
    if (text === '') this.#response.flushHeaders();
    else this.#response.write(text, 'latin1');
  }

  destroy(): void {
    this.#response.destroy();
  }

  refuse(error: unknown, idText: string): void {
    sendError(this.#response, error, idText);
  }

  onDrain(resume: () => void): void {
    if (this.#waiting.push(resume) > 1) return;
    const resumeAll = (): void => {
      this.#response.off('drain', resumeAll).off('close', resumeAll);
      for (const waiting of this.#waiting.splice(0)) waiting();
    };
    this.#response.on('drain', resumeAll).on('close', resumeAll);
  }

  onClose(closed: () => void): void {
    this.#response.once('close', closed);
  }

  #headers(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
    if (this.#sessionId !== undefined) headers['Mcp-Session-Id'] = this.#sessionId;
    return headers;
  }
}

/** Whoever made an answer may be gone before it is read: a client that never reads it is cut off. */
export function cutStalled(response: ServerResponse): void {
  if (response.closed || response.writableLength === 0) return;
  const cut = setTimeout(() => response.destroy(), stalledMs).unref();
  response.once('close', () => {
    clearTimeout(cut);
  });
}

const nothing = Buffer.alloc(0);
