import { BridgeError } from '../base/errors.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import type { Id, Notification, Request, Response } from '../jsonrpc/message.ts';
import { memberTexts, RawJson } from '../jsonrpc/raw-json.ts';
import type { LegacyClient } from './legacy-client.ts';
import type { Capabilities } from './reverse-capabilities.ts';
import type { BothEnds } from './reverse-ends.ts';
import { changed, changedIn, messageOf, objectIn } from './rewrite.ts';

/** A `subscriptions/listen` of Gangway's own. */
interface Listen {
  readonly id: string;
  /** The client's requests that are answered when it is acknowledged. */
  readonly for: readonly Request[];
}

/** So often what the server has ended is opened anew, in one session. */
const maxReopened = 20;

/**
 * What a client of an older revision hears of changes: `subscriptions/listen` stands for `resources/subscribe` and for
 * the changes of lists that nobody had to ask for. What is listened for changes by opening another one first.
 *
 * @see MCP 2026-07-28, Subscriptions
 */
export class ReverseListening {
  readonly #client: LegacyClient;
  readonly #ends: BothEnds;
  #lists: Readonly<Record<string, boolean>> = {};
  #canSubscribe = false;
  readonly #uris = new Set<string>();
  #current: Listen | undefined;
  /** It is not acknowledged yet; there is one at a time. */
  #next: Listen | undefined;
  /** Requests that came since. */
  #waiting: Request[] = [];
  #reopened = 0;

  constructor(client: LegacyClient, ends: BothEnds) {
    this.#client = client;
    this.#ends = ends;
  }

  /** @param server what it says that it tells */
  learn(server: Capabilities): void {
    const lists = ['tools', 'prompts', 'resources'].filter((name) => declares(server[name], 'listChanged'));
    this.#lists = Object.fromEntries(lists.map((name) => [`${name}ListChanged`, true]));
    this.#canSubscribe = declares(server['resources'], 'subscribe');
  }

  /** The client is ready to hear of changes. */
  open(): void {
    if (!this.#current && !this.#next) this.#openNext();
  }

  /** `resources/subscribe` or `resources/unsubscribe`. */
  change(request: Request): void {
    const { method, uri } = request;
    if (!this.#canSubscribe || uri === undefined) {
      const error = this.#canSubscribe
        ? { code: -32_602, message: 'Invalid params: wanted "uri" to be a text' }
        : { code: -32_601, message: `Method not found: ${method}` };
      this.#ends.toClient(messageOf(`{"jsonrpc":"2.0","id":${request.idText},"error":${JSON.stringify(error)}}`));
      return;
    }
    if (method === 'resources/subscribe') this.#uris.add(uri);
    else this.#uris.delete(uri);
    this.#waiting.push(request);
    if (!this.#next) this.#openNext();
  }

  /** The client does not wait for a change any more. */
  forget(id: Id | undefined): void {
    this.#waiting = this.#waiting.filter((request) => request.id !== id);
  }

  /** What was said on a subscription, without what 2026-07-28 adds. @returns whether it was one of these */
  onNotification(notification: Notification, bytes: Bytes): boolean {
    const { subscriptionId, method } = notification;
    if (method === 'notifications/cancelled') return this.#lose(notification.requestId);
    if (subscriptionId === undefined || !this.#isOwn(subscriptionId)) return false;
    if (method === 'notifications/subscriptions/acknowledged') this.#acknowledged(subscriptionId);
    else this.#ends.toClient(messageOf(untagged(bytes)));
    return true;
  }

  /** The server ends a subscription, or refuses it. @returns whether it was one of these */
  onResponse({ id, isError }: Response, bytes: Bytes): boolean {
    if (!isError || this.#next?.id !== id) return this.#lose(id);
    const error = memberTexts(bytes.toString()).get('error') ?? '{}';
    this.#refused(({ idText }) => {
      this.#ends.toClient(messageOf(`{"jsonrpc":"2.0","id":${idText},"error":${error}}`));
    });
    return true;
  }

  /** A subscription gets no answer. @returns whether it was one of these */
  onFailed(id: Id, error: BridgeError): boolean {
    if (this.#next?.id !== id) return this.#lose(id);
    this.#refused((request) => {
      this.#ends.fail(request.id, error, true);
    });
    return true;
  }

  #isOwn(id: Id): boolean {
    return id === this.#current?.id || id === this.#next?.id;
  }

  #openNext(): void {
    const waiting = this.#waiting.splice(0);
    const uris = [...this.#uris];
    const resources = uris.length > 0 ? { resourceSubscriptions: uris } : {};
    const notifications = { ...this.#lists, ...resources };
    const next = { id: this.#ends.nextId(), for: waiting };
    if (Object.keys(notifications).length === 0) {
      this.#replace(undefined, waiting);
      return;
    }
    this.#next = next;
    const asked = { jsonrpc: '2.0', id: next.id, method: 'subscriptions/listen', params: { notifications } };
    this.#ends.toServer(this.#client.dress(Bytes.from(JSON.stringify(asked))));
  }

  #acknowledged(id: Id): void {
    const next = this.#next;
    if (next?.id !== id) return;
    this.#next = undefined;
    this.#replace(next, next.for);
    if (this.#waiting.length > 0) this.#openNext();
  }

  #replace(listen: Listen | undefined, answered: readonly Request[]): void {
    const old = this.#current;
    this.#current = listen;
    if (old) this.#cancel(old.id);
    for (const { idText } of answered) this.#ends.toClient(messageOf(`{"jsonrpc":"2.0","id":${idText},"result":{}}`));
  }

  #cancel(requestId: string): void {
    const params = { requestId, reason: 'Another one takes its place' };
    this.#ends.toServer(messageOf(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params })));
  }

  /** What is listened for stays as it was. */
  #refused(tell: (request: Request) => void): void {
    const requests = this.#next?.for ?? [];
    this.#next = undefined;
    for (const { method, uri } of requests)
      if (uri !== undefined && method === 'resources/subscribe') this.#uris.delete(uri);
    for (const request of requests) tell(request);
    if (this.#waiting.length > 0) this.#openNext();
  }

  /** One that was open has ended, or one that is opened was ended before it was. */
  #lose(id: Id | undefined): boolean {
    if (id === undefined || !this.#isOwn(id)) return false;
    if (id === this.#current?.id) this.#current = undefined;
    else {
      this.#waiting.unshift(...(this.#next?.for ?? []));
      this.#next = undefined;
    }
    this.#reopened += 1;
    if (this.#next) return true;
    if (this.#reopened <= maxReopened) this.#openNext();
    else this.#giveUp();
    return true;
  }

  #giveUp(): void {
    const error = new BridgeError(
      'UPSTREAM_GARBLED',
      `Cannot subscribe: the server ended ${maxReopened} subscriptions`,
    );
    for (const { id } of this.#waiting.splice(0)) this.#ends.fail(id, error, true);
  }
}

function declares(capability: unknown, name: string): boolean {
  return typeof capability === 'object' && capability !== null && (capability as Capabilities)[name] === true;
}

function untagged(bytes: Bytes): string {
  const members = memberTexts(bytes.toString());
  const params = objectIn(members.get('params'));
  const tagged = objectIn(params.get('_meta'));
  const rest = new Map([...tagged].filter(([name]) => name !== 'io.modelcontextprotocol/subscriptionId'));
  const meta = rest.size === 0 ? undefined : new RawJson(changedIn(rest, {}));
  return changed(members, 'params', new RawJson(changed(params, '_meta', meta)));
}
