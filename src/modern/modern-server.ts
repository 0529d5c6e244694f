import { BridgeError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import { objectText, RawJson } from '../jsonrpc/raw-json.ts';
import { ownMeta } from '../upstream/discovery.ts';
import type { Handshake } from '../upstream/handshake.ts';
import { ModernCall } from './call.ts';
import { Dialogue } from './dialogue.ts';
import { cachingHints } from './dress.ts';
import type { Incoming } from './incoming.ts';
import { openLegacy } from './legacy-opening.ts';
import { Listening } from './listening.ts';
import { metaKeys, modernRevision } from './revision.ts';
import { paramsOf, textOf } from '../relay/rewrite.ts';
import { bindingOf, type Rounds } from './rounds.ts';
import { Seat } from './seat.ts';
import type { ModernServed, ModernWay } from './served.ts';
import { ToolHeaders } from './tool-headers.ts';
import type { Vanished } from './vanished.ts';

interface Surroundings {
  readonly rounds: Rounds<Dialogue>;
  readonly clock: Clock;
}

/** Methods that 2026-07-28 has taken out, and those of its own that a legacy server could mistake for others. */
const removed: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
  'tasks/result',
  'tasks/list',
]);

/** What a server said of itself is good for so long, where it takes a container to ask it, in milliseconds. */
const knownMs = 60_000;

/** One server as requests of 2026-07-28 use it: relayed to it, or put into the words of a legacy one. */
export class ModernServer {
  readonly served: ModernServed;
  readonly #around: Surroundings;
  readonly #calls = new Set<ModernCall>();
  readonly #listenings = new Set<Listening>();
  readonly #headers: ToolHeaders;
  readonly #ofCalls: ConstructorParameters<typeof ModernCall>[3];
  readonly #ofDialogues: ConstructorParameters<typeof Dialogue>[3];
  #known: { readonly handshake: Handshake; readonly at: number } | undefined;
  readonly #serverInfos = new WeakMap<Handshake, string>();
  #opening = 0;

  constructor(served: ModernServed, around: Surroundings) {
    this.served = served;
    this.#around = around;
    this.#headers = new ToolHeaders(around.clock);
    const { config: server } = served;
    const onOver = (call: ModernCall): void => {
      this.#calls.delete(call);
    };
    this.#ofCalls = { server, clock: around.clock, onOver };
    this.#ofDialogues = { ...around, server };
  }

