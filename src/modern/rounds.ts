import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { canonical } from '../relay/canonical.ts';
import { paramsOf } from '../relay/rewrite.ts';
import type { Incoming } from './incoming.ts';

/** A call that waits for its client's input. */
export interface Parked {
  /** Its client did not come back in time, or never will: called once. */
  onExpired(): void;
}

interface Surroundings {
  readonly clock: Clock;
  /** How many may wait at once, as the configuration says now. */
  readonly limit: () => number;
}

interface Round<T> {
  readonly parked: T;
  readonly expiresAt: number;
}

/**
 * Calls that wait for their clients, each under a `requestState` that is good once: signed, for a time, and only in the
 * hands of the same caller, on the same server and for the same request.
 *
 * @see MCP 2026-07-28, Multi Round-Trip Requests, "Server Requirements"
 */
export class Rounds<T extends Parked> {
  readonly #around: Surroundings;
  readonly #key = randomBytes(32);
  readonly #rounds = new Map<string, Round<T>>();
  readonly #ids = new Map<T, string>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Calls that wait. */
  get size(): number {
    return this.#rounds.size;
  }

  /**
   * @param binding what the state is good for, see `bindingOf`
   * @param ttlMs for how long, in milliseconds
   * @returns the `requestState`; undefined when too many wait already
   */
  park(parked: T, binding: string, ttlMs: number): string | undefined {
    if (this.#rounds.size >= this.#around.limit()) return undefined;
    const id = randomBytes(16).toString('base64url');
    this.#ids.set(parked, id);
    this.#rounds.set(id, { parked, expiresAt: this.#around.clock.now() + ttlMs });
    return `${id}.${this.#sign(id, binding)}`;
  }

  /**
   * The call that a `requestState` stands for; it is still parked.
   *
   * @throws {BridgeError} `ROUND_UNKNOWN`
   */
  find(state: string, binding: string): T {
    const [id = '', mac = ''] = state.split('.', 2);
    if (!isSame(`${id}.${mac}`, state) || !isSame(mac, this.#sign(id, binding))) {
      throw new BridgeError('ROUND_UNKNOWN', 'Cannot go on with the request: its requestState was not given for it');
    }
    const round = this.#rounds.get(id);
    if (round) return round.parked;
    throw new BridgeError('ROUND_UNKNOWN', 'Cannot go on with the request: its requestState is used up or has expired');
  }

  /** It waits no longer, whether somebody came back for it or it is over. */
  remove(parked: T): void {
    const id = this.#ids.get(parked);
    if (id === undefined) return;
    this.#ids.delete(parked);
    this.#rounds.delete(id);
  }

  /** Ends those whose time is up. Called a few times a second. */
  tick(now: number): void {
    for (const { parked, expiresAt } of [...this.#rounds.values()]) {
      if (now < expiresAt) continue;
      this.remove(parked);
      parked.onExpired();
    }
  }

  #sign(id: string, binding: string): string {
    return createHmac('sha256', this.#key).update(`${id}\n${binding}`).digest('base64url');
  }
}

/** What a `requestState` is good for: one caller, one server, one request with the same words, whatever their order. */
export function bindingOf(
  { principal, request, bytes }: Pick<Incoming, 'principal' | 'request' | 'bytes'>,
  server: string,
): string {
  const params = [...paramsOf(bytes)].filter(([name]) => !ofEachRound.has(name));
  const digest = createHash('sha256');
  for (const [name, text] of params.sort(([a], [b]) => (a < b ? -1 : 1))) {
    digest.update(`${JSON.stringify(name)}:${canonical(JSON.parse(text))}\n`);
  }
  return [principal, server, request.method, digest.digest('base64url')].map((part) => JSON.stringify(part)).join('\n');
}

/** Members of `params` that differ from round to round. */
const ofEachRound: ReadonlySet<string> = new Set(['_meta', 'inputResponses', 'requestState']);

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
