import { BridgeError, type ErrorData } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Notification, Request, Response } from '../jsonrpc/message.ts';
import type { Place } from '../pool/place.ts';
import { isListening } from '../upstream/restored.ts';
import type { SharedClient, SharedUpstream } from '../upstream/shared-upstream.ts';
import { cancelNotice, type CancelNotice } from './cancel-notice.ts';
import type { Channel, ChannelReceiver } from './channel.ts';
import { Outlet } from './outlet.ts';
import type { RelayListen } from './relay-listen.ts';
import type { RelayListens } from './relay-listens.ts';
import { messageOf } from './rewrite.ts';
import type { TaskOwners } from './task-owners.ts';

/** What a server that speaks 2026-07-28 does for one of its channels. */
export interface RelayHome {
  readonly listens: RelayListens;
  readonly tasks: TaskOwners;
  /** Whether the server makes tasks. */
  readonly hasTasks: boolean;
  /** Room for a call now; undefined when it has to wait. */
  tryTake(): Place | undefined;
  /** Room for a call, for one of `bytes` bytes. @param client whose it is: clients are served in turns */
  wait(client: string, bytes: number, signal: AbortSignal): Promise<Place>;
}

interface Call {
  readonly request: Request;
  /** Where it is; undefined while it waits for room. */
  shared?: SharedUpstream;
  /** Its id there. */
  sentId?: number;
  /** What the upstream had said when it was sent. */
  messagesBefore?: number;
  /** Its room; undefined for one that takes none. */
  place?: Place;
  /** Gives the wait for room up; undefined when there was room at once. */
  waiting?: AbortController;
}

const ofTasks = new Set(['tasks/get', 'tasks/update', 'tasks/cancel']);

/**
 * One client's requests to a server that speaks 2026-07-28 itself, one or many at once: they pass as they are, but for
 * ids, progress tokens and the ids of subscriptions.
 */
export class RelayChannel implements Channel, SharedClient {
  readonly name = 'relay';
  readonly noiseLines = 0;
  readonly isBusy = false;
  readonly #home: RelayHome;
  readonly #client: string;
  readonly #out = new Outlet();
  readonly #calls = new Map<Id, Call>();
  readonly #listens = new Map<Id, RelayListen>();
  #isClosing = false;

  /** @param client whose it is: one client may have many channels */
  constructor(home: RelayHome, client: string) {
    this.#home = home;
    this.#client = client;
  }

  attach(receiver: ChannelReceiver): void {
    this.#out.attach(receiver);
  }

  send(bytes: Bytes, message: Envelope): void {
    if (message.kind === 'request') this.#request(message, bytes);
    // The one thing that a client says without asking. Questions there are none: no answer is due to anybody.
    else if (message.kind === 'notification' && message.method === 'notifications/cancelled') {
      this.#cancel(message, bytes);
    }
  }

  pause(): void {
    this.#out.pause();
  }

  resume(): void {
    this.#out.resume();
  }

  /** Its pool looks after that. */
  isAlive(): boolean {
    return true;
  }

  describeExit(): ErrorData {
    return {};
  }

