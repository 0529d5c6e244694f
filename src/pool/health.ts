/** A server that can be asked whether it lives. */
export interface Pinged {
  /** Messages that came from it so far: as long as their number grows, it lives. */
  readonly messages: number;
  ping(): void;
}

/**
 * Whether a server lives. It is asked (`ping`) when it has nothing to do for the first time, which shows whether it knows
 * such questions at all; then whenever it was silent for a while; and at once when it left a call without an answer.
 *
 * @see MCP 2025-11-25, Ping
 */
export class Health {
  readonly #server: Pinged;
  readonly #intervalMs: number;
  #messages: number;
  #heardAt: number;
  /** When the question was put that waits for an answer. */
  #askedAt: number | undefined;
  #wasAsked = false;
  #hasAnswered = false;
  /** What it had said when it left a call without an answer. */
  #suspectedAt: number | undefined;

  /** @param intervalMs how long it may be silent before it is asked, and then before it counts as dead */
  constructor(server: Pinged, intervalMs: number, now: number) {
    this.#server = server;
    this.#intervalMs = intervalMs;
    this.#messages = server.messages;
    this.#heardAt = now;
  }

  /** Whether it left a call without an answer and has not said a word since. */
  get isSuspect(): boolean {
    return this.#suspectedAt === this.#server.messages;
  }

  /** A call on it got no answer in time. */
  suspect(): void {
    this.#suspectedAt = this.#server.messages;
  }

  /**
   * @param isIdle whether it has no call to work on; one that has may be busy with it
   * @returns false when it is dead
   */
  check(now: number, isIdle: boolean): boolean {
    if (this.#messages !== this.#server.messages) this.#hear(now);
    if (this.#askedAt !== undefined) return !(isIdle && now - this.#askedAt >= this.#intervalMs && this.#isJudged());
    if (this.isSuspect || (isIdle && (!this.#wasAsked || now - this.#heardAt >= this.#intervalMs))) this.#ask(now);
    return true;
  }

  #ask(now: number): void {
    this.#askedAt = now;
    this.#wasAsked = true;
    this.#server.ping();
  }

  #hear(now: number): void {
    this.#hasAnswered ||= this.#askedAt !== undefined;
    this.#messages = this.#server.messages;
    this.#heardAt = now;
    this.#askedAt = undefined;
  }

  /** Some servers do not know this question: their silence means nothing, unless they leave calls unanswered too. */
  #isJudged(): boolean {
    return this.#hasAnswered || this.isSuspect;
  }
}
