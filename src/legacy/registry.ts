import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Request } from '../jsonrpc/message.ts';
import type { ChannelLease } from '../relay/channel.ts';
import type { Reply } from '../relay/reply.ts';
import { sessionUnknown, type CloseReason } from './session-end.ts';
import { Session } from './session.ts';
import type { SessionIds } from './session-id.ts';

/** Deadlines are kept to this grain, in milliseconds. */
const tickMs = 250;

/** A server, as its sessions use it. */
export interface Served {
  readonly config: ServerConfig;
  /**
   * What a new session talks to.
   * @param signal gives the wait up
   * @param client who asks: those who wait are served in turns
   * @throws {BridgeError} what `Pool.acquire` throws
   */
  lease(signal: AbortSignal, client: string): Promise<ChannelLease>;
  /** Who waits for a lease, and for how many of them somebody has to leave first. */
  readonly waiting: number;
  readonly shortage: number;
}

/** All sessions, by id: opened within a cap, found only by their own server, ended when they are overdue. */
export class SessionRegistry {
  readonly #ids: SessionIds;
  #limit: number;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #sessions = new Map<string, Session>();
  /** Of sessions that are over, by server. */
  readonly #unexpected = new Map<string, number>();
  readonly #stopTicking: () => void;
  /** Clients that wait for a container, and the servers that they wait for. */
  #opening = 0;
  readonly #waitedFor = new Set<Served>();
  #isDraining = false;
  #quiet = deferred();

  /** @param limit sessions at once */
  constructor(ids: SessionIds, limit: number, clock: Clock, log: Log) {
    this.#ids = ids;
    this.#limit = limit;
    this.#clock = clock;
    this.#log = log;
    this.#stopTicking = clock.every(tickMs, () => {
      const now = clock.now();
      for (const session of [...this.#sessions.values()]) session.tick(now);
      for (const { config, shortage } of this.#waitedFor) this.#reclaim(config, shortage, now);
      if (this.inFlight === 0) this.#quiet.resolve();
    });
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Another limit, from now on: sessions that are open stay. */
  resize(limit: number): void {
    this.#limit = limit;
  }

  /** Requests under way in all sessions, those that wait for a container included. */
  get inFlight(): number {
    let count = this.#opening;
    for (const session of this.#sessions.values()) count += session.inFlight;
    return count;
  }

  /**
   * Sessions that were opened with one configuration of a server: while old ones outlive a change of it, its name stands
   * for several. Their requests under way, and messages that belonged to nothing, in these and in all of its name that are
   * over.
   */
  count(server: ServerConfig): Readonly<Record<'sessions' | 'callsInFlight' | 'unexpectedMessages', number>> {
    let sessions = 0;
    let callsInFlight = 0;
    let unexpectedMessages = this.#unexpected.get(server.name) ?? 0;
    for (const session of this.#sessions.values()) {
      if (session.server !== server) continue;
      sessions += 1;
      callsInFlight += session.inFlight;
      unexpectedMessages += session.unexpected;
    }
    return { sessions, callsInFlight, unexpectedMessages };
  }

  /** @throws {BridgeError} `SESSION_UNKNOWN`, in the same words for an id that is unknown, over, or of another server */
  find(id: string, server: string): Session {
    // What is here was minted here: its signature need not be checked for each request.
    const session = this.#sessions.get(id);
    if (session?.state !== 'open' || session.server.name !== server) throw sessionUnknown();
    return session;
  }

  /**
   * Leases an upstream for a new client and hands it the client's `initialize`; the answer goes to the reply.
   *
   * @param makeReply makes the reply for the new session
   * @param signal the client has given up
   * @param client who it is, as far as that is known: clients that wait are served in turns
   * @throws {BridgeError} `DRAINING`, `SESSION_LIMIT`, and what `Pool.acquire` throws: nothing was answered
   */
  async open(
    served: Served,
    request: Request,
    bytes: Bytes,
    makeReply: (session: Session) => Reply,
    signal: AbortSignal,
    client: string,
  ): Promise<Session> {
    this.#refuseWhileDraining();
    if (this.#sessions.size + this.#opening >= this.#limit) this.#reclaim(undefined, 1, this.#clock.now());
    if (this.#sessions.size + this.#opening >= this.#limit) {
      const limit = this.#limit;
      throw new BridgeError('SESSION_LIMIT', `Cannot open a session: there are ${limit} already`, { limit });
    }
    this.#opening += 1;
    const lease = await this.lease(served, signal, client).finally(() => {
      this.#opening -= 1;
    });
    try {
      signal.throwIfAborted();
      this.#refuseWhileDraining();
    } catch (error) {
      void lease.release('never-used');
      throw error;
    }
    const id = this.#ids.mint(served.config.name, Math.floor(Date.now() / 1000));
    const session = new Session(lease, {
      id,
      server: served.config,
      clock: this.#clock,
      log: this.#log.child({ server: served.config.name, session: shortName(id) }),
      isDraining: () => this.#isDraining,
      onClosed: ({ server: { name }, unexpected }) => {
        this.#sessions.delete(id);
        this.#unexpected.set(name, (this.#unexpected.get(name) ?? 0) + unexpected);
      },
    });
    this.#sessions.set(id, session);
    session.begin(request, bytes, makeReply(session));
    return session;
  }

  /** A lease of a server. While somebody waits for one, sessions that nobody has missed end for him. @see Served.lease */
  lease(served: Served, signal: AbortSignal, client: string): Promise<ChannelLease> {
    this.#waitedFor.add(served);
    return served.lease(signal, client).finally(() => {
      if (served.waiting === 0) this.#waitedFor.delete(served);
    });
  }

  /**
   * Most clients that leave do not say so: when others wait, the sessions that nobody has missed for longest end.
   *
   * @param server only sessions of this one; undefined for any
   */
  #reclaim(server: ServerConfig | undefined, count: number, now: number): void {
    if (count === 0) return;
    const abandoned = [...this.#sessions.values()].flatMap((session) => {
      const isMeant = server === undefined || session.uses(server);
      const sinceMs = isMeant ? session.abandonedMs(now) : undefined;
      return sinceMs === undefined ? [] : [{ session, sinceMs }];
    });
    abandoned.sort((a, b) => b.sinceMs - a.sinceMs);
    for (const { session } of abandoned.slice(0, count)) session.close('abandoned');
  }

  #refuseWhileDraining(): void {
    if (this.#isDraining) throw new BridgeError('DRAINING', 'Cannot open a session: Gangway is shutting down');
  }

  /** No session is opened any more, and no request is taken. Resolves when none is under way. */
  drain(): Promise<void> {
    this.#isDraining = true;
    this.#quiet = deferred();
    return this.#quiet.promise;
  }

  closeAll(reason: CloseReason): void {
    this.#isDraining = true;
    this.#stopTicking();
    for (const session of [...this.#sessions.values()]) session.close(reason);
  }
}

/** What the log calls a session: its id would be a key to it. */
function shortName(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 8);
}
