import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { ServerConfig } from '../config/config.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Notification, Response } from '../jsonrpc/message.ts';
import { memberTexts, RawJson } from '../jsonrpc/raw-json.ts';
import type { ChannelReceiver } from '../relay/channel.ts';
import { BackPressure } from '../relay/back-pressure.ts';
import { Exchange, type ExchangeLimits } from '../relay/exchange.ts';
import { changed, withParam } from '../relay/rewrite.ts';
import { endError, garbledAnswer, timeoutError } from '../upstream/end-error.ts';
import type { UpstreamEnd } from '../upstream/upstream.ts';
import type { Dialogue } from './dialogue.ts';
import { statusOf, type ModernReply } from './modern-reply.ts';
import type { Incoming } from './incoming.ts';
import type { Seat } from './seat.ts';

interface Surroundings {
  readonly server: Pick<ServerConfig, 'callTimeoutMs' | 'maxCallTimeMs' | 'maxLineBytes'>;
  readonly clock: Clock;
  /** It has an answer, or nobody waits for one, and its channel was given back. */
  readonly onOver: (call: ModernCall) => void;
}

/** What became of a request at its server. */
type Outcome =
  | { readonly kind: 'answer'; readonly message: Response; readonly bytes: Bytes }
  | { readonly kind: 'error'; readonly error: BridgeError; readonly wasSent: boolean };

/** A silent response becomes a stream after this long, so that nothing on the way takes it for dead. */
const silentMs = 2000;
const listen = 'subscriptions/listen';
/** Of an answer that its client is not there for. */
const maxKeptBytes = 1024 * 1024;

/**
 * One request of 2026-07-28 on its way to a server and back. When its client goes, the server is told. Where the server
 * is a legacy one, a `Dialogue` makes one of the revision of what it says; it may need several rounds, each with a POST
 * of its own.
 */
export class ModernCall implements ChannelReceiver {
  readonly #seat: Seat;
  readonly #around: Surroundings;
  readonly #dialogue: Dialogue | undefined;
  #pressure: BackPressure | undefined;
  /** Of the POST that began it. */
  readonly #id: Id;
  readonly #idText: string;
  readonly #firstToken: string | undefined;
  /** The POST that is to be answered; undefined while its client is to come back. */
  #exchange: Exchange | undefined;
  #reply: ModernReply | undefined;
  /** The progress token of the POST that is to be answered. */
  #tokenText: string | undefined;
  #outcome: Outcome | undefined;
  #isOver = false;
  /** When it ends although the server has not answered: nobody will come back for it. */
  #abandonedUntil = Infinity;

  constructor(seat: Seat, incoming: Incoming, dialogue: Dialogue | undefined, around: Surroundings) {
    this.#seat = seat;
    this.#around = around;
    this.#dialogue = dialogue;
    this.#id = incoming.request.id;
    this.#idText = incoming.request.idText;
    dialogue?.begin(this);
    this.#take(incoming);
    this.#firstToken = this.#tokenText;
  }

  /** Whether a client waits for it now. */
  get isWaitedFor(): boolean {
    return this.#exchange !== undefined;
  }

  /** Whether it is a stream of changes, which ends when somebody ends it. */
  get isListening(): boolean {
    return this.#exchange?.request.method === listen;
  }

