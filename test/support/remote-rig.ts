import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { BridgeError } from '../../src/base/errors.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, isRefusal, readMessage, type Envelope, type Id } from '../../src/jsonrpc/message.ts';
import type { Channel, ChannelLease, ChannelReceiver } from '../../src/relay/channel.ts';
import { RemoteServer, type RemotePlace } from '../../src/remote/remote-server.ts';
import { ManualClock } from './manual-clock.ts';
import { quietLog, type LogLine } from './quiet-log.ts';
import { until } from './until.ts';

/** One request as a remote server saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body, when it is JSON. */
  readonly json: { readonly id?: Id; readonly method?: string; readonly result?: unknown } | undefined;
}

/** Answers one request; what it leaves open stays open. */
export type Behaviour = (seen: Seen, response: ServerResponse, request: IncomingMessage) => void;

/** A server on this machine that does what it is told to do. */
export class FakeRemote implements AsyncDisposable {
  readonly seen: Seen[] = [];
  /** Responses to GET that are open, the newest last. */
  readonly streams: ServerResponse[] = [];
  readonly #server: Server;
  #behaviour: Behaviour;

  private constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(behaviour: Behaviour = wellBehaved()): Promise<FakeRemote> {
    const remote = new FakeRemote(behaviour);
    await new Promise<void>((resolve) => remote.#server.listen(0, '127.0.0.1', resolve));
    return remote;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  /** From now on. */
  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
  }

  /** Requests with this HTTP method, or this JSON-RPC method. */
  of(method: string): Seen[] {
    return this.seen.filter((seen) => seen.method === method || seen.json?.method === method);
  }

  async waitFor(method: string, count = 1): Promise<Seen> {
    await until(`${count} ${method}`, () => this.of(method).length >= count);
    return this.of(method)[count - 1]!;
  }

  /** The newest GET stream, once there have been so many. */
  async stream(count = 1): Promise<ServerResponse> {
    await until(`GET stream ${count}`, () => this.streams.length >= count);
    return this.streams[count - 1]!;
  }

  /** Cuts every connection. */
  cut(): void {
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body = await text(request).catch(() => '');
    const seen = { method, url, headers, body, json: parsed(body) };
    this.seen.push(seen);
    if (method === 'GET') this.streams.push(response);
    this.#behaviour(seen, response, request);
  }
}

function parsed(body: string): Seen['json'] {
  try {
    return JSON.parse(body) as Seen['json'];
  } catch {
    return undefined;
  }
}

/** How a test changes what a good server does. */
export interface Manners {
  readonly sessionId?: string | undefined;
  /** What requests get; by default, `{}` at once, as JSON. */
  readonly call?: Behaviour;
  /** What GETs get; by default, an event stream that stays open. */
  readonly get?: Behaviour;
  /** What notifications and answers get; by default 202. */
  readonly tell?: Behaviour;
}

/** A server that does all as the specification says. */
export function wellBehaved({
  sessionId = 'session-1',
  call = answer,
  get = openStream,
  tell = accept,
}: Manners = {}): Behaviour {
  return (seen, response, request) => {
    if (seen.method === 'DELETE') response.writeHead(204).end();
    else if (seen.method === 'GET') get(seen, response, request);
    else if (seen.json?.method === 'initialize') initialize(seen, response, sessionId);
    else if (seen.json?.method === undefined || seen.json.id === undefined) tell(seen, response, request);
    else call(seen, response, request);
  };
}

function initialize({ json }: Seen, response: ServerResponse, sessionId: string): void {
  const headers = sessionId === '' ? {} : { 'Mcp-Session-Id': sessionId };
  response.writeHead(200, { 'Content-Type': 'application/json', ...headers });
  const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'fake', version: '1' } };
  response.end(JSON.stringify({ jsonrpc: '2.0', id: json?.id, result }));
}

/** `{}` under the request's id. */
export function answer({ json }: Seen, response: ServerResponse): void {
  sayJson(response, { jsonrpc: '2.0', id: json?.id, result: {} });
}

