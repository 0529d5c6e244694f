import { z } from 'zod';
import type { BridgeError } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Notification, Request, Response } from '../jsonrpc/message.ts';
import type { SharedClient, SharedUpstream } from '../upstream/shared-upstream.ts';
import { cancelNotice, type CancelNotice } from './cancel-notice.ts';
import { messageOf } from './rewrite.ts';

/** Who has opened a subscription. */
export interface Listener {
  /** What the subscription tells; its last word is the answer to the request. */
  onTold(message: Envelope, bytes: Bytes): void;
  /** There is no such subscription any more. @param wasSent whether a server may have seen the request */
  onLost(error: BridgeError, wasSent: boolean): void;
}

/** What becomes of a subscription besides what its client is told. */
export interface ListenEvents {
  /** Its upstream has ended: it needs another. */
  onHomeless(listen: RelayListen): void;
  onOver(listen: RelayListen): void;
  /** A task is told of. */
  onTask(notification: Notification, from: SharedUpstream): void;
}

const meta = 'io.modelcontextprotocol/subscriptionId';

const flag = z.boolean().catch(false).default(false);
const texts = z.array(z.string()).catch([]).default([]);
const filter = z.object({
  toolsListChanged: flag,
  promptsListChanged: flag,
  resourcesListChanged: flag,
  resourceSubscriptions: texts,
  taskIds: texts,
});
const filtered = z.object({ params: z.object({ notifications: filter }) });

/**
 * One client's subscription. It goes on when its upstream ends: it is opened again on another one, and because
 * something may have changed in between, the client is told that everything has.
 *
 * @see MCP 2026-07-28, Subscriptions
 */
export class RelayListen implements SharedClient {
  readonly request: Request;
  /** Tasks that it wants to be told of. */
  readonly taskIds: readonly string[];
  readonly #bytes: Bytes;
  readonly #listener: Listener;
  readonly #events: ListenEvents;
  #shared: SharedUpstream | undefined;
  #sentId = 0;
  #wasSent = false;
  /** What its client was told that it hears of; undefined before. */
  #acknowledged: z.infer<typeof filter> | undefined;
  /** Whether its client waits for an acknowledgement that it has had already. */
  #isReopened = false;

  constructor(request: Request, bytes: Bytes, listener: Listener, events: ListenEvents) {
    this.request = request;
    this.#bytes = bytes.kept();
    this.#listener = listener;
    this.#events = events;
    this.taskIds = filterIn(bytes)?.taskIds ?? [];
  }

  /** The upstream that it is open on. */
  get shared(): SharedUpstream | undefined {
    return this.#shared;
  }

  /** Opens it on an upstream that has not ended. */
  open(shared: SharedUpstream): void {
    this.#isReopened = this.#acknowledged !== undefined;
    this.#wasSent = true;
    this.#shared = shared;
    this.#sentId = shared.call(this, this.request, this.#bytes);
  }

  /** Leaves the upstream that it is open on. */
  leave(notice: CancelNotice = cancelNotice(this.request.idText)): void {
    const shared = this.#shared;
    this.#shared = undefined;
    shared?.cancel(this.#sentId, notice);
  }

  /** Ends it in order: its client learns that nothing more comes. One that no server has seen is refused instead. */
  finish(error: BridgeError): void {
    this.leave();
    this.#events.onOver(this);
    if (this.#wasSent) this.#lastWord();
    else this.#listener.onLost(error, false);
  }

  /** It cannot be had again. */
  lose(error: BridgeError): void {
    this.leave();
    this.#events.onOver(this);
    this.#listener.onLost(error, this.#wasSent);
  }

  onMessage(message: Response | Notification, bytes: Bytes): void {
    if (message.kind === 'response') {
      this.#shared = undefined;
      this.#events.onOver(this);
      this.#listener.onTold(message, bytes);
    } else if (message.method === 'notifications/cancelled') {
      this.#shared = undefined;
      this.#events.onOver(this);
      this.#lastWord();
    } else {
      this.#onTold(message, bytes);
    }
  }

  onFailed(_id: Id, error: BridgeError): void {
    const hasEnded = this.#shared?.hasEnded === true;
    this.#shared = undefined;
    if (hasEnded) this.#events.onHomeless(this);
    else this.lose(error);
  }

  onAside(): void {
    // A log line that names no subscription is of none.
  }

  #onTold(message: Notification, bytes: Bytes): void {
    if (message.method === 'notifications/tasks' && this.#shared) this.#events.onTask(message, this.#shared);
    if (message.method !== 'notifications/subscriptions/acknowledged') {
      this.#listener.onTold(message, bytes);
    } else if (!this.#isReopened) {
      this.#acknowledged = filterIn(bytes);
      this.#listener.onTold(message, bytes);
    } else if (this.#acknowledged) {
      this.#isReopened = false;
      this.#tellAll(this.#acknowledged);
    }
  }

  #tellAll(heard: z.infer<typeof filter>): void {
    for (const list of ['tools', 'prompts', 'resources'] as const) {
      if (heard[`${list}ListChanged`]) this.#tell(`notifications/${list}/list_changed`, '');
    }
    for (const uri of heard.resourceSubscriptions) {
      this.#tell('notifications/resources/updated', `,"uri":${JSON.stringify(uri)}`);
    }
  }

  #tell(method: string, more: string): void {
    const params = `{"_meta":{"${meta}":${this.request.idText}}${more}}`;
    const { envelope, bytes } = messageOf(`{"jsonrpc":"2.0","method":"${method}","params":${params}}`);
    this.#listener.onTold(envelope, bytes);
  }

  /** @see MCP 2026-07-28, Subscriptions, "Graceful Closure" */
  #lastWord(): void {
    const { idText } = this.request;
    const result = `{"resultType":"complete","_meta":{"${meta}":${idText}}}`;
    const { envelope, bytes } = messageOf(`{"jsonrpc":"2.0","id":${idText},"result":${result}}`);
    this.#listener.onTold(envelope, bytes);
  }
}

/** What a request or an acknowledgement says is told of. */
function filterIn(bytes: Bytes): z.infer<typeof filter> | undefined {
  const read = filtered.safeParse(JSON.parse(bytes.toString()));
  return read.success ? read.data.params.notifications : undefined;
}
