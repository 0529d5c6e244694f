import { randomUUID } from 'node:crypto';
import { BridgeError, type ErrorData } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ToolsConfig } from '../config/config.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Request, Response } from '../jsonrpc/message.ts';
import { elementTexts, memberTexts, RawJson } from '../jsonrpc/raw-json.ts';
import { ownMeta } from '../upstream/discovery.ts';
import type { UpstreamEnd } from '../upstream/upstream.ts';
import type { Channel, ChannelLease, ChannelReceiver } from './channel.ts';
import { changed, messageOf, objectIn, paramsOf, textOf, withParam, type Message } from './rewrite.ts';
import { ToolView } from './tool-view.ts';

interface Surroundings {
  readonly view: ToolView;
  /** What becomes of a tool that is not what was pinned. */
  readonly onChange: ToolsConfig['onChange'];
  /** Definitions that the log has named already. */
  readonly told: Set<string>;
  readonly log: Log;
}

/** The same for all sessions of a server: the log names each definition once, however often the list is read. */
const toldBy = new WeakMap<ToolsConfig, Set<string>>();
/** A server may make up new ones for ever. */
const maxTold = 1000;

/** The same lease, with a view of the server's tools in place of the tools themselves. @param tools undefined shows all */
export function viewLease(lease: ChannelLease, tools: ToolsConfig | undefined, log: Log): ChannelLease {
  if (!tools) return lease;
  const view = new ToolView(tools);
  const told = toldBy.get(tools) ?? new Set();
  toldBy.set(tools, told);
  return {
    upstream: new ViewChannel(lease.upstream, { view, onChange: tools.onChange, told, log }),
    wasWarm: lease.wasWarm,
    prove: () => {
      lease.prove();
    },
    release: (reason) => lease.release(reason),
  };
}

/** Ids of requests of Gangway's own begin with this: no client can have used it. */
const ownPrefix = `gangway-view-${randomUUID()}-`;
/** Of the list that is read before the first call, when tools are pinned. */
const maxPages = 100;

/**
 * A channel on which only some tools are there, some under other names. What is called must be among them; all other
 * messages pass as they are.
 */
class ViewChannel implements Channel, ChannelReceiver {
  readonly #channel: Channel;
  readonly #around: Surroundings;
  /** Requests for the list that have no answer yet. */
  readonly #lists = new Set<Id>();
  #receiver: ChannelReceiver | undefined;
  /** Tools whose definition is the pinned one, by the server's names; undefined until the list was read. */
  #proven: Set<string> | undefined;
  #reading: Set<string> | undefined;
  /** Calls that wait for that. */
  #waiting: { readonly request: Request; readonly message: Message; readonly tool: string }[] = [];
  #pages = 0;

  constructor(channel: Channel, around: Surroundings) {
    this.#channel = channel;
    this.#around = around;
  }

  get name(): string {
    return this.#channel.name;
  }

  get noiseLines(): number {
    return this.#channel.noiseLines;
  }

  get isBusy(): boolean {
    return this.#channel.isBusy;
  }

  attach(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
    this.#channel.attach(this);
  }

