import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import type { Notification, Request } from '../jsonrpc/message.ts';
import type { Budget } from '../pool/budget.ts';
import type { FleetSurroundings } from '../pool/fleet.ts';
import type { Place, Room } from '../pool/place.ts';
import { SharedPool } from '../pool/shared-pool.ts';
import { shakeHands, type Handshake } from '../upstream/handshake.ts';
import { legacyWire } from '../upstream/legacy-wire.ts';
import { SharedUpstream } from '../upstream/shared-upstream.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { Askers } from './askers.ts';
import type { ChannelLease, Visitor } from './channel.ts';
import { ListCache } from './list-cache.ts';
import { LogLevels } from './log-levels.ts';
import { readyLease } from './ready-lease.ts';
import { agreedRevision } from './revisions.ts';
import { SharedChannel, type AfterAnswer, type LocalAnswer, type SharedHome } from './shared-channel.ts';
import { Strays } from './strays.ts';
import { Subscriptions } from './subscriptions.ts';
import { WaitingBytes } from './waiting-bytes.ts';

interface Surroundings {
  readonly start: FleetSurroundings['start'];
  readonly clock: Clock;
  readonly log: Log;
  readonly budget: Budget;
}

const initializeRequest = z.object({ params: z.object({ protocolVersion: z.string() }) });

/**
 * A server that many clients share: its pool, and all that its containers have to know of its clients together: who
 * watches which resource, how much is to be logged, what each was told about the server.
 */
export class SharedServer implements SharedHome {
  readonly pool: SharedPool;
  readonly #config: ServerConfig;
  readonly #clock: Clock;
  readonly #channels = new Set<SharedChannel>();
  readonly #levels = new LogLevels<SharedChannel>();
  readonly #subscriptions = new Subscriptions<SharedChannel>();
  readonly #lists = new ListCache();
  readonly #askers = new Askers();
  readonly #strays = new Strays();
  readonly #waiting = new WaitingBytes();
  /** What the last container said that came up; kept while none runs. */
  #handshake: Handshake | undefined;
  /** The result of `initialize` by revision. */
  readonly #results = new Map<string, string>();
  #lastKey = 0;
  #level: string | undefined;

  constructor(config: ServerConfig, { start, clock, log, budget }: Surroundings) {
    this.#config = config;
    this.#clock = clock;
    this.pool = new SharedPool(config.pool, {
      ...{ start, clock, log, budget, memoryBytes: config.resources.memoryBytes, random: Math.random },
      ...{ startTimeoutMs: config.startTimeoutMs, pingIntervalMs: config.pingIntervalMs },
      open: (upstream) => this.#open(upstream),
    });
  }

  /** Messages of its containers that belonged to nothing, or could not be told whose they are. */
  get unexpected(): number {
    return this.#strays.total;
  }

