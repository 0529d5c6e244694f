import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';

/** A JSON-RPC message as it came, unchecked. */
export interface Message {
  readonly jsonrpc: '2.0';
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data?: { readonly gangway?: Readonly<Record<string, unknown>> & { readonly reason: string } };
  };
}

/** A whole HTTP answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The one JSON document, or each event of a stream. */
  readonly messages: readonly Message[];
  /** The last of them: the response. */
  readonly message: Message | undefined;
}

/** An SDK client with a session on one server; disposing ends both. */
export interface Connected extends AsyncDisposable {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
  /** Ends the session with DELETE. */
  close(): Promise<void>;
}

/**
 * The SDK's own client.
 *
 * @param prepare registers handlers before the handshake
 */
export async function connect(
  base: string,
  server: string,
  capabilities: ClientCapabilities = {},
  prepare: (client: Client) => void = () => undefined,
): Promise<Connected> {
  const client = new Client({ name: 'test', version: '1' }, { capabilities });
  const transport = new StreamableHTTPClientTransport(new URL(endpointOf(base, server)));
  prepare(client);
  await client.connect(transport);
  const close = async (): Promise<void> => {
    // The session may have ended already, and the bridge with it.
    await transport.terminateSession().catch(() => undefined);
    await client.close();
  };
  return { client, transport, close, [Symbol.asyncDispose]: close };
}

/** @param server its name; `mcp` for the endpoint for all */
function endpointOf(base: string, server: string): string {
  return server === 'mcp' ? `${base}/mcp` : `${base}/${server}/mcp`;
}

/** The first text of a tool's result. */
export function textOf(result: unknown): string {
  const { content = [] } = (result ?? {}) as { content?: readonly { readonly text?: string }[] };
  return content[0]?.text ?? '';
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Posts a message, or bytes as they are, and reads the answer to its end. */
export async function post(url: string, body: unknown, { headers = {}, signal }: RequestOptions = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers },
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  const messages = messagesIn(text, response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text, messages, message: messages.at(-1) };
}

/** An `initialize` request. */
export function initialize(id: string | number = 1, capabilities: object = {}, version = '2025-11-25'): object {
  const params = { protocolVersion: version, capabilities, clientInfo: { name: 'raw', version: '1' } };
  return { jsonrpc: '2.0', id, method: 'initialize', params };
}

/** What a GET stream has brought so far. */
export interface Listening {
  readonly messages: readonly Message[];
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<void>;
  close(): void;
}

/** A session made by hand: nothing is hidden, nothing is tried again. */
export class RawSession {
  readonly url: string;
  readonly id: string;
  /** The answer to `initialize`. */
  readonly opened: Answer;
  readonly #version: string;
  #lastId = 1;

  private constructor(url: string, opened: Answer, version: string) {
    this.url = url;
    this.opened = opened;
    this.#version = version;
    this.id = opened.headers.get('mcp-session-id') ?? '';
  }

  /** @throws {Error} when the session is refused: the status and the body */
  static async open(
    base: string,
    server: string,
    capabilities: object = {},
    version = '2025-11-25',
  ): Promise<RawSession> {
    const url = endpointOf(base, server);
    const opened = await post(url, initialize(1, capabilities, version));
    if (opened.message?.result === undefined) throw new Error(`not opened: ${opened.status} ${opened.text}`);
    const session = new RawSession(url, opened, version);
    await session.notify('notifications/initialized');
    return session;
  }

  /** Sends a request and reads the whole answer. */
  request(
    method: string,
    params: object = {},
    options: RequestOptions & { id?: string | number } = {},
  ): Promise<Answer> {
    this.#lastId += 1;
    const { id = this.#lastId, headers = {}, ...rest } = options;
    return post(
      this.url,
      { jsonrpc: '2.0', id, method, params },
      { ...rest, headers: { ...this.headers, ...headers } },
    );
  }

  call(tool: string, args: object = {}, options: RequestOptions & { id?: string | number } = {}): Promise<Answer> {
    return this.request('tools/call', { name: tool, arguments: args }, options);
  }

  notify(method: string, params: object = {}): Promise<Answer> {
    return post(this.url, { jsonrpc: '2.0', method, params }, { headers: this.headers });
  }

  /** @returns the HTTP status */
  async delete(): Promise<number> {
    const response = await fetch(this.url, { method: 'DELETE', headers: this.headers });
    await response.arrayBuffer();
    return response.status;
  }

  /** Opens a GET stream. */
  async listen(): Promise<Listening> {
    const abort = new AbortController();
    const response = await fetch(this.url, {
      headers: { ...this.headers, Accept: 'text/event-stream' },
      signal: abort.signal,
    });
    if (!response.ok || !response.body) throw new Error(`no stream: ${response.status} ${await response.text()}`);
    const messages: Message[] = [];
    const ended = collect(response.body, messages).catch(() => undefined);
    return {
      ...{ messages, ended },
      close: () => {
        abort.abort();
      },
    };
  }

  /** What every request of the session carries. */
  get headers(): Record<string, string> {
    return { 'Mcp-Session-Id': this.id, 'MCP-Protocol-Version': this.#version };
  }
}

async function collect(body: ReadableStream<Uint8Array>, messages: Message[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const end = rest.lastIndexOf('\n\n');
    if (end === -1) continue;
    messages.push(...eventsIn(rest.slice(0, end + 2)));
    rest = rest.slice(end + 2);
  }
}

function messagesIn(text: string, type: string): Message[] {
  if (type.startsWith('text/event-stream')) return eventsIn(text);
  return type.startsWith('application/json') && text !== '' ? [JSON.parse(text) as Message] : [];
}

/** The messages of an event stream; comments and events without data are none. */
function eventsIn(text: string): Message[] {
  return text.split(/\r?\n\r?\n/).flatMap((event) => {
    const data = event
      .split(/\r?\n/)
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice('data:'.length).trimStart())
      .join('\n');
    return data === '' ? [] : [JSON.parse(data) as Message];
  });
}
