import { BridgeError, type ErrorData } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import { version } from '../base/version.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Envelope, Id, Notification, Request } from '../jsonrpc/message.ts';
import type { Channel, ChannelReceiver, Visitor } from '../relay/channel.ts';
import { ClientQuestions } from '../relay/client-questions.ts';
import { RequestRefused, unknownMethod } from '../relay/local-server.ts';
import { agreedRevision, revisions } from '../relay/revisions.ts';
import { messageOf, paramsOf, textOf, withParam, type Message } from '../relay/rewrite.ts';
import { addressed, type Addressed } from './addressee.ts';
import { listsChangedBy, type Catalog } from './catalog.ts';
import type { Member } from './member.ts';
import { MemberLink, type LinkHome } from './member-link.ts';
import { lists, listNames, type ListName } from './offers.ts';

const capabilities = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  logging: {},
  completions: {},
};

interface Surroundings {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly client: string;
}

/** Where a request is under way; nowhere when Gangway answers it. */
interface Call {
  readonly link?: MemberLink;
  readonly token?: Id | undefined;
}

/** One session's view of a group: to it, all servers are one. What it asks of one of them goes there and nowhere else. */
export class GroupChannel implements Channel, LinkHome {
  readonly name = 'group';
  readonly isBusy = false;
  readonly clock: Clock;
  readonly client: string;
  readonly #catalog: Catalog;
  /** By the name of the server: a session keeps the server that it has, also when another takes its name. */
  readonly #links = new Map<string, MemberLink>();
  /** Requests under way. */
  readonly #calls = new Map<Id, Call>();
  readonly #questions = new ClientQuestions();
  readonly #stopListening: () => void;
  #receiver: ChannelReceiver | undefined;
  #hello: LinkHome['hello'] | undefined;
  #level: string | undefined;
  #visitor: Visitor | undefined;
  /** Who was called last: a resource that nobody has listed is most likely one of his. */
  #lastUsed: Member | undefined;
  #isPaused = false;