  /** Sends the request. */
  start({ bytes, request }: Incoming): void {
    this.#seat.attach(this);
    if (!this.#isOver) this.#seat.channel.send(bytes, request);
  }

  /** Its client is back. @param answer tells the server what the client answered */
  async goOn(incoming: Incoming, answer: () => void): Promise<void> {
    this.#take(incoming);
    if (this.#outcome) {
      this.#finish(this.#outcome);
      return;
    }
    await this.#seat.channel.wake?.();
    if (!this.#isOver) answer();
  }

  /** Something that comes before the answer. */
  deliver(bytes: Bytes): void {
    if (this.#exchange && this.#reply && !this.#exchange.deliver(bytes)) this.#hold(this.#reply);
  }

  /** The client has to answer something first: this POST is over, the request is not. @param result the whole result */
  interrupt(result: string): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.finish(Bytes.from(`{"jsonrpc":"2.0","id":${exchange.request.idText},"result":${result}}`));
    this.#reply = undefined;
    this.#seat.channel.rest?.();
  }

  /** An error of Gangway's own in place of an answer. */
  fail(error: BridgeError, wasSent = true): void {
    this.#settle({ kind: 'error', error, wasSent });
  }

  /** Nobody will come back for it: the server may still end it in order. */
  abandon(): void {
    this.#abandonedUntil = this.#around.clock.now() + this.#around.server.callTimeoutMs;
    if (this.#outcome) this.#end();
  }

  /** Ends what is overdue. Called a few times a second. */
  tick(now: number): void {
    this.#pressure?.cutStalled(now);
    const exchange = this.#exchange;
    exchange?.keepAlive(now);
    if (exchange?.isLate(now) === true) {
      const waitedMs = Math.round(exchange.age(now));
      this.fail(timeoutError(false, waitedMs, this.#seat.channel));
    } else if (now >= this.#abandonedUntil) this.#end();
    else if (!this.#seat.channel.isAlive(now, false)) this.fail(unresponsive(this.#seat));
  }

  /** Ends it now. @param error for a client that waits */
  close(error: BridgeError): void {
    if (this.#exchange) this.fail(error);
    else this.#end();
  }

  onMessage(message: Envelope, bytes: Bytes): void {
    if (this.#isOver) return;
    if (message.kind === 'response') {
      if (message.id === this.#id) this.#settle({ kind: 'answer', message, bytes });
    } else if (message.kind === 'notification') this.#onNotification(message, bytes);
    else if (message.kind === 'request') this.#dialogue?.ask(message, bytes);
  }

  onGarbled(id: Id): void {
    this.onFailed(id, garbledAnswer(), true);
  }

  onFailed(id: Id, error: BridgeError, wasSent: boolean): void {
    if (id === this.#id) this.fail(error, wasSent);
  }

  onFlood(): void {
    this.#pressure?.cutAll();
  }

  onEnd(end: UpstreamEnd): void {
    this.fail(endError(end, this.#around.server.maxLineBytes, this.#seat.channel));
  }

  #take(incoming: Incoming): void {
    const { request, bytes, reply } = incoming;
    const { clock, server } = this.#around;
    this.#exchange = new Exchange(request, reply, clock.now(), limitsFor(request.method, server));
    this.#reply = reply;
    const { token } = request.spans;
    this.#tokenText = token && request.progressToken !== undefined ? bytes.text(...token) : undefined;
    const exchange = this.#exchange;
    reply.onClose(() => {
      // The connection is the request: who cuts it gives it up.
      if (this.#exchange === exchange) this.#end();
    });
  }

  #onNotification(message: Notification, bytes: Bytes): void {
    if (message.method === 'notifications/progress') this.#onProgress(bytes);
    else if (this.#dialogue) this.#dialogue.hear(message, bytes);
    else this.deliver(bytes);
  }

  #onProgress(bytes: Bytes): void {
    if (!this.#exchange) return;
    this.#exchange.touch(this.#around.clock.now());
    const token = this.#tokenText;
    if (token === this.#firstToken) this.deliver(bytes);
    else if (token !== undefined) this.deliver(withParam(bytes, 'progressToken', new RawJson(token)).bytes);
  }

  /** The request is over at its server. */
  #settle(outcome: Outcome): void {
    if (this.#isOver || this.#outcome) return;
    if (this.#exchange) {
      this.#finish(outcome);
      return;
    }
    if (this.#abandonedUntil < Infinity) {
      this.#end();
      return;
    }
    // Its client is to come back: it gets this then.
    this.#outcome = keptFor(outcome);
    void this.#seat.release();
  }

  #finish(outcome: Outcome): void {
    const exchange = this.#exchange;
    const reply = this.#reply;
    if (!exchange || !reply) return;
    if (outcome.kind === 'error') {
      this.#refuse(exchange, outcome);
      return;
    }
    const seen = this.#dialogue ? this.#dialogue.answer(outcome.message, outcome.bytes, exchange.request) : outcome;
    if (seen instanceof BridgeError) {
      this.#refuse(exchange, { error: seen, wasSent: false });
      return;
    }
    reply.status = statusOf(seen.message.errorCode);
    const { idText } = exchange.request;
    this.#exchange = undefined;
    if (!exchange.finish(idText === this.#idText ? seen.bytes : withId(seen.bytes, idText))) this.#hold(reply);
    this.#end();
  }

  /** The client reads slower than the server writes. */
  #hold(reply: ModernReply): void {
    this.#pressure ??= new BackPressure(this.#seat.channel, this.#around.clock);
    this.#pressure.hold(reply);
  }

  /** What no server has seen has a status of its own; what one has seen is an answer like any other. */
  #refuse(exchange: Exchange, { error, wasSent }: { readonly error: BridgeError; readonly wasSent: boolean }): void {
    this.#exchange = undefined;
    if (wasSent) exchange.fail(error);
    else exchange.refuse(error);
    this.#end();
  }

  /** Gives the channel back; a server that still works on it is told. */
  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#exchange = undefined;
    this.#dialogue?.close();
    void this.#seat.release();
    this.#around.onOver(this);
  }
}

/** What a client that is to come back gets then. */
function keptFor(outcome: Outcome): Outcome {
  if (outcome.kind === 'error') return outcome;
  if (outcome.bytes.length <= maxKeptBytes) return { ...outcome, bytes: outcome.bytes.kept() };
  const sentence = `Cannot give the answer: it came before the client’s input and has more than ${maxKeptBytes} bytes`;
  return { kind: 'error', error: new BridgeError('ANSWER_LOST', sentence), wasSent: true };
}

/** The same message under another id. */
function withId(bytes: Bytes, idText: string): Bytes {
  return Bytes.from(changed(memberTexts(bytes.toString()), 'id', new RawJson(idText)));
}

/** A stream of changes lasts until somebody ends it. */
function limitsFor(method: string, { callTimeoutMs, maxCallTimeMs }: Surroundings['server']): ExchangeLimits {
  const isEndless = method === listen;
  return isEndless
    ? { callTimeoutMs: Infinity, maxCallTimeMs: Infinity, silentMs }
    : { callTimeoutMs, maxCallTimeMs, silentMs };
}

function unresponsive({ channel }: Seat): BridgeError {
  const sentence = 'Cannot finish the request: the server does not answer any more';
  return new BridgeError('UPSTREAM_EXITED', sentence, channel.describeExit());
}
