import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, isRefusal, readMessage, type Envelope, type Id } from '../../src/jsonrpc/message.ts';
import type { BridgeError } from '../../src/base/errors.ts';
import type { ChannelLease, ChannelReceiver } from '../../src/relay/channel.ts';
import { RelayServer } from '../../src/relay/relay-server.ts';
import type { FakeChild, Habit } from './fake-engine.ts';
import { settle } from './manual-clock.ts';
import { startRig, type Line, type StartRig } from './shared-rig.ts';

const prefix = 'io.modelcontextprotocol/';

/** What fake servers of 2026-07-28 say of themselves. */
export const discoverResult = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } },
  instructions: 'Be kind.',
  _meta: { [`${prefix}serverInfo`]: { name: 'fake', version: '1' } },
} as const;

/** Answers `server/discover`, and keeps everything else to itself. */
export function answerDiscover(line: string, child: FakeChild): void {
  const { id, method } = JSON.parse(line) as Line;
  if (method === 'server/discover' && !child.hasExited) child.say({ jsonrpc: '2.0', id, result: discoverResult });
}

export const modern: Habit = { onLine: answerDiscover };

export interface RelayRig extends StartRig {
  readonly server: RelayServer;
}

/** A server of 2026-07-28 in a pool of fake containers. */
export function relayRig(
  overrides: Parameters<typeof startRig>[0] = {},
  habit: Parameters<typeof startRig>[1] = modern,
): RelayRig {
  const rig = startRig(overrides, habit);
  return Object.assign(rig, { server: new RelayServer(rig.config, rig) });
}

/** The same when all of its containers that are there in any case have come up. */
export async function filledRelay(...parts: Parameters<typeof relayRig>): Promise<RelayRig> {
  const rig = relayRig(...parts);
  rig.server.pool.fill().catch(() => undefined);
  await settle();
  return rig;
}

/** A client with a channel; it writes down all that reaches it. */
export class RelayClient implements ChannelReceiver {
  /** As it was written. */
  readonly texts: string[] = [];
  readonly envelopes: Envelope[] = [];
  /** The request that each message came from, as far as that was said. */
  readonly causes: (Id | undefined)[] = [];
  readonly failures: { readonly id: Id; readonly error: BridgeError; readonly wasSent: boolean }[] = [];
  floods = 0;
  readonly #lease: ChannelLease;

  constructor({ server }: RelayRig, client = '127.0.0.1') {
    this.#lease = server.join(client);
    this.#lease.upstream.attach(this);
  }

  /** What it was told, parsed. */
  get told(): Line[] {
    return this.texts.map((text) => JSON.parse(text) as Line);
  }

  /** Names of what it was told; `result` and `error` for answers. */
  get methods(): string[] {
    return this.told.map(({ method, error }) => method ?? (error === undefined ? 'result' : 'error'));
  }

  send(text: string): void {
    const bytes = Bytes.from(text);
    const message = readMessage(bytes, clientLimits);
    if (isRefusal(message) || message.kind === 'batch') throw new TypeError(`wanted a message: ${text}`);
    this.#lease.upstream.send(bytes, message);
  }

  /** A request, with an id as it is written. */
  ask(idText: string, method = 'tools/call', params: object = {}, logLevel?: string): void {
    const level = logLevel === undefined ? {} : { [`${prefix}logLevel`]: logLevel };
    const meta = {
      [`${prefix}protocolVersion`]: '2026-07-28',
      [`${prefix}clientCapabilities`]: { extensions: { [`${prefix}tasks`]: {} } },
      ...level,
    };
    const written = JSON.stringify({ _meta: meta, ...params });
    this.send(`{"jsonrpc":"2.0","id":${idText},"method":"${method}","params":${written}}`);
  }

  listen(idText: string, notifications: object): void {
    this.ask(idText, 'subscriptions/listen', { notifications });
  }

  cancel(idText: string): void {
    this.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${idText}}}`);
  }

  pause(): void {
    this.#lease.upstream.pause();
  }

  async close(): Promise<void> {
    await this.#lease.release('session-ended');
  }

  onMessage(envelope: Envelope, bytes: Bytes, cause?: Id): void {
    this.envelopes.push(envelope);
    this.texts.push(bytes.toString());
    this.causes.push(cause);
  }

  onFailed(id: Id, error: BridgeError, wasSent: boolean): void {
    this.failures.push({ id, error, wasSent });
  }

  onFlood(): void {
    this.floods += 1;
  }

  onGarbled(): void {
    throw new Error('A shared channel tells its client of no garbled answer');
  }

  onEnd(): void {
    throw new Error('A shared channel does not end by itself');
  }
}

/** The id under which a server got its last request of a method. */
export function lastId(child: FakeChild, method: string): Id {
  const lines = child.received.map((line) => JSON.parse(line) as Line).filter((line) => line.method === method);
  const id = lines.at(-1)?.id;
  if (id === undefined) throw new Error(`The server got no ${method}`);
  return id;
}

/** What a subscription is told, as a server or a client writes it. */
export function subscribed(idText: string | number, method: string, more: object = {}): string {
  const rest = JSON.stringify(more).slice(1, -1);
  const params = `{"_meta":{"${prefix}subscriptionId":${idText}}${rest === '' ? '' : `,${rest}`}}`;
  return `{"jsonrpc":"2.0","method":"notifications/${method}","params":${params}}`;
}

/** The last word of a subscription. */
export function lastWord(idText: string | number): string {
  return `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"complete","_meta":{"${prefix}subscriptionId":${idText}}}}`;
}
