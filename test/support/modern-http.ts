import { openStream, type EventStream } from './event-stream.ts';
import type { Message } from './mcp-client.ts';

/** What a test says of its client, or beside `method` and `params`. */
export interface ModernOptions {
  readonly capabilities?: object;
  readonly clientInfo?: object;
  readonly logLevel?: string;
  /** In place of the one that the method wants. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly progressToken?: string | number;
}

/** The answer to one POST: of a stream, its last message, and what came before. */
export interface ModernAnswer {
  readonly status: number;
  readonly message: Message | undefined;
  readonly before: readonly Message[];
}

const prefix = 'io.modelcontextprotocol/';
/** What `Mcp-Name` repeats, by method. */
const named: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

/** A client of 2026-07-28: no session, one POST for each request, written by hand. */
export class ModernClient {
  readonly #url: string;
  readonly #options: ModernOptions;
  #lastId = 0;

  /** @param path of the server: `NAME/mcp`, or `mcp` for all */
  constructor(bridge: string, path: string, options: ModernOptions = {}) {
    this.#url = `${bridge}/${path}`;
    this.#options = options;
  }

  async ask(method: string, params: Record<string, unknown> = {}, more: ModernOptions = {}): Promise<ModernAnswer> {
    const { headers, body } = this.#request(method, params, more);
    const response = await fetch(this.#url, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await response.text();
    const isStream = response.headers.get('content-type') === 'text/event-stream';
    const messages = isStream
      ? [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => JSON.parse(data) as Message)
      : [JSON.parse(text) as Message];
    return { status: response.status, message: messages.at(-1), before: messages.slice(0, -1) };
  }

  call(name: string, args: object = {}, more: ModernOptions = {}): Promise<ModernAnswer> {
    return this.ask('tools/call', { name, arguments: args }, more);
  }

  /** Goes on with a call that needs input. @param result that was `input_required` */
  goOn(
    name: string,
    args: object,
    { requestState }: Record<string, unknown>,
    inputResponses: object,
  ): Promise<ModernAnswer> {
    return this.ask('tools/call', { name, arguments: args, inputResponses, requestState });
  }

  /** A POST whose response is a stream. */
  stream(method: string, params: Record<string, unknown> = {}, more: ModernOptions = {}): Promise<EventStream> {
    const { headers, body } = this.#request(method, params, more);
    return openStream(this.#url, headers, body);
  }

  /** A POST that its client gives up. @returns what cuts the connection */
  begin(name: string, args: object = {}, more: ModernOptions = {}): () => void {
    const { headers, body } = this.#request('tools/call', { name, arguments: args }, more);
    const abort = new AbortController();
    const { signal } = abort;
    fetch(this.#url, { method: 'POST', headers, body: JSON.stringify(body), signal }).catch(() => undefined);
    return () => {
      abort.abort();
    };
  }

  #request(
    method: string,
    params: Record<string, unknown>,
    more: ModernOptions,
  ): { readonly headers: Record<string, string>; readonly body: object } {
    const { capabilities = {}, clientInfo, logLevel, headers = {}, progressToken } = { ...this.#options, ...more };
    const key = named[method];
    const name = key === undefined ? undefined : params[key];
    this.#lastId += 1;
    const _meta = {
      progressToken,
      [`${prefix}protocolVersion`]: '2026-07-28',
      [`${prefix}clientCapabilities`]: capabilities,
      [`${prefix}clientInfo`]: clientInfo,
      [`${prefix}logLevel`]: logLevel,
    };
    return {
      headers: {
        ...{ Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' },
        ...{ 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method },
        ...(typeof name === 'string' ? { 'Mcp-Name': name } : {}),
        ...headers,
      },
      body: { jsonrpc: '2.0', id: this.#lastId, method, params: { ...params, _meta } },
    };
  }
}
