import type { IncomingMessage, ServerResponse } from 'node:http';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { allServers } from '../config/config.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import { isRefusal, type Batch, type Envelope, type Request } from '../jsonrpc/message.ts';
import { readBatch, type Incoming } from '../legacy/batch.ts';
import type { SessionRegistry } from '../legacy/registry.ts';
import type { Session } from '../legacy/session.ts';
import { refuseUnclaimed } from '../modern/headers.ts';
import { isClaimed } from '../modern/incoming.ts';
import type { ModernServers } from '../modern/modern-servers.ts';
import type { ModernServed } from '../modern/served.ts';
import type { Reply } from '../relay/reply.ts';
import type { Admission } from './admission.ts';
import { onReceived, refusalError, type Received } from './body.ts';
import { openOnCurrent, serverUnknown, type Servers } from './current-server.ts';
import { refuse } from './error-response.ts';
import {
  checkAccept,
  checkContentType,
  checkVersion,
  hasModernHeader,
  jsonOrStream,
  lastEventIdOf,
  sessionIdOf,
  streamOnly,
} from './headers.ts';
import { takeModern } from './modern-door.ts';
import { HttpConnection, type KeepAlive } from './sse.ts';

export interface RouteContext {
  readonly servers: Servers;
  readonly sessions: SessionRegistry;
  readonly keepAlive: KeepAlive;
  readonly admission: Admission;
  /** Read anew for each request. */
  readonly maxBodyBytes: number;
  readonly log: Log;
}

/** What serves requests with and without sessions. */
export interface McpContext extends RouteContext {
  readonly servers: Servers<ModernServed>;
  readonly modern: ModernServers;
}

const mcpPath = /^\/(?:([^/?]+)\/)?mcp\/?(?:\?|$)/;
const allowed = 'GET, POST, DELETE, OPTIONS';

/**
 * `POST`, `GET` and `DELETE` of `/NAME/mcp`, and of `/mcp` for all servers. A request that says of itself which revision
 * it is of needs no session; all others are of the legacy wire, revisions 2024-11-05 to 2025-11-25.
 *
 * @see MCP 2025-11-25, Transports, "Streamable HTTP"; MCP 2026-07-28, Streamable HTTP, "Backward Compatibility"
 */
export class McpRoute {
  readonly #around: McpContext;

  constructor(around: McpContext) {
    this.#around = around;
  }

  /** @returns the server's name when a path is an MCP route; whether there is such a server is another question */
  static match(url: string): string | undefined {
    const found = mcpPath.exec(url);
    return found ? (found[1] ?? allServers) : undefined;
  }

  /** Answers one request. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse, name: string): void {
    try {
      const server = this.#around.servers.get(name);
      if (!server) throw serverUnknown();
      const method = request.method ?? '';
      if (method === 'POST') this.#post(request, response, server);
      else if (method === 'GET') this.#get(request, response, server);
      else if (method === 'DELETE') this.#delete(request, response, server);
      else if (method === 'OPTIONS') response.writeHead(204, { Allow: allowed }).end();
      else throw new BridgeError('METHOD_REFUSED', `Method not allowed: wanted one of ${allowed}`);
    } catch (error) {
      this.#refuse(request, response, error);
    }
  }

  #post(request: IncomingMessage, response: ServerResponse, server: ModernServed): void {
    checkContentType(request);
    checkAccept(request, jsonOrStream);
    onReceived(request, this.#around.maxBodyBytes, (received) => {
      if (received instanceof BridgeError) this.#refuse(request, response, received);
      else this.#take(request, response, server, received);
    });
  }

  #take(request: IncomingMessage, response: ServerResponse, server: ModernServed, { message, bytes }: Received): void {
    const refuse = (error: unknown): void => {
      this.#refuse(request, response, error, 'idText' in message ? message.idText : 'null');
    };
    try {
      if (isRefusal(message)) throw refusalError(message);
      if (isClaimed(message)) {
        const post = { request, response, message, bytes, address: clientOf(request) };
        takeModern(post, server, this.#around).catch(refuse);
      } else if (sessionIdOf(request) === undefined) {
        this.#begin(request, response, server, message, bytes).catch(refuse);
      } else {
        this.#send(this.#session(request, server), response, message, bytes);
      }
    } catch (error) {
      refuse(error);
    }
  }

  /** Without a session, only `initialize` has a meaning; and what is of a revision that knows no sessions. */
  async #begin(
    request: IncomingMessage,
    response: ServerResponse,
    server: ModernServed,
    message: Envelope | Batch,
    bytes: Bytes,
  ): Promise<void> {
    if (message.kind === 'request' && message.method === 'initialize') {
      await this.#open(response, server, message, bytes);
      return;
    }
    if (message.kind === 'request') refuseUnclaimed(request);
    // That revision has none that a server would have to hear.
    if (message.kind === 'notification' && hasModernHeader(request)) response.writeHead(202).end();
    else this.#session(request, server);
  }

  #send(session: Session, response: ServerResponse, message: Envelope | Batch, bytes: Bytes): void {
    const { admission, keepAlive } = this.#around;
    const connection = new HttpConnection(response, keepAlive, session.id);
    if (message.kind === 'request') {
      admission.calls(1);
      session.request(message, bytes, session.replyOn(connection));
      return;
    }
    if (message.kind !== 'batch') session.accept(message, bytes);
    else if (session.batch(this.#batch(message), connection)) return;
    response.writeHead(202).end();
  }

  #batch(message: Batch): Incoming[] {
    const messages = readBatch(message);
    const requests = messages.filter(({ envelope }) => envelope.kind === 'request').length;
    if (requests > 0) this.#around.admission.calls(requests);
    return messages;
  }

  #get(request: IncomingMessage, response: ServerResponse, server: ModernServed): void {
    checkAccept(request, streamOnly);
    const session = this.#session(request, server);
    session.listen(new HttpConnection(response, this.#around.keepAlive, session.id), lastEventIdOf(request));
  }

  #delete(request: IncomingMessage, response: ServerResponse, server: ModernServed): void {
    this.#session(request, server).close('deleted');
    response.writeHead(200).end();
  }

  async #open(response: ServerResponse, server: ModernServed, message: Request, bytes: Bytes): Promise<void> {
    const { servers, sessions, keepAlive, admission } = this.#around;
    admission.session();
    admission.calls(1);
    const vanished = new AbortController();
    response.once('close', () => {
      if (response.writableFinished) return;
      vanished.abort(new BridgeError('SESSION_UNKNOWN', 'The client closed the connection'));
    });
    const makeReply = (session: Session): Reply => session.replyOn(new HttpConnection(response, keepAlive, session.id));
    await openOnCurrent(servers, server, (current) =>
      sessions.open(current, message, bytes, makeReply, vanished.signal, clientOf(response.req)),
    );
  }

  /** The session that a request names. 404 for any it does not have a right to, 400 for none. */
  #session(request: IncomingMessage, { config }: ModernServed): Session {
    const id = sessionIdOf(request);
    if (id === undefined) {
      throw new BridgeError('SESSION_REQUIRED', 'Mcp-Session-Id header required: begin with "initialize"');
    }
    const session = this.#around.sessions.find(id, config.name);
    checkVersion(request);
    return session;
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown, idText?: string): void {
    if (!(error instanceof BridgeError)) this.#around.log.error({ err: error }, 'a request failed');
    const isRefusedMethod = error instanceof BridgeError && error.code === 'METHOD_REFUSED';
    refuse(request, response, error, idText, isRefusedMethod ? { Allow: allowed } : {});
  }
}

/** Who asks, as far as fair turns go: the other end of the connection. */
export function clientOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? '';
}
