import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import type { ErrorCode } from '../base/error-table.ts';
import { BridgeError } from '../base/errors.ts';
import { Backoff } from './backoff.ts';

/** Not the server's fault: as soon as the engine or the image is there, it may start. */
const early: ReadonlySet<ErrorCode> = new Set(['ENGINE_UNAVAILABLE', 'IMAGE_PULLING']);

/** How the starts of one server have gone, and whether it may be tried again by itself. */
export class StartHistory {
  readonly #backoff: Backoff;
  readonly #first = deferred();
  #begun = 0;
  #failed = 0;
  #lastError: string | undefined;

  constructor(clock: Clock) {
    this.#backoff = new Backoff(clock);
    // Nobody has to listen to it.
    this.#first.promise.catch(() => undefined);
  }

  get begun(): number {
    return this.#begun;
  }

  get failed(): number {
    return this.#failed;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Settles with the first start, however it goes. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  mayRefill(): boolean {
    return this.#backoff.isOver();
  }

  begin(): void {
    this.#begun += 1;
  }

  /** A container came up, or nothing is waited for any more. */
  settle(): void {
    this.#first.resolve();
  }

  /** A client got its answer from the server: it works. */
  prove(): void {
    this.#backoff.succeed();
  }

  fail(error: unknown): void {
    this.#first.reject(error);
    this.#lastError = error instanceof BridgeError ? error.message : 'internal error';
    if (error instanceof BridgeError && early.has(error.code)) {
      this.#backoff.pause();
      return;
    }
    this.#failed += 1;
    this.#backoff.fail();
  }
}
