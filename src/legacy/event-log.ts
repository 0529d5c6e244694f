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
  /** Oldest first. Those before `#first` are dropped: they leave together, when they are as many as those that are kept. */
  #events: (LoggedEvent | undefined)[] = [];
  #first = 0;
  #bytes = 0;

  constructor(limits: EventLogLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#events.length - this.#first;
  }

  add(event: LoggedEvent): void {
    // One that exceeds the bound by itself would only drive out all others.
    if (event.message.length > this.#limits.bytes || this.#limits.events === 0) return;
    this.#events.push({ ...event, message: event.message.kept() });
    this.#bytes += event.message.length;
    while (this.#bytes > this.#limits.bytes || this.size > this.#limits.events) this.#dropOldest();
    this.#shrink();
  }

  expire(now: number): void {
    for (let oldest = this.#oldest; oldest && now - oldest.at >= this.#limits.ageMs; oldest = this.#oldest) {
      this.#dropOldest();
    }
    this.#shrink();
  }

  /** What is kept of one stream after an event of it, in order. */
  after(stream: number, seq: number): LoggedEvent[] {
    const isMeant = (event?: LoggedEvent): event is LoggedEvent => event?.stream === stream && event.seq > seq;
    return this.#events.filter(isMeant);
  }

  get #oldest(): LoggedEvent | undefined {
    return this.#events[this.#first];
  }

  #dropOldest(): void {
    this.#bytes -= this.#oldest?.message.length ?? 0;
    this.#events[this.#first] = undefined;
    this.#first += 1;
  }

  #shrink(): void {
    if (this.#first <= this.size) return;
    this.#events = this.#events.slice(this.#first);
    this.#first = 0;
  }
}
