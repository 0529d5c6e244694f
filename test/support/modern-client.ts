import { openStream, type EventStream } from './event-stream.ts';
import { post, type Answer } from './mcp-client.ts';

export const modernRevision = '2026-07-28';

/** What a client of 2026-07-28 can be asked. */
export const askable = { elicitation: { form: {} }, sampling: {} };

interface Options {
  readonly capabilities?: object;
  readonly id?: string | number;
  readonly signal?: AbortSignal;
}

/** Requests of 2026-07-28 made by hand, to one server. */
export class ModernClient {
  readonly #url: string;
  readonly #capabilities: object;

  /** @param capabilities what it says that it can do */
  constructor(base: string, server: string, capabilities: object = {}) {
    this.#url = `${base}/${server}/mcp`;
    this.#capabilities = capabilities;
  }

  /** Sends a request and reads the whole answer. */
  request(method: string, params: Readonly<Record<string, unknown>> = {}, options: Options = {}): Promise<Answer> {
    const { headers, message } = this.#parts(method, params, options);
    return post(this.#url, message, { headers, ...(options.signal && { signal: options.signal }) });
  }

  call(tool: string, args: object = {}, more: object = {}, options: Options = {}): Promise<Answer> {
    return this.request('tools/call', { name: tool, arguments: args, ...more }, options);
  }

  /** Sends a request whose answer is a stream. */
  stream(method: string, params: Readonly<Record<string, unknown>>, options: Options = {}): Promise<EventStream> {
    const { headers, message } = this.#parts(method, params, options);
    return openStream(this.#url, headers, message);
  }

  /** A call that the server asks something about, and the same call again with this answer. */
  async round(tool: string, args: object, answer: object): Promise<{ readonly asked: Answer; readonly done: Answer }> {
    const asked = await this.call(tool, args);
    return { asked, done: await this.answer(asked, tool, args, answer) };
  }

  /** The same call again, with the answer to the one thing that was asked. */
  answer({ message }: Answer, tool: string, args: object, answer: object): Promise<Answer> {
    const { inputRequests = {}, requestState } = message?.result ?? {};
    const [key = ''] = Object.keys(inputRequests as object);
    return this.call(tool, args, { requestState, inputResponses: { [key]: answer } });
  }

  #parts(method: string, params: Readonly<Record<string, unknown>>, { id = 1, capabilities }: Options): Parts {
    const ownMeta = {
      'io.modelcontextprotocol/protocolVersion': modernRevision,
      'io.modelcontextprotocol/clientCapabilities': capabilities ?? this.#capabilities,
    };
    const meta = { ...(params['_meta'] as object | undefined), ...ownMeta };
    const headers = {
      'MCP-Protocol-Version': modernRevision,
      'Mcp-Method': method,
      ...(typeof params['name'] === 'string' && { 'Mcp-Name': params['name'] }),
    };
    return { headers, message: { jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } } };
  }
}

interface Parts {
  readonly headers: Readonly<Record<string, string>>;
  readonly message: object;
}
