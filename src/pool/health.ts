import type { SharedUpstream } from '../upstream/shared-upstream.ts';

/**
 * Whether a shared upstream lives. One that is silent and has nothing to do is asked (`ping`); so is, at once, one that
 * left a call without an answer, and it gets no new ones until it has said something.
 *
 * @see MCP 2025-11-25, Ping
 */
export class Health {
  readonly #shared: SharedUpstream;
  readonly #intervalMs: number;
  #messages = 0;
  #heardAt: number;
  #askedAt: number | undefined;
  #isSuspect = false;

  constructor(shared: SharedUpstream, intervalMs: number, now: number) {
    this.#shared = shared;
    this.#intervalMs = intervalMs;
    this.#heardAt = now;
  }

  get isSuspect(): boolean {
    return this.#isSuspect && this.#messages === this.#shared.messages;
  }

  /** A call on it got no answer in time. */
  suspect(): void {
    this.#messages = this.#shared.messages;
    this.#isSuspect = true;
  }

  /**
   * @param isIdle whether it has no call to work on; one that has may be busy with it
   * @returns false when it was asked and has not answered
   */
  check(now: number, isIdle: boolean): boolean {
    if (this.#messages !== this.#shared.messages) {
      this.#messages = this.#shared.messages;
      this.#heardAt = now;
      this.#askedAt = undefined;
      this.#isSuspect = false;
      return true;
    }
    if (this.#askedAt !== undefined) return !isIdle || now - this.#askedAt < this.#intervalMs;
    if (this.#isSuspect || (isIdle && now - this.#heardAt >= this.#intervalMs)) {
      this.#askedAt = now;
      void this.#shared.ask('ping').catch(() => undefined);
    }
    return true;
  }
}