  constructor({ catalog, clock, client }: Surroundings) {
    this.#catalog = catalog;
    this.clock = clock;
    this.client = client;
    this.#stopListening = catalog.onChange((what) => {
      this.#tellChange(what);
    });
  }

  get hello(): LinkHome['hello'] {
    if (!this.#hello) throw new Error('A session begins with "initialize"');
    return this.#hello;
  }

  get level(): string | undefined {
    return this.#level;
  }

  get visitor(): Visitor | undefined {
    return this.#visitor;
  }

  get noiseLines(): number {
    return [...this.#links.values()].reduce((sum, { noiseLines }) => sum + noiseLines, 0);
  }

  attach(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
  }

  send(bytes: Bytes, message: Envelope): void {
    if (message.kind === 'request') void this.#request(message, bytes);
    else if (message.kind === 'notification') this.#notify(message, bytes);
    else if (message.kind === 'response') this.#questions.answer(message, bytes);
  }

  announce(visitor: Visitor): void {
    this.#visitor = visitor;
  }

  rest(): void {
    for (const link of this.#links.values()) link.rest();
  }

  async wake(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.wake()));
  }

  pause(): void {
    this.#isPaused = true;
    for (const link of this.#links.values()) link.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const link of this.#links.values()) link.resume();
  }

  /** A server that is dead is lost to the session; the session itself lives on. */
  isAlive(now: number): boolean {
    const busy = new Set([...this.#calls.values()].map(({ link }) => link));
    for (const link of [...this.#links.values()]) link.checkAlive(now, !busy.has(link));
    return true;
  }

  uses(server: ServerConfig): boolean {
    return [...this.#links.values()].some(({ member }) => member.config === server);
  }

  describeExit(): ErrorData {
    return {};
  }

  /** The session is over. */
  close(): void {
    this.#stopListening();
    this.#questions.abandon();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#calls.clear();
  }

  onMessage(message: Envelope, bytes: Bytes, from: MemberLink, cause: Id | undefined): void {
    if (message.kind === 'response') {
      // An answer to what another server was asked is nobody's.
      if (this.#calls.get(message.id)?.link !== from) return;
      this.#calls.delete(message.id);
      this.#receiver?.onMessage(message, bytes);
    } else if (message.kind !== 'stray-error') {
      this.#relayAside(message, bytes, from, cause);
    }
  }

  onFailed(id: Id, error: BridgeError): void {
    this.#calls.delete(id);
    // The endpoint itself has taken it: what failed is one of its servers, so this is the answer to a call, not a status of HTTP.
    this.#receiver?.onFailed(id, error, true);
  }

  onFlood(): void {
    this.#receiver?.onFlood();
  }

  onLost(link: MemberLink, error: BridgeError): void {
    this.#links.delete(link.member.config.name);
    for (const [id, call] of [...this.#calls]) if (call.link === link) this.onFailed(id, error);
  }

  #relayAside(message: Request | Notification, bytes: Bytes, from: MemberLink, cause: Id | undefined): void {
    if (message.kind === 'notification' && this.#isKeptBack(message, from)) return;
    const said = this.#questions.translate(message, bytes, from);
    if (!said) return;
    const isUpdate = message.method === 'notifications/resources/updated';
    const shown = isUpdate ? this.#withShownUri(said.bytes, from.member) : undefined;
    this.#receiver?.onMessage(shown?.envelope ?? said.message, shown?.bytes ?? said.bytes, cause);
  }

  /** A session is told of a change when the group has read the list anew, and of progress of what this very server was asked. */
  #isKeptBack(message: Notification, from: MemberLink): boolean {
    if (listsChangedBy(message.method).length > 0) {
      this.#catalog.outdate(from.member);
      return true;
    }
    return message.method === 'notifications/progress' && !this.#isAbout(message, from);
  }

  #isAbout({ progressToken: token }: Notification, from: MemberLink): boolean {
    return token !== undefined && [...this.#calls.values()].some((call) => call.link === from && call.token === token);
  }

  #withShownUri(bytes: Bytes, member: Member): Message | undefined {
    const uri = textOf(paramsOf(bytes).get('uri'));
    return uri === undefined ? undefined : withParam(bytes, 'uri', this.#catalog.shownUri(member, uri));
  }

  async #request(request: Request, bytes: Bytes): Promise<void> {
    this.#calls.set(request.id, {});
    try {
      const result = await this.#serve(request, bytes);
      if (result !== undefined && this.#calls.has(request.id)) this.#answer(request, `"result":${result}`);
    } catch (error) {
      if (this.#calls.has(request.id)) this.#refuse(request, error);
    }
  }

  /** @returns the result as JSON; undefined when a server will answer */
  async #serve(request: Request, bytes: Bytes): Promise<string | undefined> {
    const { method } = request;
    const list = listNames.find((name) => lists[name].method === method);
    if (list) return this.#catalog.page(list, valueOf(paramsOf(bytes).get('cursor')));
    if (method === 'initialize') return this.#initialize(request, bytes);
    if (method === 'logging/setLevel') return this.#setLevel(bytes);
    if (method === 'ping') return '{}';
    const target = addressed(method, bytes, this.#catalog, this.#lastUsed);
    if (!target) throw unknownMethod(method);
    this.#pass(request, target);
    return undefined;
  }

  #initialize(request: Request, bytes: Bytes): string {
    this.#hello = { request, bytes };
    if (this.#visitor) this.#questions.allowAll();
    else this.#questions.learn(bytes);
    this.#catalog.open();
    const asked = textOf(paramsOf(bytes).get('protocolVersion'));
    return JSON.stringify({
      protocolVersion: agreedRevision(asked, revisions[0]),
      capabilities,
      serverInfo: { name: 'gangway', version: version() },
      instructions: this.#catalog.instructions(),
    });
  }

  #setLevel(bytes: Bytes): string {
    const level = textOf(paramsOf(bytes).get('level'));
    if (level === undefined) throw new RequestRefused(-32602, 'Invalid params: wanted "level" to be a text');
    this.#level = level;
    for (const link of this.#links.values()) link.tellLevel(level);
    return '{}';
  }

  #pass(request: Request, { member, message: { bytes, envelope } }: Addressed): void {
    if (request.isTask)
      throw new RequestRefused(-32602, 'Invalid params: no tasks behind an endpoint for several servers');
    this.#lastUsed = member;
    const link = this.#links.get(member.config.name) ?? this.#link(member);
    this.#calls.set(request.id, { link, token: request.progressToken });
    link.pass(bytes, envelope);
  }

  #link(member: Member): MemberLink {
    const link = new MemberLink(member, this);
    this.#links.set(member.config.name, link);
    if (this.#isPaused) link.pause();
    return link;
  }

  #notify(message: Notification, bytes: Bytes): void {
    switch (message.method) {
      case 'notifications/cancelled':
        this.#cancel(message, bytes);
        return;
      case 'notifications/progress':
        this.#questions.progress(message, bytes);
        return;
      case 'notifications/roots/list_changed':
        for (const link of this.#links.values()) link.pass(bytes, message);
    }
  }

  #cancel(message: Notification, bytes: Bytes): void {
    const { requestId } = message;
    if (requestId === undefined) return;
    const link = this.#calls.get(requestId)?.link;
    this.#calls.delete(requestId);
    if (link?.drop(requestId) === false) link.pass(bytes, message);
  }

  #tellChange(what: readonly ListName[]): void {
    if (!this.#hello) return;
    for (const method of new Set(what.map((list) => lists[list].changed))) {
      const { bytes, envelope } = messageOf(JSON.stringify({ jsonrpc: '2.0', method }));
      this.#receiver?.onMessage(envelope, bytes);
    }
  }

  #refuse(request: Request, error: unknown): void {
    if (error instanceof RequestRefused) {
      const { rpcCode: code, message } = error;
      this.#answer(request, `"error":${JSON.stringify({ code, message })}`);
      return;
    }
    const known = error instanceof BridgeError ? error : new BridgeError('INTERNAL', 'Internal error');
    this.onFailed(request.id, known);
  }

  #answer({ id, idText }: Request, body: string): void {
    this.#calls.delete(id);
    const { bytes, envelope } = messageOf(`{"jsonrpc":"2.0","id":${idText},${body}}`);
    this.#receiver?.onMessage(envelope, bytes);
  }
}

function valueOf(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json);
}
