import type { IncomingMessage, ServerResponse } from 'node:http';
import { Router } from 'express';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { memberTexts, objectText, RawJson } from '../jsonrpc/raw-json.ts';
import type { Served } from '../legacy/registry.ts';
import type { Result } from '../relay/result.ts';
import { openApiDocument } from '../rest/openapi.ts';
import type { Arguments, Caller, RestServer } from '../rest/rest-server.ts';
import type { RestServers } from '../rest/rest-servers.ts';
import type { ToolList } from '../rest/tool-list.ts';
import { isForeign } from './admin-guard.ts';
import type { Admission } from './admission.ts';
import { openOnCurrent, serverUnknown, type Servers } from './current-server.ts';
import { refuseWith } from './error-response.ts';
import { checkAccept, jsonOnly } from './headers.ts';
import { receiveJson } from './json-body.ts';
import { clientOf } from './mcp-route.ts';
import { sendProblem, type ProblemParts } from './problem.ts';
import { cutStalled } from './sse.ts';

interface RestContext {
  readonly servers: Servers;
  readonly rest: RestServers;
  readonly admission: Admission;
  /** Read anew for each request. */
  readonly maxBodyBytes: number;
  readonly log: Log;
}

/** One request that belongs to plain REST. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly server: Served;
  /** The last part of the path, where it is a name. */
  readonly tool: string;
}

interface Route {
  readonly path: RegExp;
  readonly methods: readonly string[];
  readonly act: (exchange: Exchange) => Promise<void>;
}

/**
 * Tools for clients that speak no MCP: `GET /NAME/tools`, `POST /NAME/call`, `POST /NAME/tools/TOOL` and
 * `GET /NAME/openapi.json`. Errors are problem details.
 *
 * @see RFC 9457
 */
export function restRouter(around: RestContext): Router {
  const routes = new RestRoutes(around);
  const router = Router();
  router.use((request, response, next) => {
    if (!routes.handle(request, response)) next();
  });
  return router;
}

class RestRoutes {
  readonly #around: RestContext;
  /** Texts that were made of a list of tools. */
  readonly #toolTexts = new WeakMap<ToolList, string>();
  readonly #documents = new WeakMap<ToolList, string>();
  readonly #routes: readonly Route[] = [
    { path: /^\/([^/?]+)\/tools\/?(?:\?|$)/, methods: ['GET', 'HEAD'], act: (exchange) => this.#list(exchange) },
    {
      path: /^\/([^/?]+)\/openapi\.json(?:\?|$)/,
      methods: ['GET', 'HEAD'],
      act: (exchange) => this.#document(exchange),
    },
    { path: /^\/([^/?]+)\/tools\/([^/?]+)(?:\?|$)/, methods: ['POST'], act: (exchange) => this.#callTool(exchange) },
    { path: /^\/([^/?]+)\/call\/?(?:\?|$)/, methods: ['POST'], act: (exchange) => this.#call(exchange) },
  ];

  constructor(around: RestContext) {
    this.#around = around;
  }

  /** @returns false when the path is none of plain REST */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    for (const route of this.#routes) {
      const [found, name = '', tool = ''] = route.path.exec(request.url ?? '') ?? [];
      if (found === undefined) continue;
      void this.#answer(request, response, route, name, tool);
      return true;
    }
    return false;
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    { methods, act }: Route,
    name: string,
    tool: string,
  ): Promise<void> {
    const allow = { Allow: [...methods, 'OPTIONS'].join(', ') };
    try {
      const server = this.#around.servers.get(name);
      if (!server) throw serverUnknown();
      if (request.method === 'OPTIONS') {
        response.writeHead(204, allow).end();
        return;
      }
      if (!methods.includes(request.method ?? '')) {
        throw new BridgeError('METHOD_REFUSED', `Method not allowed: wanted ${methods.join(' or ')}`);
      }
      refuseForeignPage(request);
      if (request.headers.accept !== undefined) checkAccept(request, jsonOnly);
      await act({ request, response, server, tool: decoded(tool) });
    } catch (error) {
      const isMethod = error instanceof BridgeError && error.code === 'METHOD_REFUSED';
      this.#refuse(request, response, error, isMethod ? { headers: allow } : {});
    }
  }

  async #list(exchange: Exchange): Promise<void> {
    const list = await this.#tools(exchange);
    sendJson(
      exchange.response,
      textOf(list, this.#toolTexts, () => toolsText(list)),
    );
  }

  async #document(exchange: Exchange): Promise<void> {
    const list = await this.#tools(exchange);
    const { name } = exchange.server.config;
    const text = textOf(list, this.#documents, () => JSON.stringify(openApiDocument(name, list)));
    sendJson(exchange.response, text);
  }

  /** What is known costs nothing, so nobody is refused it. */
  async #tools(exchange: Exchange): Promise<ToolList> {
    const { server } = exchange;
    const known = server.config.disabled ? undefined : this.#around.rest.known(server);
    return known ?? this.#run(exchange, (current, caller) => current.tools(caller));
  }

