import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BridgeError } from '../base/errors.ts';
import type { Served } from '../legacy/registry.ts';
import { sessionUnknown } from '../legacy/session-end.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import { isRefusal, type Request } from '../jsonrpc/message.ts';
import { receive, refusalError } from './body.ts';
import { openOnCurrent, refuseDisabled, serverUnknown } from './current-server.ts';
import { refuse } from './error-response.ts';
import { checkAccept, checkContentType, streamOnly } from './headers.ts';
import { clientOf, type RouteContext } from './mcp-route.ts';
import { HttpConnection } from './sse.ts';
import { SseClient } from './sse-client.ts';

/** Streams without a session: each may still become one. */
const maxClients = 1000;

/**
 * `GET /NAME/sse` and `POST /NAME/messages`: the transport of 2024-11-05, for clients that know no newer one. One
 * stream carries everything that the server says, and the session lasts as long as it does.
 *
 * @see MCP 2024-11-05, Transports, "HTTP with SSE"
 */
export class SseRoute {
  readonly #around: RouteContext;
  readonly #clients = new Map<string, SseClient>();

  constructor(around: RouteContext) {
    this.#around = around;
  }

  /** @returns false when the path is not one of this transport */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const url = request.url ?? '';
    const [, name = '', leaf] = /^\/([^/?]+)\/(sse|messages)(?:\?.*)?$/.exec(url) ?? [];
    if (leaf === undefined) return false;
    const method = leaf === 'sse' ? 'GET' : 'POST';
    void this.#answer(request, response, `${method}, OPTIONS`, async () => {
      const server = this.#around.servers.get(name);
      if (!server) throw serverUnknown();
      if (request.method === 'OPTIONS') response.writeHead(204, { Allow: `${method}, OPTIONS` }).end();
      else if (request.method !== method)
        throw new BridgeError('METHOD_REFUSED', `Method not allowed: wanted ${method}`);
      else if (leaf === 'messages') await this.#receive(request, response, server);
      else this.#open(request, response, server);
    });
    return true;
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    allowed: string,
    act: () => Promise<void>,
  ): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof BridgeError)) this.#around.log.error({ err: error }, 'a request failed');
      const isMethod = error instanceof BridgeError && error.code === 'METHOD_REFUSED';
      refuse(request, response, error, 'null', isMethod ? { Allow: allowed } : {});
    }
  }

  #open(request: IncomingMessage, response: ServerResponse, server: Served): void {
    checkAccept(request, streamOnly);
    refuseDisabled(server);
    this.#around.admission.session();
    if (this.#clients.size >= maxClients) {
      throw new BridgeError('SESSION_LIMIT', `Cannot open a stream: there are ${maxClients} already`, {
        limit: maxClients,
      });
    }
    const id = randomBytes(16).toString('base64url');
    const stream = new HttpConnection(response, this.#around.keepAlive, undefined);
    this.#clients.set(id, new SseClient(server.config.name, stream));
    stream.onClose(() => {
      this.#clients.get(id)?.vanish();
      this.#clients.delete(id);
    });
    stream.openStream();
    response.write(`event: endpoint\ndata: /${server.config.name}/messages?sessionId=${id}\n\n`);
  }

  async #receive(request: IncomingMessage, response: ServerResponse, server: Served): Promise<void> {
    const client = this.#client(request, server);
    checkContentType(request);
    const { message, bytes } = await receive(request, this.#around.maxBodyBytes);
    if (isRefusal(message)) throw refusalError(message);
    if (message.kind === 'batch') {
      throw new BridgeError('MESSAGE_INVALID', 'Invalid message: got an array, wanted a single message');
    }
    const { admission } = this.#around;
    if (message.kind === 'request') admission.calls(1);
    if (message.kind === 'request' && message.method === 'initialize') {
      admission.session();
      client.claim();
      response.writeHead(202).end();
      await this.#begin(client, server, message, bytes, clientOf(request));
      return;
    }
    const { session } = client;
    if (message.kind === 'request')
      client.ask((connection) => {
        session.request(message, bytes, session.replyOn(connection));
      });
    else session.accept(message, bytes);
    response.writeHead(202).end();
  }

  /** The POST is answered already: what goes wrong is said on the stream. */
  async #begin(client: SseClient, server: Served, message: Request, bytes: Bytes, address: string): Promise<void> {
    const connection = client.connection();
    try {
      const { servers, sessions } = this.#around;
      const session = await openOnCurrent(servers, server, (current) =>
        sessions.open(current, message, bytes, (opened) => opened.replyOn(connection), client.signal, address),
      );
      client.session = session;
      // The stream ends with the session, which may have ended already.
      const last = client.connection('last');
      if (session.state === 'closed') last.end();
      else session.listen(last, undefined);
    } catch (error) {
      client.release();
      connection.refuse(error, message.idText);
    }
  }

  #client(request: IncomingMessage, server: Served): SseClient {
    const id = /[?&]sessionId=([\w-]+)(?:&|$)/.exec(request.url ?? '')?.[1];
    if (id === undefined) {
      throw new BridgeError(
        'SESSION_REQUIRED',
        'sessionId required: open the stream and use the endpoint that it names',
      );
    }
    const client = this.#clients.get(id);
    if (client?.server !== server.config.name) throw sessionUnknown();
    return client;
  }
}
