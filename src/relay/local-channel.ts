import { randomUUID } from 'node:crypto';
import { BridgeError, messageOf as textOf, type ErrorData } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Request } from '../jsonrpc/message.ts';
import type { Channel, ChannelLease, ChannelReceiver } from './channel.ts';
import { RequestRefused, type LocalServer } from './local-server.ts';
import { readyLease } from './ready-lease.ts';
import { agreedRevision, revisions } from './revisions.ts';
import { messageOf, type Message } from './rewrite.ts';

/** The right to use a server inside Gangway: there is one for everybody who asks. */
export function localLease(server: LocalServer, log: Log): ChannelLease {
  return readyLease(new LocalChannel(server, log));
}

/** One client's connection to a server inside Gangway: to its session it looks like an upstream of its own. */
class LocalChannel implements Channel {
  readonly name = 'local';
  readonly noiseLines = 0;
  readonly isBusy = false;
  readonly #client = randomUUID();
  readonly #server: LocalServer;
  readonly #log: Log;
  /** Requests under way. */
  readonly #calls = new Map<Id, AbortController>();
  #receiver: ChannelReceiver | undefined;

  constructor(server: LocalServer, log: Log) {
    this.#server = server;
    this.#log = log;
  }

  attach(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
  }

  send(bytes: Bytes, message: Envelope): void {
    if (message.kind === 'request') void this.#serve(message, bytes);
    else if (message.kind === 'notification' && message.method === 'notifications/cancelled') {
      if (message.requestId !== undefined) this.#drop(message.requestId);
    }
  }

  /** What it says is bounded: a few words for each request. */
  pause(): void {
    // Nothing is read ahead.
  }

  resume(): void {
    // Nothing was held back.
  }

  isAlive(): boolean {
    return true;
  }

  describeExit(): ErrorData {
    return {};
  }

  /** The session is over: nobody waits for its calls any more. */
  close(): void {
    for (const id of [...this.#calls.keys()]) this.#drop(id);
  }

  async #serve(request: Request, bytes: Bytes): Promise<void> {
    const call = new AbortController();
    this.#calls.set(request.id, call);
    const answer = await this.#answer(request, bytes, call.signal);
    // Given up, or its session is over: nobody expects an answer.
    if (this.#calls.get(request.id) !== call) return;
    this.#calls.delete(request.id);
    if (answer instanceof BridgeError) this.#receiver?.onFailed(request.id, answer, false);
    else this.#receiver?.onMessage(answer.envelope, answer.bytes);
  }

  async #answer(request: Request, bytes: Bytes, signal: AbortSignal): Promise<Message | BridgeError> {
    try {
      return answerWith(request, await this.#result(request, paramsOf(bytes), signal));
    } catch (error) {
      if (error instanceof RequestRefused) return refusal(request, error);
      if (error instanceof BridgeError) return error;
      // Whoever is gone has ended it.
      if (!signal.aborted) this.#log.error({ error: textOf(error), method: request.method }, 'a request failed');
      return new BridgeError('INTERNAL', 'Internal error');
    }
  }

  async #result(request: Request, params: Params, signal: AbortSignal): Promise<object> {
    const { method, id } = request;
    if (method === 'initialize') return this.#initialize(params);
    if (method === 'ping') return {};
    return this.#server.request(method, params, {
      client: this.#client,
      signal,
      notify: (notification, about) => {
        if (!signal.aborted) this.#notify(notification, about, id);
      },
    });
  }

  #initialize({ protocolVersion: asked }: Params): object {
    const { info, capabilities, instructions } = this.#server;
    const protocolVersion = agreedRevision(typeof asked === 'string' ? asked : undefined, revisions[0]);
    return { protocolVersion, capabilities, serverInfo: info, ...(instructions === undefined ? {} : { instructions }) };
  }

  #notify(method: string, params: Params, cause: Id): void {
    const { bytes, envelope } = messageOf(JSON.stringify({ jsonrpc: '2.0', method, params }));
    this.#receiver?.onMessage(envelope, bytes, cause);
  }

  #drop(id: Id): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.abort();
  }
}

type Params = Readonly<Record<string, unknown>>;

function paramsOf(bytes: Bytes): Params {
  const { params = {} } = JSON.parse(bytes.toString()) as { params?: Params };
  return params;
}

function answerWith({ idText }: Request, result: object): Message {
  return messageOf(`{"jsonrpc":"2.0","id":${idText},"result":${JSON.stringify(result)}}`);
}

function refusal({ idText }: Request, { rpcCode: code, message }: RequestRefused): Message {
  return messageOf(`{"jsonrpc":"2.0","id":${idText},"error":${JSON.stringify({ code, message })}}`);
}
