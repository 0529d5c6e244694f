import { deferred } from '../../src/base/deferred.ts';
import type { BridgeError } from '../../src/base/errors.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, isRefusal, readMessage, type Envelope, type Id } from '../../src/jsonrpc/message.ts';
import type { Channel, ChannelLease, ChannelReceiver } from '../../src/relay/channel.ts';
import { reverseLease, type ServerFacts } from '../../src/relay/reverse-channel.ts';
import { FakeChannel, type Sent } from './fake-channel.ts';

const prefix = 'io.modelcontextprotocol/';

const facts: ServerFacts = {
  capabilities: {
    tools: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    prompts: {},
    logging: {},
    extensions: { 'io.modelcontextprotocol/tasks': {}, 'com.example/own': { a: 1 } },
  },
  instructions: 'Be kind',
  serverInfo: { name: 'modern', version: '7' },
};

/** What a client got. */
export interface Got extends Sent {
  /** The request that it came about through. */
  readonly cause?: Id;
}

/** A client of an older revision before a server of 2026-07-28, of which a test says what it says. */
export class ReverseRig implements ChannelReceiver {
  readonly server = new FakeChannel();
  readonly lease: ChannelLease;
  readonly channel: Channel;
  readonly got: Got[] = [];
  /** As they came. */
  readonly lines: string[] = [];
  readonly failed: { readonly id: Id; readonly error: BridgeError; readonly wasSent: boolean }[] = [];
  readonly garbled: Id[] = [];
  ends = 0;
  floods = 0;
  /** What happens with each message as it comes. */
  onGot: (message: Got) => void = () => undefined;
  readonly #asked = deferred<AbortSignal>();

  constructor(discovered: Partial<ServerFacts> | Error = {}) {
    this.lease = reverseLease(this.server, {
      name: 'files',
      discover: (signal) => {
        this.#asked.resolve(signal);
        return discovered instanceof Error ? Promise.reject(discovered) : Promise.resolve({ ...facts, ...discovered });
      },
    });
    this.channel = this.lease.upstream;
    this.channel.attach(this);
  }

  /** The signal that the question of what the server is was asked with. */
  get discovering(): Promise<AbortSignal> {
    return this.#asked.promise;
  }

  /** A client that is through with `initialize`. */
  static async begun(params: object = {}, discovered: Partial<ServerFacts> = {}): Promise<ReverseRig> {
    const rig = new ReverseRig(discovered);
    await rig.begin(params);
    rig.got.splice(0);
    rig.lines.splice(0);
    return rig;
  }

  async begin(params: object = {}): Promise<Got | undefined> {
    const standard = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'old', version: '1' } };
    this.sends({ id: 'init', method: 'initialize', params: { ...standard, ...params } });
    await new Promise(setImmediate);
    return this.got.at(-1);
  }

  /** The client sends something. */
  sends(message: object | string): void {
    const text = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message });
    const bytes = Bytes.from(text);
    const read = readMessage(bytes, clientLimits);
    if (isRefusal(read) || read.kind === 'batch') throw new Error('A test sends valid messages');
    this.channel.send(bytes, read);
    for (const part of bytes.parts) part.fill('#');
  }

  /** What the server got last, without what every request has. */
  get last(): Sent {
    return this.server.sent.at(-1) ?? { jsonrpc: '2.0' };
  }

  get lastMeta(): Readonly<Record<string, unknown>> {
    return (this.last.params?.['_meta'] ?? {}) as Readonly<Record<string, unknown>>;
  }

  /** The server needs input for the request that it got last. */
  asks(inputRequests: object | undefined, more: object = {}): void {
    this.server.says({ id: this.last.id, result: { resultType: 'input_required', inputRequests, ...more } });
  }

  /** The server acknowledges a subscription. */
  acknowledges(id: Id | undefined = this.last.id): void {
    this.tells('notifications/subscriptions/acknowledged', id, { notifications: {} });
  }

  /** The server says something on a subscription. */
  tells(method: string, id: Id | undefined, params: object = {}): void {
    this.server.says({ method, params: { ...params, _meta: { [`${prefix}subscriptionId`]: id } } });
  }

  onMessage(_envelope: Envelope, bytes: Bytes, cause?: Id): void {
    const line = bytes.toString();
    this.lines.push(line);
    const message = { ...(JSON.parse(line) as Sent), ...(cause === undefined ? {} : { cause }) };
    this.got.push(message);
    this.onGot(message);
  }

  onFailed(id: Id, error: BridgeError, wasSent: boolean): void {
    this.failed.push({ id, error, wasSent });
  }

  onGarbled(id: Id): void {
    this.garbled.push(id);
  }

  onEnd(): void {
    this.ends += 1;
  }

  onFlood(): void {
    this.floods += 1;
  }
}