  send(bytes: Bytes, message: Envelope): void {
    if (message.kind === 'request' && message.method === 'tools/call') {
      this.#call(message, bytes);
      return;
    }
    if (message.kind === 'request' && message.method === 'tools/list') this.#lists.add(message.id);
    const isCancel = message.kind === 'notification' && message.method === 'notifications/cancelled';
    if (isCancel && this.#drop(message.requestId)) return;
    this.#channel.send(bytes, message);
  }

  get enter(): Channel['enter'] {
    return this.#channel.enter?.bind(this.#channel);
  }

  rest(): void {
    this.#channel.rest?.();
  }

  async wake(): Promise<void> {
    await this.#channel.wake?.();
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  isAlive(now: number, isIdle: boolean): boolean {
    return this.#channel.isAlive(now, isIdle);
  }

  describeExit(): ErrorData {
    return this.#channel.describeExit();
  }

  onMessage(message: Envelope, bytes: Bytes, cause?: Id): void {
    const shown = message.kind === 'response' ? this.#onResponse(message, bytes) : { bytes, envelope: message };
    if (message.kind === 'notification' && message.method === 'notifications/tools/list_changed')
      this.#proven = undefined;
    if (shown) this.#receiver?.onMessage(shown.envelope, shown.bytes, cause);
  }

  #onResponse(message: Response, bytes: Bytes): Message | undefined {
    if (this.#isOwn(message.id)) {
      this.#onOwnList(message, bytes);
      return undefined;
    }
    const isList = this.#lists.delete(message.id) && !message.isError;
    return isList ? this.#seenList(bytes) : { bytes, envelope: message };
  }

  onGarbled(id: Id): void {
    this.#lists.delete(id);
    if (this.#isOwn(id))
      this.#fail(new BridgeError('UPSTREAM_GARBLED', 'Cannot check the pinned tools: no valid list'));
    else this.#receiver?.onGarbled(id);
  }

  onFailed(id: Id, error: BridgeError, wasSent: boolean): void {
    this.#lists.delete(id);
    if (this.#isOwn(id)) this.#fail(error);
    else this.#receiver?.onFailed(id, error, wasSent);
  }

  onFlood(): void {
    this.#receiver?.onFlood();
  }

  onEnd(end: UpstreamEnd): void {
    this.#waiting = [];
    this.#receiver?.onEnd(end);
  }

  #isOwn(id: Id): boolean {
    return typeof id === 'string' && id.startsWith(ownPrefix);
  }

  #call(request: Request, bytes: Bytes): void {
    const shown = textOf(paramsOf(bytes).get('name'));
    const tool = shown === undefined ? undefined : this.#around.view.originalOf(shown);
    if (shown === undefined || tool === undefined) {
      this.#refuse(request, `Unknown tool: ${shown?.slice(0, 200) ?? ''}`);
      return;
    }
    const message = tool === shown ? { bytes, envelope: request } : withParam(bytes, 'name', tool);
    if (!this.#isChecked) this.#channel.send(message.bytes, message.envelope);
    else if (this.#proven) this.#sendProven(request, message, tool);
    else this.#wait(request, message, tool);
  }

  get #isChecked(): boolean {
    return this.#around.view.hasPins && this.#around.onChange === 'block';
  }

  #sendProven(request: Request, { bytes, envelope }: Message, tool: string): void {
    if (this.#proven?.has(tool)) this.#channel.send(bytes, envelope);
    else this.#refuse(request, `Blocked tool: "${tool}" is not what was pinned`);
  }

  #wait(request: Request, message: Message, tool: string): void {
    this.#waiting.push({ request, message, tool });
    if (this.#reading) return;
    this.#reading = new Set();
    this.#pages = 0;
    this.#askPage(undefined);
  }

  #askPage(cursor: unknown): void {
    this.#pages += 1;
    const id = `${ownPrefix}${this.#pages}`;
    // A server that speaks 2026-07-28 wants to know who asks; an older one must not be told.
    const _meta = this.#waiting.some(({ request }) => request.claim) ? ownMeta : undefined;
    const { bytes, envelope } = messageOf(
      JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list', params: { cursor, _meta } }),
    );
    this.#channel.send(bytes, envelope);
  }

  #onOwnList(message: Response, bytes: Bytes): void {
    if (message.isError) {
      this.#fail(new BridgeError('UPSTREAM_GARBLED', 'Cannot check the pinned tools: the server has no list'));
      return;
    }
    const result = objectIn(memberTexts(bytes.toString()).get('result'));
    for (const text of toolsIn(result)) if (this.#see(text) !== undefined) this.#note(text);
    const cursor = textOf(result.get('nextCursor'));
    if (cursor !== undefined && this.#pages < maxPages) {
      this.#askPage(cursor);
      return;
    }
    this.#proven = this.#reading ?? new Set();
    this.#reading = undefined;
    for (const { request, message: call, tool } of this.#waiting.splice(0)) this.#sendProven(request, call, tool);
  }

  #note(text: string): void {
    const name = textOf(memberTexts(text).get('name'));
    if (name !== undefined) this.#reading?.add(name);
  }

  /** The tools could not be checked: whoever waits for that gets the error. */
  #fail(error: BridgeError): void {
    this.#reading = undefined;
    for (const { request } of this.#waiting.splice(0)) this.#receiver?.onFailed(request.id, error, false);
  }

  /** @returns whether it has not been sent yet */
  #drop(id: Id | undefined): boolean {
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter(({ request }) => request.id !== id);
    return this.#waiting.length < before;
  }

  #seenList(bytes: Bytes): Message {
    const members = memberTexts(bytes.toString());
    const result = objectIn(members.get('result'));
    const shown = toolsIn(result).flatMap((text) => this.#see(text) ?? []);
    const tools = new RawJson(`[${shown.join(',')}]`);
    return messageOf(changed(members, 'result', new RawJson(changed(result, 'tools', tools))));
  }

  #see(text: string): string | undefined {
    const seen = this.#around.view.see(text);
    if (seen.kind === 'hidden') return undefined;
    if (seen.kind === 'shown') return seen.text;
    this.#tell(seen.name, seen.digest);
    return this.#around.onChange === 'warn' ? seen.text : undefined;
  }

  #tell(tool: string, digest: string): void {
    const { told, onChange, log } = this.#around;
    if (told.has(digest) || told.size >= maxTold) return;
    told.add(digest);
    log.warn({ tool, digest, is: onChange }, 'a tool is not what was pinned');
  }

  #refuse({ idText }: Request, message: string): void {
    const body = JSON.stringify({ code: -32602, message });
    const { bytes, envelope } = messageOf(`{"jsonrpc":"2.0","id":${idText},"error":${body}}`);
    this.#receiver?.onMessage(envelope, bytes);
  }
}

function toolsIn(result: ReadonlyMap<string, string>): string[] {
  const tools = result.get('tools');
  return tools?.startsWith('[') === true ? elementTexts(tools) : [];
}
