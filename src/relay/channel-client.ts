import type { Clock } from '../base/clock.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import { version } from '../base/version.ts';
import type { ServerConfig } from '../config/config.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import {
  isRefusal,
  readMessage,
  serverLimits,
  type Envelope,
  type Id,
  type Notification,
  type Request,
} from '../jsonrpc/message.ts';
import { oneLine } from '../jsonrpc/one-line.ts';
import { memberTexts, objectText, RawJson } from '../jsonrpc/raw-json.ts';
import type { RetireReason } from '../pool/slot.ts';
import { endError, garbledAnswer, timeoutError } from '../upstream/end-error.ts';
import { handshakeOf, newestRevision, type Handshake } from '../upstream/handshake.ts';
import type { UpstreamEnd } from '../upstream/upstream.ts';
import type { Channel, ChannelLease, ChannelReceiver } from './channel.ts';
import { Result } from './result.ts';
import { ServerError } from './server-error.ts';

export interface RequestOptions {
  /** Gives the request up: the server is told (`notifications/cancelled`), and the promise rejects with the reason. */
  readonly signal?: AbortSignal;
  /** Gets `params` of each step of progress. Without it, the server is asked for none, and `callTimeout` is all it has. */
  readonly onProgress?: (params: Readonly<Record<string, unknown>>) => void;
}

interface Surroundings {
  /** Read anew for each request: what a reload changes in place counts. */
  readonly config: Pick<ServerConfig, 'startTimeoutMs' | 'callTimeoutMs' | 'maxCallTimeMs' | 'maxLineBytes'>;
  readonly clock: Clock;
  /** Gives the opening up. */
  readonly signal?: AbortSignal;
  /** What the server says by itself, but for progress. @param bytes are there until it returns, see `Bytes.kept` */
  readonly onNotification?: (notification: Notification, bytes: Bytes) => void;
}

interface Call {
  readonly method: string;
  readonly answer: Deferred<Result>;
  readonly startedAt: number;
  lastSignAt: number;
  readonly onProgress: RequestOptions['onProgress'];
}

/** Deadlines are kept to this grain, in milliseconds. */
const tickMs = 250;
/** Requests under way at once. */
const maxCalls = 1000;
/** Of one list. */
const maxPages = 100;
const maxListBytes = 32 * 1024 * 1024;

/**
 * Gangway as a client of a server, for those who speak no MCP themselves: requests become promises. It can be asked
 * nothing (no sampling, roots or elicitation), and each of its requests ends within the server's `callTimeout` and
 * `maxCallTime`.
 */
export class ChannelClient implements ChannelReceiver {
  /** Resolves when the server answers nothing any more, to what its requests got. Also after `close`. */
  readonly ended: Promise<BridgeError>;
  readonly #lease: ChannelLease;
  readonly #channel: Channel;
  readonly #around: Surroundings;
  readonly #calls = new Map<Id, Call>();
  readonly #stopTicking: () => void;
  readonly #ended = deferred<BridgeError>();
  #end: BridgeError | undefined;
  #handshake: Handshake | undefined;
  #wasAnswered = false;
  #released = Promise.resolve();
  #lastId = 0;

