import { BridgeError, type ErrorData } from '../base/errors.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Notification, Request, Response } from '../jsonrpc/message.ts';
import type { Place, Room } from '../pool/place.ts';
import type { SharedClient, SharedUpstream } from '../upstream/shared-upstream.ts';
import type { Handshake } from '../upstream/handshake.ts';
import { cancelNotice, type CancelNotice } from './cancel-notice.ts';
import type { Channel, ChannelReceiver, Visitor } from './channel.ts';
import { ClientQuestions } from './client-questions.ts';
import { Outlet } from './outlet.ts';
import { messageOf } from './rewrite.ts';

/** What a shared server does for one of its channels. */
export interface SharedHome {
  /** Room for a call now; undefined when it has to wait. @param room what it needs of its upstream */
  tryTake(room: Room): Place | undefined;
  /** Room for a call, for one of `bytes` bytes. */
  wait(client: SharedChannel, bytes: number, signal: AbortSignal, room: Room): Promise<Place>;
  /** A visitor comes. @returns the handshake with the server, as it is to be seen */
  enter(client: SharedChannel, visitor: Visitor): Handshake | Promise<Handshake>;
  /** Whether the server asks its client something while it works on a request, as far as is known. */
  expects(request: Request): 'nothing' | 'perhaps' | 'questions';
  /** A request was answered, or asked about. @param hasAsked whether the server asked something meanwhile */
  learn(request: Request, hasAsked: boolean): void;
  /**
   * Answers `initialize`.
   *
   * @param signal the client does not wait for it any more
   * @returns the result as JSON
   */
  initialize(client: SharedChannel, bytes: Bytes, signal: AbortSignal): Promise<string>;
  /**
   * What needs no call, or more than one: undefined when it is a call like any other.
   * @returns the answer, or what is to be done when the server has answered
   */
  serve(client: SharedChannel, request: Request): LocalAnswer | AfterAnswer | undefined;
  /** Whether a client gets a log message of this level. */
  admits(client: SharedChannel, level: string | undefined): boolean;
  /** An upstream that takes what concerns no call. */
  any(): SharedUpstream | undefined;
  leave(client: SharedChannel): void;
}

/** The whole answer, with the id in it. */
export type LocalAnswer = { readonly kind: 'answer'; readonly bytes: Bytes };
export type AfterAnswer = {
  readonly kind: 'after';
  readonly run: (answer: Response, shared: SharedUpstream) => void;
};

interface Call {
  readonly request: Request;
  readonly after: AfterAnswer['run'] | undefined;
  /** Gives the wait for room up; undefined when there was room at once. */
  waiting?: AbortController;
  place?: Place;
  /** Its id on the upstream. */
  sentId?: number;
  /** What the upstream had said when it was sent. */
  messagesBefore?: number;
  /** The server asked something that it can only have come about through this. */
  hasAsked?: boolean;
}

/** One client's share of a server that many use: to its session it looks like an upstream of its own. */
export class SharedChannel implements Channel, SharedClient {
  readonly name = 'shared';
  readonly key: string;
  readonly noiseLines = 0;
  readonly isBusy = false;
  readonly #home: SharedHome;
  readonly #questions = new ClientQuestions();
  readonly #calls = new Map<Id, Call>();
  readonly #out = new Outlet();
  /** Aborted when the session is over; there is one when somebody waits for that. */
  #closing: AbortController | undefined;
  #isClosed = false;
  #visitor: Visitor | undefined;

  /** @param key tells it from the other channels of its server */
  constructor(home: SharedHome, key: string) {
    this.#home = home;
    this.key = key;
  }

  attach(receiver: ChannelReceiver): void {
    this.#out.attach(receiver);
  }

  send(bytes: Bytes, message: Envelope): void {
    if (message.kind === 'request') this.#request(message, bytes);
    else if (message.kind === 'notification') this.#notify(message, bytes);
    else if (message.kind === 'response') this.#questions.answer(message, bytes);
  }

  enter(visitor: Visitor): Handshake | Promise<Handshake> {
    this.#questions.allowAll();
    this.#visitor = visitor;
    return this.#home.enter(this, visitor);
  }

