import type { BridgeError } from '../base/errors.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Notification } from '../jsonrpc/message.ts';
import { objectText, RawJson } from '../jsonrpc/raw-json.ts';
import type { ChannelReceiver } from '../relay/channel.ts';
import { objectIn, paramsOf } from '../relay/rewrite.ts';
import type { Handshake } from '../upstream/handshake.ts';
import type { Incoming } from './incoming.ts';
import { metaKeys } from './revision.ts';
import type { Seat } from './seat.ts';

interface Surroundings {
  readonly handshake: Handshake;
  /** Who the server is, as JSON. */
  readonly serverInfo: string;
  /** How long the server may take to subscribe to a resource, in milliseconds. */
  readonly subscribeTimeoutMs: number;
  readonly onOver: (listening: Listening) => void;
}

/** What a client wants to hear of, as far as the server can say it. */
type Filter = Readonly<Partial<Record<'toolsListChanged' | 'promptsListChanged' | 'resourcesListChanged', true>>> & {
  readonly resourceSubscriptions?: readonly string[];
};

/** Notifications of a legacy server, and what asks for them. */
const changes = [
  { key: 'toolsListChanged', capability: 'tools', method: 'notifications/tools/list_changed' },
  { key: 'promptsListChanged', capability: 'prompts', method: 'notifications/prompts/list_changed' },
  { key: 'resourcesListChanged', capability: 'resources', method: 'notifications/resources/list_changed' },
] as const;

const resourceUpdated = 'notifications/resources/updated';
/** Resources that one stream can watch. */
const maxUris = 1000;
/** What is said before the stream is acknowledged waits. */
const maxEarly = 100;

/**
 * `subscriptions/listen` on a legacy server: its `list_changed`, and `resources/updated` of what it was subscribed to,
 * on the stream of one POST, for as long as that is open.
 *
 * @see MCP 2026-07-28, Subscriptions
 */
export class Listening implements ChannelReceiver {
  readonly #seat: Seat | undefined;
  readonly #incoming: Incoming;
  readonly #around: Surroundings;
  #filter: Filter | undefined;
  #early: Notification[] = [];
  #isOver = false;

  /** @param seat undefined for a server that has nothing to say */
  constructor(seat: Seat | undefined, incoming: Incoming, around: Surroundings) {
    this.#seat = seat;
    this.#incoming = incoming;
    this.#around = around;
    incoming.reply.onClose(() => {
      this.#leave();
    });
  }

  /** Subscribes, and tells the client to what. */
  async open(): Promise<void> {
    this.#seat?.attach(this);
    const filter = await this.#accept();
    if (this.#isOver) return;
    this.#filter = filter;
    this.#say('notifications/subscriptions/acknowledged', { notifications: filter });
    for (const notification of this.#early.splice(0)) this.#pass(notification);
  }

  /** Ends it in order. */
  end(): void {
    if (this.#isOver) return;
    const { reply, request } = this.#incoming;
    const result = objectText({
      resultType: 'complete',
      _meta: new RawJson(`{${this.#tag()},"${metaKeys.serverInfo}":${this.#around.serverInfo}}`),
    });
    reply.answer(Bytes.from(`{"jsonrpc":"2.0","id":${request.idText},"result":${result}}`));
    this.#leave();
  }

  onMessage(message: Envelope): void {
    if (message.kind !== 'notification') return;
    if (this.#filter) this.#pass(message);
    else if (this.#early.length < maxEarly) this.#early.push(message);
  }

  onGarbled(): void {
    // Nothing was asked.
  }

  onFailed(_id: Id, _error: BridgeError): void {
    // Nothing was asked.
  }

  onFlood(): void {
    this.#incoming.reply.destroy();
  }

  onEnd(): void {
    this.end();
  }

  async #accept(): Promise<Filter> {
    const seat = this.#seat;
    if (!seat) return {};
    const wanted = wantedIn(this.#incoming.bytes);
    const { capabilities } = this.#around.handshake;
    const isTold = (name: string, what: string): boolean => {
      const capability = capabilities[name];
      return typeof capability === 'object' && capability !== null && what in capability;
    };
    const lists = changes.filter(({ key, capability }) => wanted[key] === true && isTold(capability, 'listChanged'));
    const uris = isTold('resources', 'subscribe') ? wanted.resourceSubscriptions : [];
    const watched = await Promise.all(uris.map((uri) => this.#subscribe(seat, uri)));
    const accepted = uris.filter((_uri, i) => watched[i]);
    return {
      ...Object.fromEntries(lists.map(({ key }) => [key, true as const])),
      ...(accepted.length > 0 && { resourceSubscriptions: accepted }),
    };
  }

  async #subscribe(seat: Seat, uri: string): Promise<boolean> {
    try {
      const { message } = await seat.ask('resources/subscribe', { uri }, this.#around.subscribeTimeoutMs);
      return !message.isError;
    } catch {
      // The client learns it from what is acknowledged.
      return false;
    }
  }

  #pass({ method, uri }: Notification): void {
    const filter = this.#filter;
    if (method === resourceUpdated && uri !== undefined && filter?.resourceSubscriptions) this.#say(method, { uri });
    const change = changes.find((known) => known.method === method);
    if (change && filter?.[change.key] === true) this.#say(method, {});
  }

  #say(method: string, params: object): void {
    const tagged = objectText({ _meta: new RawJson(`{${this.#tag()}}`), ...params });
    const { reply } = this.#incoming;
    const isFast = reply.event(Bytes.from(`{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":${tagged}}`));
    // It cannot slow the server down, and what it misses it can ask for again.
    if (!isFast) reply.destroy();
  }

  #tag(): string {
    return `"${metaKeys.subscriptionId}":${this.#incoming.request.idText}`;
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    void this.#seat?.release();
    this.#around.onOver(this);
  }
}

interface Wanted extends Readonly<Partial<Record<string, unknown>>> {
  readonly resourceSubscriptions: readonly string[];
}

function wantedIn(bytes: Bytes): Wanted {
  const text = paramsOf(bytes).get('notifications');
  const members = [...objectIn(text)].map(([name, value]): [string, unknown] => [name, JSON.parse(value)]);
  const wanted: Readonly<Partial<Record<string, unknown>>> = Object.fromEntries(members);
  const { resourceSubscriptions: listed } = wanted;
  const uris = Array.isArray(listed) ? listed.filter((uri): uri is string => typeof uri === 'string') : [];
  return { ...wanted, resourceSubscriptions: [...new Set(uris)].slice(0, maxUris) };
}
