import type { Clock } from '../base/clock.ts';
import { codeOf } from '../base/errors.ts';
import { StartHistory } from '../pool/start-history.ts';
import type { Era, Finding } from './era.ts';

/** A question that is under way. */
export interface Asking {
  readonly found: Promise<Finding>;
  /** A client waits for it now. */
  hurry(): void;
}

interface Entry {
  readonly history: StartHistory;
  asking?: { readonly era: Promise<Era>; readonly hurry: () => void } | undefined;
  found?: { readonly era: Era; readonly until: number };
}

export interface AskOptions {
  /** Whether a client waits. */
  readonly isUrgent: boolean;
  /** Whether what is known may have changed; it holds until something else is known. */
  readonly isAnew?: boolean;
}

/** What is not certain is believed for this long. */
const doubtMs = 60_000;

/** What the images of all servers speak: each is asked once, by whoever wants to know first. */
export class Eras {
  readonly #clock: Clock;
  /** By what is started. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  known(key: string): Era | undefined {
    const found = this.#entries.get(key)?.found;
    return found && found.until > this.#clock.now() ? found.era : undefined;
  }

  /**
   * What is known, or what a question says that one server is started for.
   *
   * @param ask starts one
   * @throws {BridgeError} what keeps it from starting: that is forgotten; `CIRCUIT_OPEN` when it was so several times
   */
  find(key: string, ask: (isUrgent: boolean) => Asking, { isUrgent, isAnew = false }: AskOptions): Promise<Era> {
    const known = this.known(key);
    if (known !== undefined && !isAnew) return Promise.resolve(known);
    const entry = this.#entries.get(key) ?? { history: new StartHistory(this.#clock) };
    this.#entries.set(key, entry);
    if (isUrgent) entry.asking?.hurry();
    if (isAnew) entry.history.reset();
    return entry.asking?.era ?? this.#ask(entry, ask, isUrgent);
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  #ask(entry: Entry, ask: (isUrgent: boolean) => Asking, isUrgent: boolean): Promise<Era> {
    const refusal = entry.history.refusal();
    if (refusal) return Promise.reject(refusal);
    const attempt = entry.history.begin();
    const asking = ask(isUrgent);
    const era = asking.found
      .then(
        (finding) => {
          attempt.prove();
          const until = finding.isCertain ? Infinity : this.#clock.now() + doubtMs;
          entry.found = { era: finding.era, until };
          return finding.era;
        },
        (error: unknown) => {
          // That it was not wanted any more says nothing about it.
          if (codeOf(error) === 'DRAINING') attempt.drop();
          else attempt.fail(error);
          throw error;
        },
      )
      .finally(() => {
        entry.asking = undefined;
      });
    entry.asking = {
      era,
      hurry: () => {
        asking.hurry();
      },
    };
    return era;
  }
}