  rest(): void {
    for (const { place } of this.#calls.values()) place?.rest();
  }

  async wake(): Promise<void> {
    await Promise.all([...this.#calls.values()].map(({ place }) => place?.wake() ?? Promise.resolve()));
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

  /** The session is over: nobody waits for its calls any more. */
  close(): void {
    this.#isClosed = true;
    this.#closing?.abort();
    for (const call of [...this.#calls.values()]) this.#drop(call, cancelNotice(call.request.idText));
    this.#questions.abandon();
    // Its upstream remembers for a while who gave something up.
    this.#out.close();
    this.#home.leave(this);
  }

  onMessage(message: Response | Notification, bytes: Bytes): void {
    if (message.kind === 'response') {
      const call = this.#take(message.id);
      call?.place?.release();
      if (call?.place) call.after?.(message, call.place.shared);
      if (call && !message.isError) this.#home.learn(call.request, call.hasAsked === true);
    }
    this.#out.deliver(message, bytes);
  }

  onFailed(id: Id, error: BridgeError): void {
    this.#take(id)?.place?.release();
    this.#out.fail(id, error, true);
  }

  onAside(message: Request | Notification, bytes: Bytes, from: SharedUpstream, cause: Id): void {
    if (message.kind === 'notification' && message.method === 'notifications/message') {
      if (!this.#home.admits(this, message.level)) return;
    }
    const causing = message.kind === 'request' ? this.#calls.get(cause) : undefined;
    if (causing && causing.hasAsked !== true) {
      causing.hasAsked = true;
      this.#home.learn(causing.request, true);
    }
    const aside = this.#questions.translate(message, bytes, from);
    if (aside) this.#out.deliver(aside.message, aside.bytes, cause);
  }

  /** What the server says to everybody, or takes back of what it has asked somebody. */
  onBroadcast(notification: Notification, bytes: Bytes, from: SharedUpstream): void {
    const said = this.#questions.translate(notification, bytes, from);
    if (said) this.#out.deliver(said.message, said.bytes);
  }

  #request(request: Request, bytes: Bytes): void {
    if (request.method === 'initialize') {
      void this.#initialize(request, bytes);
      return;
    }
    if (request.isTask || request.method.startsWith('tasks/')) {
      const sentence = 'Cannot make a task: this server is shared by many clients; wanted sharing: session';
      this.#out.fail(request.id, new BridgeError('NOT_SHARED', sentence), false);
      return;
    }
    const served = this.#home.serve(this, request);
    if (served?.kind === 'answer') this.#answer(served.bytes.toString());
    else this.#call(request, bytes, served?.run);
  }

  async #initialize(request: Request, bytes: Bytes): Promise<void> {
    try {
      this.#questions.learn(bytes);
      const result = await this.#home.initialize(this, bytes, this.#signal());
      this.#answer(`{"jsonrpc":"2.0","id":${request.idText},"result":${result}}`);
    } catch (error) {
      const known = error instanceof BridgeError ? error : new BridgeError('INTERNAL', 'Internal error');
      this.#out.fail(request.id, known, false);
    }
  }

  /** In the server's place. */
  #answer(text: string): void {
    const { bytes, envelope } = messageOf(text);
    this.#out.deliver(envelope, bytes);
  }

  #signal(): AbortSignal {
    this.#closing ??= new AbortController();
    if (this.#isClosed) this.#closing.abort();
    return this.#closing.signal;
  }

  #call(request: Request, bytes: Bytes, after: AfterAnswer['run'] | undefined): void {
    const call: Call = { request, after };
    this.#calls.set(request.id, call);
    const room = this.#roomFor(request);
    const place = this.#home.tryTake(room);
    if (place) this.#start(call, place, bytes);
    else void this.#wait(call, bytes, room);
  }

  /** It has to be clear whose questions are whose; and whom they cannot be put to. */
  #roomFor(request: Request): Room {
    const expected = this.#visitor ? this.#home.expects(request) : 'nothing';
    if (expected === 'questions') return 'alone';
    return expected === 'perhaps' && this.#visitor?.isAskable === true ? 'quiet' : 'any';
  }

  async #wait(call: Call, bytes: Bytes, room: Room): Promise<void> {
    const { id } = call.request;
    call.waiting = new AbortController();
    try {
      const place = await this.#home.wait(this, bytes.length, call.waiting.signal, room);
      const isWanted = this.#calls.get(id) === call;
      // Meanwhile it is known that it will be asked: here, nobody could tell that it is about this one.
      const isTooClose = room === 'quiet' && !place.shared.isQuiet && this.#roomFor(call.request) === 'alone';
      if (isWanted && !isTooClose) this.#start(call, place, bytes);
      else place.release();
      if (isWanted && isTooClose) await this.#wait(call, bytes, 'alone');
    } catch (error) {
      // Given up by the client: it expects nothing any more.
      if (this.#calls.get(id) !== call) return;
      this.#take(id);
      this.#out.fail(id, error as BridgeError, false);
    }
  }

  #start(call: Call, place: Place, bytes: Bytes): void {
    call.place = place;
    call.messagesBefore = place.shared.messages;
    call.sentId = place.shared.call(this, call.request, bytes);
  }

  #take(id: Id): Call | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  #notify(message: Notification, bytes: Bytes): void {
    switch (message.method) {
      case 'notifications/cancelled':
        this.#cancel(message, bytes);
        return;
      case 'notifications/progress':
        this.#questions.progress(message, bytes);
        return;
      // Gangway has said the first itself, and the server knows nothing of anybody's roots but what it asks for.
      case 'notifications/initialized':
      case 'notifications/roots/list_changed':
        return;
      default:
        this.#home.any()?.send(bytes);
    }
  }

  #cancel({ requestId, spans }: Notification, bytes: Bytes): void {
    const call = requestId === undefined ? undefined : this.#calls.get(requestId);
    if (call && spans.requestId) this.#drop(call, { bytes, span: spans.requestId });
  }

  #drop(call: Call, notice: CancelNotice): void {
    this.#take(call.request.id);
    call.waiting?.abort();
    const { place, sentId } = call;
    if (!place || sentId === undefined) return;
    // It has not said a word since: perhaps it hangs.
    if (!this.#isClosed && place.shared.messages === call.messagesBefore) place.suspect();
    place.shared.cancel(sentId, notice);
    place.release();
  }
}
