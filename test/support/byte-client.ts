import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';

/** An event of a stream, as bytes. */
export interface ByteEvent {
  /** Its id; undefined when it has none. */
  readonly id: string | undefined;
  /** What stands in each of its `data:` lines, without the one space that belongs to the field. */
  readonly data: readonly Buffer[];
}

interface Sending {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  /** The body in the pieces in which it is to be written. */
  readonly pieces?: readonly Buffer[];
  readonly signal?: AbortSignal;
}

interface Opening {
  readonly version?: string;
  readonly capabilities?: object;
  /** `clientInfo.name`. */
  readonly name?: string;
}

/** A whole answer: what came, undecoded. */
export interface ByteAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

/**
 * A client that neither builds nor reads JSON: it sends the bytes that it is given and gives back the bytes that came.
 * Nothing of an answer is read before somebody asks for it.
 */
export class ByteClient implements Disposable {
  readonly url: string;
  /** The session's id; empty as long as there is none. */
  id = '';
  /** An idle connection is closed long before the other side does so, perhaps just when it is used again. */
  readonly #agent = new Agent({ keepAlive: true, timeout: 2000 });

  constructor(url: string) {
    this.url = url;
  }

  /** A session on one server. @throws {Error} when it is refused */
  static async open(base: string, server: string, opening: Opening = {}): Promise<ByteClient> {
    const { version = '2025-11-25', capabilities = {}, name = 'bytes' } = opening;
    const client = new ByteClient(`${base}/${server}/mcp`);
    const params = { protocolVersion: version, capabilities, clientInfo: { name, version: '1' } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
    const response = await client.send({ method: 'POST', pieces: [Buffer.from(body)] });
    const text = String(await bodyOf(response));
    client.id = String(response.headers['mcp-session-id']);
    if (response.statusCode !== 200 || !text.includes('"result"')) throw new Error(`not opened: ${text}`);
    await client.post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    return client;
  }

  /** @returns the response as soon as its headers are there */
  send({ method = 'POST', headers = {}, pieces = [], signal }: Sending): Promise<IncomingMessage> {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    return new Promise((resolve, reject) => {
      const request = httpRequest(this.url, {
        method,
        agent: this.#agent,
        headers: {
          Accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
          ...(method === 'POST' && { 'Content-Type': 'application/json', 'Content-Length': length }),
          ...(this.id !== '' && { 'Mcp-Session-Id': this.id }),
          ...headers,
        },
        ...(signal && { signal }),
      });
      request.once('response', resolve);
      request.on('error', reject);
      request.setNoDelay(true);
      writeInTurn(pieces, request);
    });
  }

  /** Sends a body and reads the whole answer. */
  async post(
    body: string | Buffer | readonly Buffer[],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ByteAnswer> {
    const pieces = typeof body === 'string' ? [Buffer.from(body)] : Buffer.isBuffer(body) ? [body] : body;
    const response = await this.send({ pieces, headers });
    const type = response.headers['content-type'] ?? '';
    return { status: response.statusCode ?? 0, type, body: await bodyOf(response) };
  }

  /** Opens a GET stream, or comes back to a stream. */
  async listen(lastEventId?: string): Promise<IncomingMessage> {
    const headers = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
    const response = await this.send({ method: 'GET', headers });
    if (response.statusCode === 200) return response;
    throw new Error(`no stream: ${response.statusCode ?? 0} ${String(await bodyOf(response))}`);
  }

  /** @returns the HTTP status */
  async delete(): Promise<number> {
    const response = await this.send({ method: 'DELETE' });
    await bodyOf(response);
    return response.statusCode ?? 0;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** All bytes of a response. */
export async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The events of a response, one by one, as they come; comments are none. Ends quietly when it is cut off. */
export async function* eventsOf(response: IncomingMessage): AsyncGenerator<ByteEvent> {
  let chunks: Buffer[] = [];
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      // An event ends with an empty line, whose second LF may come in the next chunk.
      if (!chunk.includes(10)) continue;
      const { events, rest } = splitEvents(Buffer.concat(chunks));
      chunks = [rest];
      yield* events;
    }
  } catch (error) {
    if (!response.destroyed) throw error;
  }
}

/** @returns the events that are complete, and the bytes of the one that is not */
export function splitEvents(bytes: Buffer): { events: ByteEvent[]; rest: Buffer } {
  const events: ByteEvent[] = [];
  let start = 0;
  for (let end = bytes.indexOf('\n\n'); end !== -1; end = bytes.indexOf('\n\n', start)) {
    const event = readEvent(bytes.subarray(start, end));
    if (event) events.push(event);
    start = end + 2;
  }
  return { events, rest: bytes.subarray(start) };
}

function readEvent(bytes: Buffer): ByteEvent | undefined {
  // All three end a line of an event stream: a bare CR within a message would be a line of its own.
  const lines = linesOf(bytes);
  const field = (name: string): Buffer[] =>
    lines.filter((line) => line.indexOf(`${name}:`) === 0).map((line) => withoutField(line, name));
  const id = field('id').at(-1)?.toString();
  const data = field('data');
  return id === undefined && data.length === 0 ? undefined : { id, data };
}

function withoutField(line: Buffer, name: string): Buffer {
  const at = name.length + 1;
  return line.subarray(line[at] === 0x20 ? at + 1 : at);
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (;;) {
    const lf = bytes.indexOf(10, start);
    const cr = bytes.indexOf(13, start);
    const end = lf === -1 ? cr : cr === -1 ? lf : Math.min(lf, cr);
    if (end === -1) return [...lines, bytes.subarray(start)];
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
}

/** Each piece in a turn of its own, so that they arrive apart. */
function writeInTurn(pieces: readonly Buffer[], request: ReturnType<typeof httpRequest>): void {
  const [first, ...rest] = pieces;
  if (!first || request.destroyed) {
    request.end();
    return;
  }
  if (rest.length === 0) request.end(first);
  else request.write(first, () => setImmediate(writeInTurn, rest, request));
}
