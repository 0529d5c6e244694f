import type { Clock } from '../base/clock.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import { isRefusal, readMessage, serverLimits, type Envelope, type Id } from '../jsonrpc/message.ts';
import { BackPressure } from '../relay/back-pressure.ts';
import type { Channel } from '../relay/channel.ts';
import type { Exchange } from '../relay/exchange.ts';
import type { Outflow } from '../relay/reply.ts';
import { Questions } from './questions.ts';
import type { ResumableStream } from './resumable-stream.ts';
import { StandaloneStreams } from './standalone-streams.ts';

/**
 * What the server of a session says on its own: it goes to the stream of a request or to GET, what it asks is
 * remembered until it is answered, and it is slowed down to the pace of its client.
 */
export class Outbound {
  readonly #upstream: Channel;
  readonly #clock: Clock;
  readonly #questions = new Questions();
  readonly #standalone = new StandaloneStreams();
  readonly #backPressure: BackPressure;

  constructor(upstream: Channel, clock: Clock) {
    this.#upstream = upstream;
    this.#clock = clock;
    this.#backPressure = new BackPressure(upstream, clock);
  }

  /** Whether a GET stream is open. */
  get hasListener(): boolean {
    return this.#standalone.isConnected;
  }

  toStream(exchange: Exchange, message: Envelope, bytes: Bytes): void {
    if (message.kind === 'request') this.#questions.ask(message.id, exchange);
    else if (message.kind === 'notification' && message.method === 'notifications/progress')
      exchange.touch(this.#clock.now());
    if (!exchange.deliver(bytes)) this.hold(exchange.reply);
  }

  toGet(message: Envelope, bytes: Bytes): void {
    if (message.kind === 'request') {
      if (message.method === 'ping' && !this.hasListener) {
        // Nobody is there to say so, but the client is alive as far as anybody knows.
        this.tell(`{"jsonrpc":"2.0","id":${message.idText},"result":{}}`);
        return;
      }
      this.#questions.ask(message.id, undefined);
    }
    const slow = this.#standalone.deliver(bytes);
    if (slow) this.hold(slow);
  }

  /** A GET stream that was opened. */
  listen(stream: ResumableStream): void {
    if (!this.#standalone.add(stream)) this.hold(stream);
  }

  /** A stream whose client is back; one of GET gets what comes next again. */
  comeBack(stream: ResumableStream): void {
    if (this.#standalone.has(stream)) this.listen(stream);
  }

  /** The client answers a question. @returns whether there is one that waits: another answer must not reach the server */
  answer(id: Id): boolean {
    if (!this.#questions.has(id)) return false;
    this.#questions.answer(id, this.#clock.now());
    return true;
  }

  /** The client reads slower than the server writes. */
  hold(stream: Outflow): void {
    this.#backPressure.hold(stream);
  }

  cutStalled(now: number): void {
    this.#backPressure.cutStalled(now);
  }

  /** They cannot slow the server down, and it has said too much. */
  cutBehind(): void {
    this.#backPressure.cutAll();
  }

  endAll(): void {
    this.#standalone.endAll();
  }

  /** Tells the server something of our own: one that does not read cannot be told. */
  tell(text: string): void {
    const bytes = Bytes.from(text);
    const message = readMessage(bytes, serverLimits);
    const isMessage = !isRefusal(message) && message.kind !== 'batch';
    if (isMessage && !this.#upstream.isBusy) this.#upstream.send(bytes, message);
  }
}
