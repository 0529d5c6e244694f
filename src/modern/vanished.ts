import { BridgeError } from '../base/errors.ts';

/** Whether the client of a request has gone before it was sent. Nearly none does, so nearly none has a signal. */
export class Vanished {
  #reason: BridgeError | undefined;
  #abort: AbortController | undefined;

  /** Aborted when the client goes. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#reason) this.#abort.abort(this.#reason);
    return this.#abort.signal;
  }

  get isGone(): boolean {
    return this.#reason !== undefined;
  }

  /** @throws {BridgeError} `SESSION_UNKNOWN`, which nobody will read */
  throwIfGone(): void {
    if (this.#reason) throw this.#reason;
  }

  /** The client has gone. */
  go(): void {
    this.#reason = new BridgeError('SESSION_UNKNOWN', 'The client closed the connection');
    this.#abort?.abort(this.#reason);
  }
}
