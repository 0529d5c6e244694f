import type { Bytes } from '../jsonrpc/bytes.ts';

export interface EventLogLimits {
  readonly events: number;
  readonly bytes: number;
  readonly ageMs: number;
}

/** An event that was sent, or that would have been had its client been there. */
export interface LoggedEvent {
  readonly stream: number;
  /** Its place in its stream, from 1. */
  readonly seq: number;
  readonly message: Bytes;
  readonly at: number;
}

/** The last events of a session, for clients that come back: bounded in number, bytes and age; the oldest go first. */
export class EventLog {
  readonly #limits: EventLogLimits;
  /** Oldest first. */
  #events: LoggedEvent[] = [];
  #bytes = 0;

  constructor(limits: EventLogLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#events.length;
  }

  add(event: LoggedEvent): void {
    // One that exceeds the bound by itself would only drive out all others.
    if (event.message.length > this.#limits.bytes || this.#limits.events === 0) return;
    this.#events.push({ ...event, message: event.message.kept() });
    this.#bytes += event.message.length;
    let excess = 0;
    for (let left = this.#bytes; left > this.#limits.bytes; excess++) left -= this.#events[excess]?.message.length ?? 0;
    this.#drop(Math.max(excess, this.#events.length - this.#limits.events));
  }

  expire(now: number): void {
    const oldest = this.#events[0];
    if (!oldest || now - oldest.at < this.#limits.ageMs) return;
    const kept = this.#events.findIndex(({ at }) => now - at < this.#limits.ageMs);
    this.#drop(kept === -1 ? this.#events.length : kept);
  }

  /** What is kept of one stream after an event of it, in order. */
  after(stream: number, seq: number): LoggedEvent[] {
    return this.#events.filter((event) => event.stream === stream && event.seq > seq);
  }

  #drop(count: number): void {
    if (count <= 0) return;
    for (const { message } of this.#events.splice(0, count)) this.#bytes -= message.length;
  }
}