  private constructor(lease: ChannelLease, around: Surroundings) {
    this.ended = this.#ended.promise;
    this.#lease = lease;
    this.#channel = lease.upstream;
    this.#around = around;
    this.#stopTicking = around.clock.every(tickMs, () => {
      this.#tick(around.clock.now());
    });
  }

  /**
   * Initialises a server. The lease is the client's from now on: it is released when the client is closed, when the
   * server ends, and when this fails.
   *
   * @throws {BridgeError} `START_FAILED`, `READY_TIMEOUT`, `UPSTREAM_GARBLED`; the reason of the signal; and, of a shared
   *   server, what `SharedPool.wait` throws
   * @see MCP 2025-11-25, Lifecycle, "Initialization"
   */
  static async open(lease: ChannelLease, around: Surroundings): Promise<ChannelClient> {
    const client = new ChannelClient(lease, around);
    try {
      await client.#initialize();
      return client;
    } catch (error) {
      void client.#finish(asBridgeError(error), client.#failureOf());
      throw error;
    }
  }

  /** What the server said to `initialize`. */
  get handshake(): Handshake {
    if (!this.#handshake) throw new Error('An open client has shaken hands');
    return this.#handshake;
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /**
   * Asks the server something.
   *
   * @param params a member may be a `RawJson`
   * @throws {ServerError} the server's own error
   * @throws {BridgeError} `UPSTREAM_BUSY`: nothing was sent; `CALL_TIMEOUT`: the server was told that nobody waits;
   *   `UPSTREAM_GARBLED`; what `endError` gives when the server ends; the reason of the signal
   */
  request(
    method: string,
    params: Readonly<Record<string, unknown>> = {},
    options: RequestOptions = {},
  ): Promise<Result> {
    const asked = this.#ask(method, params, options);
    // Whoever asks may have stopped to wait.
    asked.catch(() => undefined);
    return asked;
  }

  /**
   * All pages of a list, such as `tools/list`; at most 100 pages, 32 MiB and `maxCallTime`.
   *
   * @param member where the elements stand in a result, such as `tools`
   * @throws what `request` throws; {BridgeError} `UPSTREAM_GARBLED` for a list without an end, or that is none
   */
  async list(method: string, member: string, options: RequestOptions = {}): Promise<unknown[]> {
    const { config, clock } = this.#around;
    const startedAt = clock.now();
    const elements: unknown[] = [];
    let bytes = 0;
    let cursor: unknown;
    for (let page = 0; page < maxPages && bytes < maxListBytes; page++) {
      if (clock.now() - startedAt >= config.maxCallTimeMs) throw this.#late(false, startedAt);
      const { text, value } = await this.request(method, cursor === undefined ? {} : { cursor }, options);
      const found = value[member];
      if (!Array.isArray(found)) throw new BridgeError('UPSTREAM_GARBLED', `Cannot read "${method}": it is no list`);
      bytes += text.length;
      for (const element of found as unknown[]) elements.push(element);
      cursor = value['nextCursor'];
      if (typeof cursor !== 'string') return elements;
    }
    throw new BridgeError('UPSTREAM_GARBLED', `Cannot read "${method}": it has no end within ${maxPages} pages`);
  }

  /** Says something that has no answer; a server that does not read is not told. */
  notify(method: string, params: Readonly<Record<string, unknown>> = {}): void {
    if (!this.#end && !this.#channel.isBusy)
      this.#post({ jsonrpc: '2.0', method, params: new RawJson(objectText(params)) });
  }

  /**
   * Ends it and gives the lease back; any number of times. Resolves when that is done.
   *
   * @param error what pending requests get
   */
  close(error = new BridgeError('SESSION_UNKNOWN', 'Cannot finish the request: its session ended')): Promise<void> {
    return this.#finish(error, 'session-ended');
  }

  onMessage(message: Envelope, bytes: Bytes): void {
    if (message.kind === 'response') this.#onResponse(message.id, bytes);
    else if (message.kind === 'request') this.#onRequest(message);
    else if (message.kind === 'notification') this.#onNotification(message, bytes);
  }

  onGarbled(id: Id): void {
    this.#take(id)?.answer.reject(garbledAnswer());
  }

  onFailed(id: Id, error: BridgeError): void {
    this.#take(id)?.answer.reject(error);
  }

  onFlood(): void {
    // It reads whatever comes, so nothing waits.
  }

  onEnd(end: UpstreamEnd): void {
    const isStart = this.#handshake === undefined;
    const error = endError(end, this.#around.config.maxLineBytes, this.#channel, isStart);
    void this.#finish(error, isStart && !this.#wasAnswered ? 'start-failed' : 'session-ended');
  }

  async #initialize(): Promise<void> {
    const { signal } = this.#around;
    signal?.throwIfAborted();
    const clientInfo = { name: 'gangway', version: version() };
    const params = { protocolVersion: newestRevision, capabilities: {}, clientInfo };
    const asked = this.request('initialize', params, signal ? { signal } : {});
    this.#channel.attach(this);
    const { value } = await asked.catch((error: unknown) => {
      throw error instanceof ServerError ? this.#refused('it answered "initialize" with an error') : error;
    });
    this.#handshake = handshakeOf(value);
    if (!this.#handshake) throw this.#refused('its answer to "initialize" is not one');
    this.notify('notifications/initialized');
  }

  #refused(what: string): BridgeError {
    return new BridgeError('START_FAILED', `Cannot start the server: ${what}`, this.#channel.describeExit());
  }

  /** What the failure to open says about the server: nothing when the client gave up. */
  #failureOf(): RetireReason {
    if (this.#around.signal?.aborted) return 'never-used';
    return this.#wasAnswered ? 'session-ended' : 'start-failed';
  }

  #ask(
    method: string,
    params: Readonly<Record<string, unknown>>,
    { signal, onProgress }: RequestOptions,
  ): Promise<Result> {
    if (this.#end) return Promise.reject(this.#end);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    if (this.#channel.isBusy || this.#calls.size >= maxCalls) return Promise.reject(busy(method));
    const answer = deferred<Result>();
    const id = this.#begin(method, answer, onProgress);
    this.#send(method, params, id, onProgress !== undefined);
    const giveUp = (): void => {
      this.#giveUp(id, signal?.reason);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    return answer.promise.finally(() => signal?.removeEventListener('abort', giveUp));
  }

  #begin(method: string, answer: Call['answer'], onProgress: RequestOptions['onProgress']): number {
    this.#lastId += 1;
    const now = this.#around.clock.now();
    this.#calls.set(this.#lastId, { method, answer, startedAt: now, lastSignAt: now, onProgress });
    return this.#lastId;
  }

  #send(method: string, params: Readonly<Record<string, unknown>>, id: number, hasProgress: boolean): void {
    const meta = hasProgress ? { _meta: { ...(params['_meta'] as object | undefined), progressToken: id } } : {};
    this.#post({ jsonrpc: '2.0', id, method, params: new RawJson(objectText({ ...params, ...meta })) });
  }

  #post(message: Readonly<Record<string, unknown>>): void {
    const bytes = oneLine(Bytes.from(objectText(message)));
    const read = readMessage(bytes, serverLimits);
    if (isRefusal(read) || read.kind === 'batch') throw new Error('Gangway writes valid messages');
    this.#channel.send(bytes, read);
  }

  #onResponse(id: Id, bytes: Bytes): void {
    const call = this.#take(id);
    if (!call) return;
    if (call.method === 'initialize') {
      this.#wasAnswered = true;
      this.#lease.prove();
    }
    try {
      call.answer.resolve(readResult(bytes.toString()));
    } catch (error) {
      call.answer.reject(error);
    }
  }

  #onRequest({ method, idText }: Request): void {
    // A server that does not read cannot be told.
    if (this.#channel.isBusy) return;
    const error = { code: -32_601, message: `Method not found: "${method.slice(0, 100)}" is not offered` };
    const answer = method === 'ping' ? { result: {} } : { error };
    this.#post({ jsonrpc: '2.0', id: new RawJson(idText), ...answer });
  }

  #onNotification(notification: Notification, bytes: Bytes): void {
    if (notification.method !== 'notifications/progress') {
      this.#around.onNotification?.(notification, bytes);
      return;
    }
    const call = notification.progressToken === undefined ? undefined : this.#calls.get(notification.progressToken);
    if (!call?.onProgress) return;
    call.lastSignAt = this.#around.clock.now();
    const { params } = JSON.parse(bytes.toString()) as { params: Readonly<Record<string, unknown>> };
    call.onProgress(params);
  }

  #tick(now: number): void {
    for (const [id, call] of [...this.#calls]) if (this.#isLate(call, now)) this.#timeOut(id, call);
    if (this.#channel.isAlive(now, this.#calls.size === 0)) return;
    const sentence = 'Cannot finish the request: the server does not answer any more';
    void this.#finish(new BridgeError('UPSTREAM_EXITED', sentence, this.#channel.describeExit()), 'session-ended');
  }

  #isLate({ method, startedAt, lastSignAt }: Call, now: number): boolean {
    const { startTimeoutMs, callTimeoutMs, maxCallTimeMs } = this.#around.config;
    if (method === 'initialize') return now - startedAt >= startTimeoutMs;
    return now - startedAt >= maxCallTimeMs || now - lastSignAt >= callTimeoutMs;
  }

  #timeOut(id: Id, { method, startedAt }: Call): void {
    this.#giveUp(id, this.#late(method === 'initialize', startedAt));
  }

  #late(isStart: boolean, startedAt: number): BridgeError {
    return timeoutError(isStart, Math.round(this.#around.clock.now() - startedAt), this.#channel);
  }

  /** @see MCP 2025-11-25, Cancellation: `initialize` is never cancelled */
  #giveUp(id: Id, reason: unknown): void {
    const call = this.#take(id);
    if (!call) return;
    call.answer.reject(reason);
    if (call.method === 'initialize') return;
    const why = reason instanceof BridgeError && reason.code === 'CALL_TIMEOUT' ? 'timeout' : 'the client is gone';
    this.notify('notifications/cancelled', { requestId: id, reason: why });
  }

  #take(id: Id): Call | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  #finish(error: BridgeError, reason: RetireReason): Promise<void> {
    if (this.#end) return this.#released;
    this.#end = error;
    this.#stopTicking();
    for (const id of [...this.#calls.keys()]) this.#take(id)?.answer.reject(error);
    this.#ended.resolve(error);
    this.#released = this.#lease.release(reason);
    return this.#released;
  }
}

/** @throws {ServerError} when it is an error; {BridgeError} `UPSTREAM_GARBLED` when its result is no object */
function readResult(message: string): Result {
  const members = memberTexts(message);
  const text = members.get('result');
  if (text === undefined) throw readError(members.get('error') ?? '{}');
  if (text.startsWith('{')) return new Result(text);
  throw new BridgeError('UPSTREAM_GARBLED', 'Cannot read the server’s answer: its result is no object');
}

function readError(text: string): ServerError {
  const { code, message, data } = JSON.parse(text) as Readonly<Record<string, unknown>>;
  return new ServerError(typeof code === 'number' ? code : -32_603, typeof message === 'string' ? message : '', data);
}

function busy(method: string): BridgeError {
  return new BridgeError('UPSTREAM_BUSY', `Cannot ask "${method}": the server does not keep up`);
}

function asBridgeError(error: unknown): BridgeError {
  return error instanceof BridgeError ? error : new BridgeError('INTERNAL', 'Internal error');
}