  /** Nobody waits for its requests any more. */
  close(): void {
    this.#isClosing = true;
    for (const call of [...this.#calls.values()]) this.#drop(call, cancelNotice(call.request.idText));
    for (const listen of this.#listens.values()) this.#home.listens.close(listen);
    this.#listens.clear();
  }

  onMessage(message: Response | Notification, bytes: Bytes): void {
    if (message.kind === 'response') {
      const call = this.#take(message.id);
      // First of all: what is left of the call keeps its upstream.
      if (call) this.#learn(call, message);
      call?.place?.release();
    }
    this.#out.deliver(message, bytes);
  }

  onFailed(id: Id, error: BridgeError): void {
    this.#take(id)?.place?.release();
    this.#out.fail(id, error, true);
  }

  onAside(message: Request | Notification, bytes: Bytes, _from: SharedUpstream, cause: Id): void {
    this.#out.deliver(message, bytes, cause);
  }

  #request(request: Request, bytes: Bytes): void {
    if (isListening(request)) this.#listen(request, bytes);
    else if (ofTasks.has(request.method) && request.taskId !== undefined) this.#ask(request, request.taskId, bytes);
    else this.#call(request, bytes);
  }

  #listen(request: Request, bytes: Bytes): void {
    const listen = this.#home.listens.open(request, bytes, {
      onTold: (message, told) => {
        if (message.kind === 'response') this.#listens.delete(request.id);
        this.#out.deliver(message, told);
      },
      onLost: (error, wasSent) => {
        this.#listens.delete(request.id);
        this.#out.fail(request.id, error, wasSent);
      },
    });
    this.#listens.set(request.id, listen);
  }

  /** Only the one that has a task knows it, and however much that has to do, a client may ask for its task. */
  #ask(request: Request, taskId: string, bytes: Bytes): void {
    const found = this.#home.tasks.find(taskId);
    // Where one has it that nobody remembers here, it could be another client's.
    if (!this.#home.hasTasks) this.#call(request, bytes);
    else if (request.claim?.hasTasks === false) this.#out.fail(request.id, withoutTasks(), false);
    else if ('lost' in found) {
      const why = found.lost === undefined ? '' : `: ${found.lost}`;
      const error = JSON.stringify({ code: -32_602, message: `Task not found${why}` });
      const { envelope, bytes: text } = messageOf(`{"jsonrpc":"2.0","id":${request.idText},"error":${error}}`);
      this.#out.deliver(envelope, text);
    } else if (found.owner.upstream.isBusy) {
      const sentence = 'Cannot ask for the task: the server that has it does not keep up';
      this.#out.fail(request.id, new BridgeError('UPSTREAM_BUSY', sentence), false);
    } else {
      this.#start(this.#add(request), found.owner, bytes);
    }
  }

  #call(request: Request, bytes: Bytes): void {
    const call = this.#add(request);
    const place = this.#home.tryTake();
    if (!place) {
      void this.#wait(call, bytes);
      return;
    }
    call.place = place;
    this.#start(call, place.shared, bytes);
  }

  async #wait(call: Call, bytes: Bytes): Promise<void> {
    const { id } = call.request;
    call.waiting = new AbortController();
    try {
      const place = await this.#home.wait(this.#client, bytes.length, call.waiting.signal);
      if (this.#calls.get(id) !== call) {
        place.release();
        return;
      }
      call.place = place;
      this.#start(call, place.shared, bytes);
    } catch (error) {
      // Given up by the client: it expects nothing any more.
      if (this.#calls.get(id) !== call) return;
      this.#take(id);
      this.#out.fail(id, error as BridgeError, false);
    }
  }

  #add(request: Request): Call {
    const call: Call = { request };
    this.#calls.set(request.id, call);
    return call;
  }

  #start(call: Call, shared: SharedUpstream, bytes: Bytes): void {
    call.shared = shared;
    call.messagesBefore = shared.messages;
    call.sentId = shared.call(this, call.request, bytes);
  }

  #take(id: Id): Call | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  #learn({ request, shared }: Call, { result }: Response): void {
    if (result?.taskId === undefined || !shared) return;
    const facts = { status: result.taskStatus, ttlMs: result.ttlMs };
    if (result.type === 'task') this.#home.tasks.add(result.taskId, shared, facts);
    else if (request.method === 'tasks/get') this.#home.tasks.onStatus(result.taskId, shared, facts);
  }

  #cancel({ requestId, spans }: Notification, bytes: Bytes): void {
    if (requestId === undefined || !spans.requestId) return;
    const notice = { bytes, span: spans.requestId };
    const call = this.#calls.get(requestId);
    if (call) this.#drop(call, notice);
    const listen = this.#listens.get(requestId);
    this.#listens.delete(requestId);
    if (listen) this.#home.listens.close(listen, notice);
  }

  #drop(call: Call, notice: CancelNotice): void {
    this.#take(call.request.id);
    call.waiting?.abort();
    const { shared, sentId, place } = call;
    if (!shared || sentId === undefined) return;
    // It has not said a word since: perhaps it hangs.
    if (!this.#isClosing && shared.messages === call.messagesBefore) place?.suspect();
    shared.cancel(sentId, notice);
    place?.release();
  }
}

/** @see MCP 2026-07-28, extension "Tasks": what a server answers a client that has not said that it knows tasks */
function withoutTasks(): BridgeError {
  const requiredCapabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
  const sentence = 'Cannot ask for a task: the client has not declared that it knows tasks';
  return new BridgeError('CAPABILITY_MISSING', sentence, {}, { peerData: { requiredCapabilities } });
}