  /** A share of it for one client. @param visitor whose one request it is for; undefined for a session */
  join(visitor?: string): ChannelLease {
    this.#lastKey += 1;
    const channel = new SharedChannel(this, visitor === undefined ? String(this.#lastKey) : `of ${visitor}`);
    this.#channels.add(channel);
    return readyLease(channel);
  }

  tryTake(room: Room): Place | undefined {
    return this.pool.tryTake(room);
  }

  wait(client: SharedChannel, bytes: number, signal: AbortSignal, room: Room): Promise<Place> {
    return this.#waiting.hold(bytes, () => this.pool.wait(signal, client.key, room));
  }

  async initialize(client: SharedChannel, bytes: Bytes, signal: AbortSignal): Promise<string> {
    const read = initializeRequest.safeParse(JSON.parse(bytes.toString()));
    const handshake = this.#handshake ?? (await this.#firstHandshake(client, signal));
    const asked = read.success ? read.data.params.protocolVersion : undefined;
    const revision = agreedRevision(asked, handshake.protocolVersion);
    return this.#resultFor(revision, handshake);
  }

  enter(client: SharedChannel, visitor: Visitor): Handshake | Promise<Handshake> {
    const { logLevel } = visitor;
    if (logLevel !== undefined && LogLevels.has(logLevel)) {
      this.#levels.set(client, logLevel);
      this.#tellLevel();
    }
    // There is a signal only for those who look at it.
    return this.#handshake ?? this.#firstHandshake(client, visitor.signal);
  }

  expects(request: Request): ReturnType<Askers['expects']> {
    return this.#askers.expects(request);
  }

  learn(request: Request, hasAsked: boolean): void {
    this.#askers.learn(request, hasAsked);
  }

  serve(client: SharedChannel, request: Request): LocalAnswer | AfterAnswer | undefined {
    switch (request.method) {
      case 'ping':
        return emptyAnswer(request);
      case 'logging/setLevel':
        return this.#setLevel(client, request);
      case 'resources/subscribe':
        return this.#subscribe(client, request);
      case 'resources/unsubscribe':
        return this.#unsubscribe(client, request);
      default:
        return this.#fromMemory(request);
    }
  }

  admits(client: SharedChannel, level: string | undefined): boolean {
    return this.#levels.admits(client, level);
  }

  any(): SharedUpstream | undefined {
    return this.pool.upstreams().find(({ upstream }) => !upstream.isBusy);
  }

  leave(client: SharedChannel): void {
    this.#channels.delete(client);
    if (this.#levels.forget(client)) this.#tellLevel();
    const unwatched = this.#subscriptions.forget(client);
    for (const uri of unwatched) this.#tellAll('resources/unsubscribe', { uri });
    if (unwatched.length > 0) this.#hold();
  }

  async #open(upstream: Upstream): Promise<SharedUpstream> {
    const { maxLineBytes, maxCallTimeMs, startTimeoutMs, pool } = this.#config;
    const wire = legacyWire({
      ...{ maxCallTimeMs, clock: this.#clock },
      onBroadcast: (notification, bytes, from) => {
        this.#broadcast(notification, bytes, from);
      },
      onAmbiguous: (calls) => {
        for (const call of calls) this.#askers.doubt(call);
      },
    });
    const shared = new SharedUpstream(upstream, { maxLineBytes, wire });
    this.#strays.watch(shared);
    const handshake = await shakeHands(shared, startTimeoutMs, this.#clock);
    this.#handshake = handshake;
    this.#results.clear();
    // What the others have been told holds for this one too.
    if (this.#level !== undefined) void shared.ask('logging/setLevel', { level: this.#level }).catch(ignore);
    for (const uri of this.#subscriptions.uris()) void shared.ask('resources/subscribe', { uri }).catch(ignore);
    if (pool.min === 0) await this.#lists.learn(shared, handshake.capabilities);
    return shared;
  }

  /** The session has a limit for it, after which it closes. */
  async #firstHandshake(client: SharedChannel, signal: AbortSignal): Promise<Handshake> {
    const place = await this.pool.wait(signal, client.key);
    place.release();
    if (!this.#handshake) throw new Error('A server that serves has shaken hands');
    return this.#handshake;
  }

  /** Tasks live in one process: of what many share, nobody could find his own again. */
  #resultFor(revision: string, { result, capabilities }: Handshake): string {
    const known = this.#results.get(revision);
    if (known !== undefined) return known;
    const others = Object.entries(capabilities).filter(([name]) => name !== 'tasks');
    const shown = { ...result, protocolVersion: revision, capabilities: Object.fromEntries(others) };
    const text = JSON.stringify(shown);
    this.#results.set(revision, text);
    return text;
  }

  #broadcast(notification: Notification, bytes: Bytes, from: SharedUpstream): void {
    for (const channel of this.#audience(notification)) channel.onBroadcast(notification, bytes, from);
    if (this.#config.pool.min === 0) void this.#lists.onChanged(from, notification.method);
  }

  #audience({ method, uri }: Notification): readonly SharedChannel[] {
    if (method !== 'notifications/resources/updated') return [...this.#channels];
    return uri === undefined ? [] : this.#subscriptions.watchers(uri);
  }

  /** Lists while nothing runs. */
  #fromMemory(request: Request): LocalAnswer | undefined {
    if (this.pool.isRunning) return undefined;
    const bytes = this.#lists.answer(request);
    return bytes && { kind: 'answer', bytes };
  }

  /** The client's own request goes to one container when it changes what all of them have to do, and then the others learn it. */
  #setLevel(client: SharedChannel, request: Request): LocalAnswer | AfterAnswer | undefined {
    const { level } = request;
    if (!LogLevels.has(level) || this.#handshake?.capabilities['logging'] === undefined) return undefined;
    this.#levels.set(client, level);
    if (this.#levels.lowest !== level || this.#level === level) {
      this.#tellLevel();
      return emptyAnswer(request);
    }
    this.#level = level;
    return {
      kind: 'after',
      run: (_answer, shared) => {
        this.#tellAll('logging/setLevel', { level }, shared);
      },
    };
  }

  #subscribe(client: SharedChannel, { uri }: Request): AfterAnswer | undefined {
    if (uri === undefined) return undefined;
    return {
      kind: 'after',
      run: (answer, shared) => {
        if (answer.isError || !this.#channels.has(client)) return;
        if (this.#subscriptions.add(client, uri)) this.#tellAll('resources/subscribe', { uri }, shared);
        this.#hold();
      },
    };
  }

  #unsubscribe(client: SharedChannel, request: Request): LocalAnswer | AfterAnswer | undefined {
    const { uri } = request;
    if (uri === undefined) return undefined;
    const isWatched = this.#subscriptions.isSharedBeyond(client, uri);
    const wasLast = this.#subscriptions.remove(client, uri);
    this.#hold();
    if (isWatched) return emptyAnswer(request);
    return {
      kind: 'after',
      run: (_answer, shared) => {
        if (wasLast) this.#tellAll('resources/unsubscribe', { uri }, shared);
      },
    };
  }

  #tellLevel(): void {
    const { lowest } = this.#levels;
    if (lowest === undefined || lowest === this.#level) return;
    this.#level = lowest;
    this.#tellAll('logging/setLevel', { level: lowest });
  }

  #tellAll(method: string, params: object, but?: SharedUpstream): void {
    for (const shared of this.pool.upstreams()) if (shared !== but) void shared.ask(method, params).catch(ignore);
  }

  /** Whoever watches a resource waits for what a container says by itself. */
  #hold(): void {
    this.pool.hold(this.#subscriptions.uris().length > 0);
  }
}

function emptyAnswer({ idText }: Request): LocalAnswer {
  return { kind: 'answer', bytes: Bytes.from(`{"jsonrpc":"2.0","id":${idText},"result":{}}`) };
}

function ignore(): void {
  // The server ended before it answered; its successor is told.
}
