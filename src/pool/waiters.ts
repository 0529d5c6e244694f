import type { Cancel, Clock } from '../base/clock.ts';
import type { BridgeError } from '../base/errors.ts';

export interface Waiter<T, Need> {
  /** What it needs. */
  readonly need: Need | undefined;
  resolve(value: T): void;
  reject(error: Error): void;
}

interface Entry<T, Need> extends Waiter<T, Need> {
  readonly client: string;
  /** Leaves the line without having had its turn. */
  expel(error: Error): void;
  stopWaiting: Cancel;
}

interface LineRules {
  /** How long one waits in line with nothing under way for it, in milliseconds. */
  inLineMs(): number;
  /** How long in all, in milliseconds: for one whose container is being started. */
  totalMs(): number;
  /** How many at the head of the line have a container on its way. */
  served(): number;
  /** What one gets whose time is up. */
  late(waitedMs: number): BridgeError;
}

/**
 * The line in front of a pool: clients are served in turns, and each client's own callers in the order they came. Each
 * wait has a bound and can be given up.
 */
export class Waiters<T, Need = unknown> {
  readonly #clock: Clock;
  readonly #rules: LineRules;
  /** Those who wait, by client, in the order of their turns. */
  readonly #clients = new Map<string, Set<Entry<T, Need>>>();
  #length = 0;

  constructor(clock: Clock, rules: LineRules) {
    this.#clock = clock;
    this.#rules = rules;
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Takes a place in the line.
   *
   * @param signal gives the place up; the promise rejects with its reason
   * @param client whose caller it is: a hundred callers of one client delay another client by one turn
   * @param need what it needs
   * @throws {BridgeError} what the rules say when its time is up
   */
  join(signal: AbortSignal, client = '', need?: Need): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const leave = (): boolean => {
        signal.removeEventListener('abort', giveUp);
        entry.stopWaiting();
        return this.#remove(entry);
      };
      const giveUp = (): void => {
        if (leave()) reject(signal.reason as Error);
      };
      const entry: Entry<T, Need> = {
        ...{ client, need },
        resolve: (value) => {
          if (leave()) this.#passTurn(client);
          resolve(value);
        },
        reject: (error) => {
          if (leave()) this.#passTurn(client);
          reject(error);
        },
        expel: (error) => {
          leave();
          reject(error);
        },
        stopWaiting: () => undefined,
      };
      this.#add(entry);
      this.#limit(entry, this.#rules.inLineMs(), this.#clock.now());
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** The next to be served. It leaves the line when it is resolved or rejected, and then it is another client's turn. */
  head(): Waiter<T, Need> | undefined {
    const [own] = this.#clients.values();
    const [first] = own ?? [];
    return first;
  }

  /** The next of those that need something of a kind. */
  next(isMeant: (need: Need | undefined) => boolean): Waiter<T, Need> | undefined {
    for (const entry of this.#inOrder()) if (isMeant(entry.need)) return entry;
    return undefined;
  }

  /**
   * Makes somebody leave, because a caller came and the line is too long: that caller, unless another client holds more
   * places; then that client's newest. Nobody can lock others out by standing in line.
   *
   * @param client whose caller came
   */
  shorten(client: string, error: BridgeError): void {
    const newcomers = this.#clients.get(client)?.size ?? 0;
    let longest = this.#clients.get(client);
    for (const own of this.#clients.values()) {
      // The last in turn of those that hold the most: nothing is on its way for its newest.
      if (own.size > newcomers && own.size >= (longest?.size ?? 0)) longest = own;
    }
    [...(longest ?? [])].at(-1)?.expel(error);
  }

  /** Sends everybody away but the next `count`. */
  rejectBeyond(count: number, error: BridgeError): void {
    for (const entry of [...this.#inOrder()].slice(count)) entry.expel(error);
  }

  /** How many need something of a kind. */
  count(isMeant: (need: Need | undefined) => boolean): number {
    let count = 0;
    for (const own of this.#clients.values()) for (const { need } of own) if (isMeant(need)) count += 1;
    return count;
  }

  #add(entry: Entry<T, Need>): void {
    const own = this.#clients.get(entry.client);
    if (own) own.add(entry);
    else this.#clients.set(entry.client, new Set([entry]));
    this.#length += 1;
  }

  #remove(entry: Entry<T, Need>): boolean {
    const own = this.#clients.get(entry.client);
    if (!own?.delete(entry)) return false;
    if (own.size === 0) this.#clients.delete(entry.client);
    this.#length -= 1;
    return true;
  }

  #passTurn(client: string): void {
    const own = this.#clients.get(client);
    if (!own) return;
    this.#clients.delete(client);
    this.#clients.set(client, own);
  }

  /** In the order of service: the first of each client, then the second of each, and so on. */
  *#inOrder(): Generator<Entry<T, Need>> {
    let lines = [...this.#clients.values()].map((own) => own.values());
    while (lines.length > 0) {
      const longer: typeof lines = [];
      for (const line of lines) {
        const { value, done } = line.next();
        if (done) continue;
        longer.push(line);
        yield value;
      }
      lines = longer;
    }
  }

  #limit(entry: Entry<T, Need>, waitMs: number, since: number): void {
    entry.stopWaiting = this.#clock.after(waitMs, () => {
      const waited = this.#clock.now() - since;
      const totalMs = this.#rules.totalMs();
      if (this.#isServed(entry) && waited < totalMs) {
        // Its container is on its way: that has a limit of its own, so look again a little later.
        this.#limit(entry, Math.min(250, totalMs - waited), since);
        return;
      }
      entry.expel(this.#rules.late(Math.round(waited)));
    });
  }

  #isServed(entry: Entry<T, Need>): boolean {
    let left = this.#rules.served();
    for (const other of this.#inOrder()) {
      left -= 1;
      if (left < 0) return false;
      if (other === entry) return true;
    }
    return false;
  }
}
