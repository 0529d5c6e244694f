import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import type { ErrorCode } from '../base/error-table.ts';
import { BridgeError } from '../base/errors.ts';
import { Breaker, type Circuit } from './breaker.ts';

/** One start, until it is known what it says about its server. Only the first word counts. */
export interface Attempt {
  /** The server answered `initialize`: it works. */
  prove(): void;
  fail(error: unknown): void;
  /** It ended without a word on whether the server works. */
  drop(): void;
}

export interface StartStats {
  readonly starts: number;
  /** Starts that followed a failure. */
  readonly restarts: number;
  readonly failedStarts: number;
  readonly lastError: string | undefined;
  readonly circuit: Circuit;
}

/** Not the server's fault: as soon as the engine, the image or a descriptor is there, it may start. */
const early: ReadonlySet<ErrorCode> = new Set(['ENGINE_UNAVAILABLE', 'ENGINE_LOST', 'IMAGE_PULLING', 'OVERLOADED']);

/** How the starts of one server have gone, and whether it may be started: for a client, or by itself. */
export class StartHistory {
  readonly #breaker: Breaker;
  readonly #first = deferred();
  /** While the circuit is half-open, the one start that decides. */
  #probe: Attempt | undefined;
  #begun = 0;
  #failed = 0;
  #restarts = 0;
  /** Failures that no start has followed yet. */
  #unreplaced = 0;
  #lastError: string | undefined;

  constructor(clock: Clock, random?: () => number) {
    this.#breaker = new Breaker(clock, random);
    // Nobody has to listen to it.
    this.#first.promise.catch(() => undefined);
  }

  stats(): StartStats {
    return {
      starts: this.#begun,
      restarts: this.#restarts,
      failedStarts: this.#failed,
      lastError: this.#lastError,
      circuit: this.#breaker.circuit,
    };
  }

  /** Settles with the first start, however it goes. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  /** Whether a start may begin for a client. A closed circuit holds no client back. */
  mayStart(): boolean {
    const { circuit } = this.#breaker;
    return circuit === 'closed' || (circuit === 'half-open' && !this.#probe);
  }

  /** Whether a start may begin that no client waits for. */
  mayRefill(): boolean {
    return this.#breaker.remainingMs === 0 && this.mayStart();
  }

  /** What a client gets for whom nothing may be started, `CIRCUIT_OPEN`; undefined when something may. */
  refusal(): BridgeError | undefined {
    if (this.mayStart()) return undefined;
    const waitMs = Math.ceil(this.#breaker.remainingMs);
    const next = waitMs > 0 ? `is left alone for ${(waitMs / 1000).toFixed(1)} s` : 'is being tried once more';
    const sentence = `Cannot start the server: it failed too often and ${next} (last error: ${this.#lastError ?? 'none'})`;
    return new BridgeError('CIRCUIT_OPEN', sentence, waitMs > 0 ? { retryAfterMs: waitMs } : {});
  }

  /** A start begins. While the circuit is half-open, nothing else may start until it is known how this one went. */
  begin(): Attempt {
    this.#begun += 1;
    if (this.#unreplaced > 0) {
      this.#unreplaced -= 1;
      this.#restarts += 1;
    }
    let isOver = false;
    const end = (): boolean => {
      if (isOver) return false;
      if (this.#probe === attempt) this.#probe = undefined;
      return (isOver = true);
    };
    const attempt: Attempt = {
      prove: () => {
        if (end()) this.reset();
      },
      fail: (error) => {
        if (end()) this.fail(error);
      },
      drop: () => void end(),
    };
    if (this.#breaker.circuit === 'half-open') this.#probe = attempt;
    return attempt;
  }

  /** A container came up, or nothing is waited for any more. */
  settle(): void {
    this.#first.resolve();
  }

  /** A failure: of a start, or of a server that many clients need. */
  fail(error: unknown): void {
    // Whoever waits for the first start has the image already, or goes on to wait for it.
    if (!(error instanceof BridgeError && error.code === 'IMAGE_PULLING')) this.#first.reject(error);
    this.#lastError = error instanceof BridgeError ? error.message : 'internal error';
    if (error instanceof BridgeError && early.has(error.code)) {
      this.#breaker.pause();
      return;
    }
    this.#failed += 1;
    this.#unreplaced += 1;
    this.#breaker.fail();
  }

  /** The server works, or somebody says that it has been mended: its failures count no more. */
  reset(): void {
    this.#probe = undefined;
    this.#breaker.reset();
  }
}