  /** Requests that clients wait for. */
  get inFlight(): number {
    let count = this.#opening;
    for (const call of this.#calls) if (call.isWaitedFor && !call.isListening) count += 1;
    return count;
  }

  /** Streams of changes. */
  get listening(): number {
    let count = this.#listenings.size;
    for (const call of this.#calls) if (call.isListening) count += 1;
    return count;
  }

  /** Requests in whatever state, and streams of changes. */
  get users(): number {
    return this.#opening + this.#calls.size + this.#listenings.size;
  }

  /**
   * Serves one request; its answer goes to its reply.
   *
   * @throws {BridgeError} nothing was sent: `LEGACY_ONLY`, `METHOD_UNKNOWN`, `HEADER_MISMATCH`, `ROUND_UNKNOWN`,
   *   `INPUT_INVALID`, and what leasing and starting throw
   */
  async take(incoming: Incoming, vanished: Vanished): Promise<void> {
    this.#opening += 1;
    try {
      const { modern } = this.served;
      const way = modern.way ?? (await modern.find());
      vanished.throwIfGone();
      if (way === 'relay') await this.#relay(incoming, vanished);
      else if (way === 'fallback') throw legacyOnly();
      else await this.#translate(incoming, way, vanished);
    } finally {
      this.#opening -= 1;
    }
  }

  /** Ends what is overdue. Called a few times a second. */
  tick(now: number): void {
    for (const call of [...this.#calls]) call.tick(now);
  }

  /** Streams of changes end in order: their clients can open others. */
  endListening(): void {
    for (const listening of [...this.#listenings]) listening.end();
  }

  /** Nobody could come back any more to calls that wait for their clients: these end too. */
  drain(error: BridgeError): void {
    this.endListening();
    for (const call of [...this.#calls]) if (!call.isWaitedFor) call.close(error);
  }

  closeAll(error: BridgeError): void {
    this.drain(error);
    for (const call of [...this.#calls]) call.close(error);
  }

  async #relay(incoming: Incoming, vanished: Vanished): Promise<void> {
    const seat = await this.#sit(incoming, vanished);
    if (this.#headers.mustCheck(incoming)) await this.#checkParams(seat, incoming, vanished);
    this.#begin(seat, incoming, undefined);
  }

  async #translate(incoming: Incoming, way: ModernWay, vanished: Vanished): Promise<void> {
    const { method } = incoming.request;
    if (removed.has(method)) throw new BridgeError('METHOD_UNKNOWN', `Method not found: ${method}`);
    if (incoming.request.claim.isRetry && this.#goOn(incoming)) return;
    if (method === 'server/discover') await this.#discover(incoming, way, vanished);
    else if (method === 'subscriptions/listen') await this.#listen(incoming, way, vanished);
    else await this.#call(incoming, vanished);
  }

  /** @returns whether it belongs to a call that waits for it */
  #goOn(incoming: Incoming): boolean {
    const state = textOf(paramsOf(incoming.bytes).get('requestState'));
    // A client that answers what it was not asked gets a call of its own.
    if (state === undefined) return false;
    this.#around.rounds.find(state, bindingOf(incoming, this.served.config.name)).goOn(incoming);
    return true;
  }

  async #call(incoming: Incoming, vanished: Vanished): Promise<void> {
    const { seat, handshake } = await this.#open(incoming, vanished);
    if (this.#headers.mustCheck(incoming)) await this.#checkParams(seat, incoming, vanished);
    const dialogue = new Dialogue(seat, incoming, this.#serverInfoOf(handshake), this.#ofDialogues);
    this.#begin(seat, incoming, dialogue);
  }

  #begin(seat: Seat, incoming: Incoming, dialogue: Dialogue | undefined): void {
    const call = new ModernCall(seat, incoming, dialogue, this.#ofCalls);
    this.#calls.add(call);
    call.start(incoming);
  }

  async #discover(incoming: Incoming, way: ModernWay, vanished: Vanished): Promise<void> {
    const { handshake } = await this.#handshake(incoming, way, vanished);
    const { instructions } = handshake.result;
    const result = objectText({
      resultType: 'complete',
      supportedVersions: [modernRevision],
      capabilities: capabilitiesOf(handshake, way),
      instructions,
      ...(JSON.parse(`{${cachingHints}}`) as object),
      _meta: new RawJson(`{"${metaKeys.serverInfo}":${this.#serverInfoOf(handshake)}}`),
    });
    const { request, reply } = incoming;
    reply.answer(Bytes.from(`{"jsonrpc":"2.0","id":${request.idText},"result":${result}}`));
  }

  async #listen(incoming: Incoming, way: ModernWay, vanished: Vanished): Promise<void> {
    // A container of its own for each call has nothing to say between two of them.
    const isSilent = way === 'per-call';
    const opened = isSilent ? await this.#handshake(incoming, way, vanished) : await this.#open(incoming, vanished);
    const listening = new Listening(isSilent ? undefined : opened.seat, incoming, {
      handshake: opened.handshake,
      serverInfo: this.#serverInfoOf(opened.handshake),
      subscribeTimeoutMs: this.served.config.callTimeoutMs,
      onOver: (over) => {
        this.#listenings.delete(over);
      },
    });
    this.#listenings.add(listening);
    await listening.open();
  }

  /** What the server says of itself. Where it takes a container to know, what it said a minute ago at the most. */
  async #handshake(incoming: Incoming, way: ModernWay, vanished: Vanished): Promise<Opened> {
    const { clock } = this.#around;
    if (way === 'per-call' && this.#known && clock.now() - this.#known.at < knownMs) return this.#known;
    const { seat, handshake } = await this.#open(incoming, vanished);
    void seat.release();
    this.#known = { handshake, at: clock.now() };
    return this.#known;
  }

  async #open(incoming: Incoming, vanished: Vanished): Promise<Opened & { readonly seat: Seat }> {
    const seat = await this.#sit(incoming, vanished);
    try {
      const handshake = await openLegacy(seat, incoming, this.served.config, vanished);
      vanished.throwIfGone();
      return { seat, handshake };
    } catch (error) {
      void seat.release(vanished.isGone ? 'never-used' : 'start-failed');
      throw error;
    }
  }

  async #sit({ address }: Incoming, vanished: Vanished): Promise<Seat> {
    const { config, modern } = this.served;
    const lease = modern.visit?.(address) ?? (await modern.lease(vanished.signal, address));
    const seat = new Seat(lease, { config, clock: this.#around.clock });
    if (!vanished.isGone) return seat;
    void seat.release('never-used');
    return Promise.reject(vanished.signal.reason as Error);
  }

  /** @throws {BridgeError} `HEADER_MISMATCH` */
  async #checkParams(seat: Seat, incoming: Incoming, vanished: Vanished): Promise<void> {
    try {
      await this.#headers.checkAnew(incoming, (params, limitMs) =>
        seat.ask('tools/list', { ...params, _meta: ownMeta }, limitMs),
      );
      vanished.throwIfGone();
    } catch (error) {
      void seat.release();
      throw error;
    }
  }

  #serverInfoOf(handshake: Handshake): string {
    const known = this.#serverInfos.get(handshake);
    if (known !== undefined) return known;
    const text = JSON.stringify(handshake.result['serverInfo'] ?? { name: this.served.config.name, version: '' });
    this.#serverInfos.set(handshake, text);
    return text;
  }
}

interface Opened {
  readonly handshake: Handshake;
  readonly seat?: Seat;
}

/** Tasks of legacy revisions have other rules; and what nobody will ever be told is not promised. */
function capabilitiesOf({ capabilities }: Handshake, way: ModernWay): object {
  const known = Object.entries(capabilities).filter(([name]) => name !== 'tasks');
  if (way !== 'per-call') return Object.fromEntries(known);
  return Object.fromEntries(known.map(([name, capability]) => [name, withoutChanges(capability)]));
}

function withoutChanges(capability: unknown): unknown {
  if (typeof capability !== 'object' || capability === null) return capability;
  return Object.fromEntries(Object.entries(capability).filter(([key]) => key !== 'listChanged' && key !== 'subscribe'));
}

function legacyOnly(): BridgeError {
  return new BridgeError(
    'LEGACY_ONLY',
    'This server is served in sessions only, revisions 2024-11-05 to 2025-11-25: begin with "initialize"',
  );
}