  async #callTool(exchange: Exchange): Promise<void> {
    const { request, response, tool } = exchange;
    const args = await receiveJson(request, this.#around.maxBodyBytes);
    const { text, members } = await this.#callOn(exchange, tool, args);
    if (members.get('isError') !== 'true') {
      sendJson(response, text);
      return;
    }
    const error = new BridgeError('TOOL_FAILED', 'The tool failed: "result" has what it said');
    this.#refuse(request, response, error, { members: { result: new RawJson(text) } });
  }

  /** The form of Ray Serve's tutorial: a tool that failed is a result like any other. */
  async #call(exchange: Exchange): Promise<void> {
    const body = await receiveJson(exchange.request, this.#around.maxBodyBytes);
    const { name, args } = readCall(body);
    const result = await this.#callOn(exchange, name, args);
    sendJson(exchange.response, objectText({ result: new RawJson(withIsError(result)) }));
  }

  #callOn(exchange: Exchange, tool: string, args: Arguments): Promise<Result> {
    return this.#run(exchange, (server, caller) => server.call(tool, args, caller));
  }

  /** Does something for a client for as long as it is there. */
  async #run<T>(
    { request, response, server }: Exchange,
    work: (server: RestServer, caller: Caller) => Promise<T>,
  ): Promise<T> {
    const { servers, rest, admission } = this.#around;
    const vanished = new AbortController();
    const vanish = (): void => {
      vanished.abort(new BridgeError('SESSION_UNKNOWN', 'The client closed the connection'));
    };
    if (response.closed) vanish();
    response.once('close', vanish);
    try {
      return await openOnCurrent(servers, server, (current) => {
        // What it may start counts as a session does.
        if (current.config.sharing === 'session') admission.session();
        admission.calls(1);
        return rest.run(current, clientOf(request), vanished, work);
      });
    } finally {
      response.off('close', vanish);
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown, parts: ProblemParts): void {
    if (!(error instanceof BridgeError)) this.#around.log.error({ err: error }, 'a request failed');
    const [path = ''] = (request.url ?? '').split('?', 1);
    refuseWith(request, response, () => {
      sendProblem(response, error, path, parts);
    });
  }
}

/**
 * A page need not be allowed to read an answer to ask for it, with an image for one: the gate sees no Origin then, and a
 * container might start.
 *
 * @throws {BridgeError} `ORIGIN_REFUSED`
 */
function refuseForeignPage({ headers }: IncomingMessage): void {
  if (headers.origin !== undefined || !isForeign(headers['sec-fetch-site'])) return;
  throw new BridgeError('ORIGIN_REFUSED', 'Origin not allowed: a web page of another site asks');
}

/** @throws {BridgeError} `TOOL_UNKNOWN` for what is no name at all */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new BridgeError('TOOL_UNKNOWN', 'Tool not found: its name is no percent-encoded UTF-8');
  }
}

/** @throws {BridgeError} `ARGUMENTS_INVALID` */
function readCall({ text, value }: Arguments): { readonly name: string; readonly args: Arguments } {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const { tool_name: name, tool_args: args } = (isObject ? value : {}) as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string') throw missing('tool_name', 'a text');
  if (args === undefined) throw missing('tool_args', 'an object');
  return { name, args: { text: memberTexts(text).get('tool_args') ?? '', value: args, place: '/tool_args' } };
}

function missing(member: string, wanted: string): BridgeError {
  const pointer = `/${member}`;
  return new BridgeError('ARGUMENTS_INVALID', `Invalid body: "${pointer}" is missing, wanted ${wanted}`, { pointer });
}

/** The members that the tutorial shows, and all of MCP's. */
function toolsText({ tools }: ToolList): string {
  return JSON.stringify({
    tools: tools.map(({ definition, description, inputSchema }) => ({
      ...definition,
      ...{ description, input_schema: inputSchema, inputSchema },
    })),
  });
}

/** Where a server leaves it out, it says no. */
function withIsError({ text, members }: Result): string {
  if (members.has('isError')) return text;
  const others = [...members].map(([name, raw]) => [name, new RawJson(raw)] as const);
  return objectText({ ...Object.fromEntries(others), isError: false });
}

function textOf(list: ToolList, known: WeakMap<ToolList, string>, make: () => string): string {
  const text = known.get(list) ?? make();
  known.set(list, text);
  return text;
}

function sendJson(response: ServerResponse, text: string): void {
  if (response.headersSent || response.destroyed) return;
  const body = Buffer.from(text);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  response.end(body);
  cutStalled(response);
}
