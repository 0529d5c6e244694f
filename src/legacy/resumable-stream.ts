import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import { errorMessage } from '../jsonrpc/error-message.ts';
import type { Connection, Reply } from '../relay/reply.ts';
import type { EventLog } from './event-log.ts';

/** A client that is cut off should come back after this time. */
const retryMs = 1000;
/** Answers whose ids are remembered, in case they cannot be kept: more than any batch has. */
const maxAnswers = 1000;

/** What the streams of one session share. */
export interface StreamHome {
  readonly log: EventLog;
  readonly clock: Clock;
  /** Whether the client understands an event without data, which tells it where to resume. */
  readonly isPrimed: boolean;
  /** Makes a stream one that can be resumed. @returns its number, unique in the session */
  register(stream: ResumableStream): number;
}

/**
 * The response to one request, or one GET stream, that outlives its connection: its events are numbered and kept, so
 * that a client that was cut off can come back and get the rest.
 *
 * @see MCP 2025-11-25, Transports, "Resumability and Redelivery"
 */
export class ResumableStream implements Reply {
  readonly #home: StreamHome;
  /** 0 as long as it is no stream. */
  #number = 0;
  #connection: Connection;
  /** The last event that was sent, or would have been. */
  #lastSeq = 0;
  /** Answers that are events of this stream: their places, and the ids of their requests. */
  readonly #answers: (readonly [seq: number, idText: string])[] = [];
  /** Whether the client has an id to resume by. */
  #isResumable = false;
  #isEnded = false;

  constructor(connection: Connection, home: StreamHome) {
    this.#connection = connection;
    this.#home = home;
  }

  get isConnected(): boolean {
    return this.#connection.isOpen;
  }

  get isOpen(): boolean {
    return !this.#isEnded && (this.#isResumable || this.#connection.isOpen);
  }

  get isStream(): boolean {
    return this.#number > 0;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  openStream(): void {
    if (this.isStream) return;
    this.#number = this.#home.register(this);
    this.#connect(this.#connection, 0);
  }

  event(message: Bytes, answerTo?: string): boolean {
    this.openStream();
    this.#lastSeq += 1;
    if (answerTo !== undefined) this.#remember(answerTo);
    const { log, clock } = this.#home;
    log.add({ stream: this.#number, seq: this.#lastSeq, message, at: clock.now() });
    if (!this.#connection.isOpen) return true;
    this.#isResumable = true;
    return this.#connection.event(message, this.#id(this.#lastSeq));
  }

  answer(message: Bytes, answerTo: string): boolean {
    if (!this.isStream) {
      this.#isEnded = true;
      return !this.#connection.isOpen || this.#connection.json(message);
    }
    const isFast = this.event(message, answerTo);
    this.close();
    return isFast;
  }

  refuse(error: unknown, idText: string): void {
    this.#isEnded = true;
    this.#connection.refuse(error, idText);
  }

  close(): void {
    if (this.#isEnded) return;
    this.openStream();
    this.#isEnded = true;
    this.#connection.end();
  }

  /**
   * The client is back: it gets what came after the event that it saw last, and then whatever comes.
   *
   * @throws {BridgeError} `EVENT_UNKNOWN` when no such event was ever sent
   */
  resume(connection: Connection, lastSeq: number): boolean {
    if (lastSeq > this.#lastSeq) throw new BridgeError('EVENT_UNKNOWN', 'Cannot resume: no such event');
    // The old one is dead, or its client does not listen to it any more.
    if (this.#connection.isOpen) this.#connection.destroy();
    this.#connect(connection, lastSeq);
    const isFast = this.#replay(lastSeq);
    if (this.#isEnded) connection.end();
    return isFast;
  }

  destroy(): void {
    this.#connection.destroy();
  }

  onDrain(resume: () => void): void {
    this.#connection.onDrain(resume);
  }

  onClose(closed: () => void): void {
    this.#connection.onClose(closed);
  }

  #connect(connection: Connection, lastSeq: number): void {
    this.#connection = connection;
    connection.openStream();
    // Streams are remembered for long; what belonged to a connection that is over is not.
    connection.onClose(() => {
      if (this.#connection === connection) this.#connection = nobody;
      // Nobody knows how to come back to it.
      if (!this.#isResumable) this.#isEnded = true;
    });
    if (!this.#home.isPrimed || !connection.isOpen) return;
    this.#isResumable = true;
    connection.prime(this.#id(lastSeq), retryMs);
  }

  /** An answer that was not kept is named by an error: its request must not wait for ever. */
  #replay(lastSeq: number): boolean {
    const events = new Map(this.#home.log.after(this.#number, lastSeq).map(({ seq, message }) => [seq, message]));
    for (const [seq, idText] of this.#answers) {
      if (seq > lastSeq && !events.has(seq)) events.set(seq, lost(idText));
    }
    let isFast = true;
    for (const [seq, message] of [...events].sort(([a], [b]) => a - b)) {
      isFast = this.#connection.event(message, this.#id(seq));
    }
    return isFast;
  }

  #remember(idText: string): void {
    this.#answers.push([this.#lastSeq, idText]);
    if (this.#answers.length > maxAnswers) this.#answers.shift();
  }

  #id(seq: number): string {
    return `${this.#number}-${seq}`;
  }
}

/** A connection that is over. */
const nobody: Connection = {
  isOpen: false,
  isClosed: true,
  json: () => true,
  openStream: () => undefined,
  event: () => true,
  prime: () => true,
  end: () => undefined,
  refuse: () => undefined,
  destroy: () => undefined,
  onDrain: (resume) => {
    resume();
  },
  onClose: (closed) => {
    closed();
  },
};

function lost(idText: string): Bytes {
  const error = new BridgeError('ANSWER_LOST', 'Cannot resume: the answer was too large or too old to be kept');
  return Bytes.of(errorMessage(error, idText));
}
