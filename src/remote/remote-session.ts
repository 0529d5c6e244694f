import type { IncomingMessage } from 'node:http';
import type { Clock } from '../base/clock.ts';
import type { Redactor } from '../base/redact.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import { isEcho } from './headers.ts';
import { rejection } from './rejection.ts';
import { garbled, RemoteError, sessionLost } from './remote-error.ts';
import type { RemoteHttp } from './remote-http.ts';

const maxIdChars = 2048;
const maxRevisionChars = 32;
/** How long the remote server has to take the news that a session is over. */
const endMs = 2000;

/**
 * What all requests of one session at a remote server have in common: its id, its revision, and what their answers can
 * say of it.
 *
 * @see MCP 2025-11-25, Transports, "Session Management"
 */
export class RemoteSession {
  readonly #http: RemoteHttp;
  readonly #redactor: Redactor;
  readonly #clock: Clock;
  #id: string | undefined;
  /** What the two ends agreed on; undefined until they have. */
  #revision: string | undefined;

  constructor(http: RemoteHttp, redactor: Redactor, clock: Clock) {
    this.#http = http;
    this.#redactor = redactor;
    this.#clock = clock;
  }

  /** `initialize` was answered. */
  open(revision: string | undefined): void {
    this.#revision = revision;
  }

  /**
   * Sends one message.
   *
   * @param onSent the message has left
   * @returns the response with a status of success, as soon as its headers are there
   * @throws {RemoteError} `SESSION_UNKNOWN` when the server has ended the session, and what `RemoteHttp.send` throws
   */
  async post(body: Bytes, signal: AbortSignal, onSent: () => void): Promise<IncomingMessage> {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...this.#common(),
    };
    const response = await this.#accept(this.#http.send({ method: 'POST', headers, body, signal, onSent }));
    if (this.#revision === undefined) this.#learn(response);
    return response;
  }

  /**
   * Asks for what the server says by itself, or for the rest of a stream.
   *
   * @throws {RemoteError} as `post`
   */
  listen(lastEventId: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = {
      accept: 'text/event-stream',
      ...this.#common(),
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
    return this.#accept(this.#http.send({ method: 'GET', headers, signal }));
  }

  /** Tells the server that the session is over. Resolves when it knows, or does not want to; never rejects. */
  async end(): Promise<void> {
    if (this.#id === undefined) return;
    const limit = new AbortController();
    const cancel = this.#clock.after(endMs, () => {
      limit.abort();
    });
    try {
      const headers = this.#common();
      const response = await this.#http.send({ method: 'DELETE', headers, signal: limit.signal });
      response.destroy();
    } catch {
      // It ends there when nobody uses it for a while.
    } finally {
      cancel();
    }
  }

  #common(): Record<string, string> {
    const [id, revision] = [this.#id, this.#revision];
    return {
      ...(id === undefined ? {} : { 'mcp-session-id': id }),
      ...(revision !== undefined && isEcho(revision, maxRevisionChars) ? { 'mcp-protocol-version': revision } : {}),
    };
  }

  async #accept(sent: Promise<IncomingMessage>): Promise<IncomingMessage> {
    const hadSession = this.#id !== undefined;
    const response = await sent;
    const { statusCode = 0, headers } = response;
    if (statusCode < 200 || statusCode > 299) {
      const error = await rejection(response, this.#redactor, this.#clock);
      throw statusCode === 404 && hadSession ? sessionLost() : error;
    }
    const encoding = headers['content-encoding'];
    if (encoding === undefined || encoding === 'identity') return response;
    response.destroy();
    throw garbled('it is compressed, although that was not asked for');
  }

  #learn(response: IncomingMessage): void {
    const id = response.headers['mcp-session-id'];
    if (id === undefined || this.#id !== undefined) return;
    if (typeof id === 'string' && isEcho(id, maxIdChars)) this.#id = id;
    else {
      response.destroy();
      throw garbled('its Mcp-Session-Id cannot be sent back');
    }
  }
}

/** Whether an error says that the session is over at the other end. */
export function isLost(error: unknown): boolean {
  return error instanceof RemoteError && error.code === 'SESSION_UNKNOWN';
}
