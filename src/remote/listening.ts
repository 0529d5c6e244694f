import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import type { ErrorCode } from '../base/error-table.ts';
import { Backoff } from '../pool/backoff.ts';
import { EventReader } from './event-reader.ts';
import type { Read } from './message-reader.ts';
import { RemoteError } from './remote-error.ts';
import { isLost, type RemoteSession } from './remote-session.ts';
import type { Valve } from './valve.ts';
import { wait } from './wait.ts';

interface Surroundings {
  readonly session: RemoteSession;
  readonly clock: Clock;
  readonly valve: Valve;
  /** The longest message. */
  readonly maxBytes: number;
  readonly random?: () => number;
  readonly onRead: (read: Read) => void;
  /** The server has ended the session. */
  readonly onLost: () => void;
  readonly onTrouble: (error: unknown) => void;
}

/** A stream that ends sooner, with nothing said on it, was none. */
const shortMs = 5000;

/**
 * Listens to what a remote server says by itself, for as long as the session lives: when the stream is cut off, it is
 * gone on with. A server that has none is not asked again.
 *
 * @see MCP 2025-11-25, Transports, "Listening for Messages from the Server"
 */
export class Listening {
  readonly #around: Surroundings;
  readonly #reader: EventReader;
  readonly #backoff: Backoff;
  readonly #aborter = new AbortController();
  readonly #answered = deferred();
  #hasBegun = false;
  /** Whether the server has had such a stream. */
  #wasThere = false;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#reader = new EventReader(around.maxBytes, around.valve, around.onRead);
    this.#backoff = new Backoff(around.clock, around.random);
  }

  /** Begins; a second time does nothing. Resolves when the server has answered for the first time, whatever it said. */
  start(): Promise<void> {
    if (!this.#hasBegun) void this.#run();
    this.#hasBegun = true;
    return this.#answered.promise;
  }

  stop(): void {
    this.#aborter.abort();
    this.#answered.resolve();
  }

  async #run(): Promise<void> {
    const { clock } = this.#around;
    const { signal } = this.#aborter;
    while (!signal.aborted && (await this.#listen())) {
      await wait(Math.max(this.#reader.retryMs, this.#backoff.remainingMs), clock, signal);
    }
  }

  /** One connection, to its end. @returns whether there is any use in another */
  async #listen(): Promise<boolean> {
    const { session, clock } = this.#around;
    const { signal } = this.#aborter;
    const eventsBefore = this.#reader.events;
    try {
      const response = await session.listen(this.#reader.lastId, signal);
      const openedAt = clock.now();
      this.#wasThere = true;
      this.#answered.resolve();
      await this.#reader.read(response);
      if (this.#reader.events > eventsBefore || clock.now() - openedAt >= shortMs) this.#backoff.succeed();
      else this.#backoff.fail();
      return true;
    } catch (error) {
      this.#answered.resolve();
      if (signal.aborted) return false;
      this.#backoff.fail();
      return this.#isWorthTrying(error);
    }
  }

  #isWorthTrying(error: unknown): boolean {
    if (isLost(error) && this.#wasThere) {
      this.#around.onLost();
      return false;
    }
    // Some servers say with other words than 405 that they have none.
    const isRefused = isLost(error) || isOneOf(error, ['REMOTE_REFUSED', 'UPSTREAM_GARBLED']);
    if (isRefused && !this.#wasThere) return false;
    this.#around.onTrouble(error);
    // It cannot be gone on with: what was said meanwhile is lost, what comes is not.
    if (isRefused) this.#reader.forget();
    return !isOneOf(error, ['REMOTE_UNAUTHORIZED', 'INTERNAL']);
  }
}

function isOneOf(error: unknown, codes: readonly ErrorCode[]): boolean {
  return codes.includes(error instanceof RemoteError ? error.code : 'INTERNAL');
}
