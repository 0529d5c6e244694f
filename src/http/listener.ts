import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { maxDescriptors } from '../base/descriptors.ts';
import { errorTable } from '../base/error-table.ts';
import { BridgeError, codeOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ListenConfig } from '../config/config.ts';
import { errorMessage } from '../jsonrpc/error-message.ts';
import { applyCors } from './cors.ts';
import { lingerMs, refuse } from './error-response.ts';
import type { Gate } from './gate.ts';
import { McpRoute } from './mcp-route.ts';
import { OpenAnswers } from './open-answers.ts';
import type { SseRoute } from './sse-route.ts';

/** A client has this long for its headers, and for its whole request. */
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
const tooSlow = `Request too slow: wanted its headers within ${headersTimeoutMs / 1000} s and all of it within ${requestTimeoutMs / 1000} s`;
/** How often the two are checked. */
const checkMs = 2000;

/** Headers of one request: more than any client or proxy sends. */
const maxHeaders = 200;

/** Connections at once: each may hold a request body. */
const maxConnections = 10_000;
/** Of the file descriptors: the others are for servers, and for ending them. */
const connectionShare = 0.5;

interface Routes {
  readonly mcp: McpRoute;
  /** Undefined when the transport of 2024-11-05 is off. */
  readonly sse: SseRoute | undefined;
  /** Everything else. */
  readonly app: (request: IncomingMessage, response: ServerResponse) => void;
}

/**
 * The one listener: the gate first, then the MCP routes on the bare request, then everything else in Express.
 * (Express gives every request another prototype, which triples the cost of a call.)
 *
 * @param isDraining no connection is kept alive any more
 * @param answers counts the responses
 */
export function createListener(
  gate: Gate,
  routes: Routes,
  isDraining: () => boolean,
  answers: OpenAnswers = new OpenAnswers(),
): Server {
  const { mcp, sse, app } = routes;
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: checkMs,
      keepAlive: true,
      keepAliveInitialDelay: 15_000,
      insecureHTTPParser: false,
    },
    (request, response) => {
      response.on('error', ignore);
      // Pipelined: such a response is told nothing of its connection's end. No MCP client does this.
      if (!response.socket) {
        request.socket.destroy();
        return;
      }
      answers.add(response);
      try {
        refuseCrowd(request);
        gate.check(request);
      } catch (error) {
        refuse(request, response, error);
        return;
      }
      // Whoever comes back comes on a new connection, and so perhaps to our successor.
      if (isDraining()) response.setHeader('Connection', 'close');
      applyCors(request, response);
      const name = McpRoute.match(request.url ?? '');
      if (name !== undefined) mcp.handle(request, response, name);
      else if (!sse?.handle(request, response)) app(request, response);
    },
  );
  server.maxConnections = Math.min(maxConnections, Math.floor((maxDescriptors() ?? Infinity) * connectionShare));
  // What is beyond, Node leaves out without a word; the one more shows that there were too many.
  server.maxHeadersCount = maxHeaders + 1;
  server.on('clientError', refuseGarbage);
  // CONNECT and Upgrade have no business here.
  server.on('connect', (_request, socket) => socket.destroy());
  server.on('upgrade', (_request, socket) => socket.destroy());
  return server;
}

function ignore(): void {
  // A write that comes too late must not end the program.
}

/** @throws {BridgeError} `HEADERS_TOO_LARGE` when there are more headers than are looked at */
function refuseCrowd({ rawHeaders }: IncomingMessage): void {
  if (rawHeaders.length > 2 * maxHeaders) throw headersTooLarge();
}

/** Newer Nodes find too many headers by themselves: one answer for both. */
function headersTooLarge(): BridgeError {
  return new BridgeError('HEADERS_TOO_LARGE', `Headers too large: wanted at most ${maxHeaders} headers, 16 KiB in all`);
}

/**
 * Starts to listen.
 *
 * @returns the port, which is chosen by the system when the configured one is 0
 * @throws {BridgeError} `CONFIG_INVALID` when the address or port cannot be had
 */
export function startListening(server: Server, { host, port }: ListenConfig, log: Log): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    const refuseStart = (error: Error): void => {
      const why =
        codeOf(error) === 'EADDRINUSE' ? 'it is in use by another program' : (codeOf(error) ?? 'unknown error');
      reject(new BridgeError('CONFIG_INVALID', `Cannot listen on ${host} port ${port}: ${why}`));
    };
    server.once('error', refuseStart);
    server.listen({ host: host.replace(/^\[|\]$/g, ''), port }, () => {
      server.off('error', refuseStart);
      // Later ones (EMFILE on accept) concern one connection: the listener goes on.
      server.on('error', (error) => {
        log.error({ error: codeOf(error) }, 'a connection could not be taken');
      });
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

/** What is no HTTP, or came too slowly, is refused in words and cut. */
function refuseGarbage(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const refusal = garbageError(error.code);
  const { http } = errorTable[refusal.code];
  const body = errorMessage(refusal, 'null');
  const head = `HTTP/1.1 ${http} ${STATUS_CODES[http] ?? ''}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(head), body]));
  // A peer that never closes its half would keep the connection, and what was read of it.
  const cut = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => {
    clearTimeout(cut);
  });
}

function garbageError(code: string | undefined): BridgeError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new BridgeError('BODY_TOO_SLOW', tooSlow);
  if (code === 'HPE_HEADER_OVERFLOW') return headersTooLarge();
  return new BridgeError('BODY_MALFORMED', 'Malformed HTTP request');
}