export function sayJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

export function accept(_: Seen, response: ServerResponse): void {
  response.writeHead(202).end();
}

export function openStream(_: Seen, response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  response.flushHeaders();
}

/** One event. */
export function event(message: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`;
}

/** A status and a body. */
export function status(code: number, body = '', headers: Readonly<Record<string, string>> = {}): Behaviour {
  return (_, response) => {
    response.writeHead(code, headers).end(body);
  };
}

/** What a session would get from its channel. */
class FakeReceiver implements ChannelReceiver {
  readonly messages: { readonly envelope: Envelope; readonly text: string; readonly cause: Id | undefined }[] = [];
  readonly failed: { readonly id: Id; readonly error: BridgeError; readonly wasSent: boolean }[] = [];
  readonly garbled: Id[] = [];
  ends = 0;

  onMessage(envelope: Envelope, bytes: Bytes, cause?: Id): void {
    this.messages.push({ envelope, text: bytes.toString(), cause });
  }

  onFailed(id: Id, error: BridgeError, wasSent: boolean): void {
    this.failed.push({ id, error, wasSent });
  }

  onGarbled(id: Id): void {
    this.garbled.push(id);
  }

  onFlood(): void {
    throw new Error('A remote server can be slowed down');
  }

  onEnd(): void {
    this.ends += 1;
  }

  /** Waits for the answer to a request. @returns its bytes */
  async answerTo(id: Id): Promise<string> {
    const found = await until(`the answer to ${id}`, () =>
      this.messages.find(({ envelope }) => envelope.kind === 'response' && envelope.id === id),
    );
    return found.text;
  }

  /** Waits for the error that a request gets. */
  async failureOf(id: Id): Promise<{ readonly code: string; readonly wasSent: boolean; readonly error: BridgeError }> {
    const { error, wasSent } = await until(`the failure of ${id}`, () => this.failed.find((one) => one.id === id));
    return { code: error.code, wasSent, error };
  }
}

/** A client's session at a remote server, as the relay holds it. */
export interface RemoteClient {
  readonly channel: Channel;
  readonly lease: ChannelLease;
  readonly receiver: FakeReceiver;
  /** Sends a message. @param message text, or what becomes one */
  say(message: string | object): void;
  /** Sends a request. */
  ask(id: Id, method?: string): void;
}

export interface RemoteRig {
  readonly server: RemoteServer;
  readonly clock: ManualClock;
  readonly lines: LogLine[];
  /** A session that has not begun. */
  join(): Promise<RemoteClient>;
  /** A session whose handshake is done. */
  open(): Promise<RemoteClient>;
}

export function remoteRig(url: string, place: Partial<Omit<RemotePlace, 'url'>> = {}): RemoteRig {
  const clock = new ManualClock();
  const { log, lines } = quietLog();
  const server = new RemoteServer({ url, headers: [], maxLineBytes: 1024 ** 2, ...place }, clock, log);
  const join = async (): Promise<RemoteClient> => {
    const lease = await server.lease();
    const receiver = new FakeReceiver();
    const channel = lease.upstream;
    const say = (message: string | object): void => {
      const bytes = Bytes.from(typeof message === 'string' ? message : JSON.stringify(message));
      const envelope = readMessage(bytes, clientLimits);
      if (isRefusal(envelope) || envelope.kind === 'batch') throw new Error('a test sends messages');
      channel.send(bytes, envelope);
    };
    channel.attach(receiver);
    const ask = (id: Id, method = 'tools/call'): void => {
      say({ jsonrpc: '2.0', id, method });
    };
    return { channel, lease, receiver, say, ask };
  };
  const open = async (): Promise<RemoteClient> => {
    const client = await join();
    client.say(initializeText);
    await client.receiver.answerTo(0);
    client.say({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return client;
  };
  return { server, clock, lines, join, open };
}

/** As no JSON library would write it. */
export const initializeText =
  '{ "method":"initialize", "params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"caf\\u00e9","version":"1.0e0"}},"id":0 ,"jsonrpc":"2.0"}';
