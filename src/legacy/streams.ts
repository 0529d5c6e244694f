import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { EventLog, type EventLogLimits } from './event-log.ts';
import type { ResumableStream, StreamHome } from './resumable-stream.ts';

/** Streams that a session remembers; of those that are over, the oldest are forgotten first. */
const maxStreams = 1000;

/** All streams of one session, by number, and the events that they share a log for. */
export class Streams implements StreamHome {
  readonly log: EventLog;
  readonly clock: Clock;
  /** Set when the version of the session is known. */
  isPrimed = false;
  readonly #byNumber = new Map<number, ResumableStream>();
  #lastNumber = 0;

  constructor(limits: EventLogLimits, clock: Clock) {
    this.log = new EventLog(limits);
    this.clock = clock;
  }

  register(stream: ResumableStream): number {
    this.#lastNumber += 1;
    this.#byNumber.set(this.#lastNumber, stream);
    if (this.#byNumber.size > maxStreams) this.#forgetOldest();
    return this.#lastNumber;
  }

  /**
   * The stream that an event belongs to, of this session only.
   *
   * @param lastEventId as the client sent it
   * @throws {BridgeError} `EVENT_UNKNOWN`
   */
  find(lastEventId: string): { readonly stream: ResumableStream; readonly seq: number } {
    const [, number, seq] = /^(\d{1,9})-(\d{1,9})$/.exec(lastEventId) ?? [];
    const stream = this.#byNumber.get(Number(number));
    if (!stream) throw new BridgeError('EVENT_UNKNOWN', 'Cannot resume: no such event');
    return { stream, seq: Number(seq) };
  }

  #forgetOldest(): void {
    for (const [number, { isEnded }] of this.#byNumber) {
      if (!isEnded) continue;
      this.#byNumber.delete(number);
      return;
    }
  }
}
