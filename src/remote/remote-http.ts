import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../base/clock.ts';
import { version } from '../base/version.ts';
import type { HeaderEntry } from '../config/config.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import { garbled, RemoteError, unreachable } from './remote-error.ts';

/** One request. */
export interface Sending {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** In small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Bytes;
  readonly signal: AbortSignal;
  /** The body has left. */
  readonly onSent?: () => void;
}

/** How long a connection may take to come about, with TLS. */
const connectMs = 10_000;
/** A connection that nobody uses is closed by us before most servers would do so, perhaps just when it is used again. */
const idleMs = 4000;
/** A peer that is gone without a word is noticed after this long and a few times more of the system's own. */
const keepAliveMs = 30_000;
const maxRedirects = 3;

/**
 * The way to one remote server: connections that are kept, the same headers for all, and never another place than the
 * one that the configuration names.
 */
export class RemoteHttp {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: HttpAgent;
  readonly #clock: Clock;

  constructor(url: URL, headers: readonly HeaderEntry[], clock: Clock) {
    this.#url = url;
    const own = headers.map(({ name, value }) => [name.toLowerCase(), value] as const);
    this.#headers = { 'user-agent': `gangway/${version()}`, ...Object.fromEntries(own) };
    const options = { keepAlive: true, keepAliveInitialDelay: keepAliveMs, timeout: idleMs };
    this.#agent = url.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
    this.#clock = clock;
  }

  /**
   * Sends a request, and follows redirects that lead to the same server.
   *
   * @returns the response as soon as its headers are there, whatever its status
   * @throws {RemoteError} `REMOTE_UNREACHABLE`, `REMOTE_REFUSED` for another redirect, `OVERLOADED`, `UPSTREAM_GARBLED`;
   *   whatever it is when `signal` aborts, nobody is to learn of it
   */
  async send(sending: Sending): Promise<IncomingMessage> {
    let url = this.#url;
    for (let redirects = 0; ; redirects += 1) {
      const response = await this.#exchange(url, sending);
      // It is read, or destroyed: an error in between is nobody's.
      response.on('error', () => undefined);
      const next = nextUrl(response, url);
      if (next === undefined) return response;
      response.destroy();
      if (redirects >= maxRedirects) throw redirected(`more than ${maxRedirects} times`);
      url = next;
    }
  }

  #exchange(url: URL, { method, headers, body, signal, onSent }: Sending): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const isSecure = url.protocol === 'https:';
      const request = (isSecure ? httpsRequest : httpRequest)(url, {
        ...{ method, agent: this.#agent },
        // What the protocol needs goes over what the configuration says.
        headers: { ...this.#headers, ...headers, ...(body ? { 'content-length': String(body.length) } : {}) },
      });
      const connection = this.#watchConnection(request, isSecure ? 'secureConnect' : 'connect');
      request.once('response', (response) => {
        connection.cancel();
        resolve(response);
      });
      request.on('error', (error) => {
        connection.cancel();
        reject(unreachable(connection.isLate() ? { code: 'ETIMEDOUT' } : error, connection.isThere()));
      });
      // Where nobody listens to this, the request ends without an error.
      request.once('upgrade', ({ statusCode: code = 101 }, socket) => {
        connection.cancel();
        socket.destroy();
        reject(garbled(`it switches to another protocol (HTTP ${code})`, { status: code }));
      });
      if (onSent) request.once('finish', onSent);
      endWith(request, signal);
      for (const part of body?.parts ?? []) request.write(part);
      request.end();
    });
  }

  #watchConnection(
    request: ClientRequest,
    event: string,
  ): { readonly cancel: () => void; readonly isThere: () => boolean; readonly isLate: () => boolean } {
    let isThere = false;
    let isLate = false;
    const cancel = this.#clock.after(connectMs, () => {
      isLate = true;
      request.destroy();
    });
    const onThere = (): void => {
      isThere = true;
      cancel();
    };
    request.once('socket', (socket) => {
      if (request.reusedSocket) onThere();
      else socket.once(event, onThere);
    });
    return { cancel, isThere: () => isThere, isLate: () => isLate };
  }
}

/**
 * Node's own `signal` destroys a request with an error, which a connection that is just given back to its agent throws
 * at nobody: it would end the program.
 */
function endWith(request: ClientRequest, signal: AbortSignal): void {
  const end = (): void => {
    request.destroy();
  };
  signal.addEventListener('abort', end);
  request.once('close', () => {
    signal.removeEventListener('abort', end);
  });
  if (signal.aborted) end();
}

/** Where a redirect leads; undefined when the response is none. @throws {RemoteError} `REMOTE_REFUSED` */
function nextUrl(response: IncomingMessage, from: URL): URL | undefined {
  const { statusCode = 0, headers } = response;
  if (statusCode < 300 || statusCode > 399) return undefined;
  const isSameRequest = [301, 302, 307, 308].includes(statusCode);
  const to = headers.location === undefined ? undefined : parsed(headers.location, from);
  response.destroy();
  if (!to) throw garbled(`it redirects to nowhere (HTTP ${statusCode})`, { status: statusCode });
  // With the headers of the configuration, secrets would leave for another place.
  if (!isSameRequest || to.origin !== from.origin) throw redirected('to another place', statusCode);
  return to;
}

function parsed(location: string, from: URL): URL | undefined {
  return URL.canParse(location, from.href) ? new URL(location, from) : undefined;
}

function redirected(how: string, status?: number): RemoteError {
  const sentence = `Cannot use the remote server: it redirects ${how}; wanted its own address in "url"`;
  return new RemoteError('REMOTE_REFUSED', sentence, true, status === undefined ? {} : { status });
}
