import type { IncomingMessage } from 'node:http';
import { bodyOf, ByteClient, eventsOf } from './byte-client.ts';
import { until } from './until.ts';

/** A message as a client got it. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: {
    readonly nonce?: string;
    readonly foreign?: string;
    readonly total?: number;
    /** Serial numbers of its progress. */
    readonly reported?: readonly string[];
  };
  readonly error?: { readonly data?: { readonly gangway?: { readonly reason: string } } };
}

export interface Received {
  readonly session: string;
  /** The call on whose response, or on a resumption of it, it came; undefined on the GET stream. */
  readonly call: string | undefined;
  readonly message: Message;
}

/** What is to become of a call; an error in place of an answer can be any, or only that the server has died. */
type Fate = 'answer' | 'answer-or-error' | 'answer-or-death' | 'none';

interface Call {
  readonly session: string;
  readonly id: number;
  readonly nonce: string;
  readonly fate: Fate;
}

/** Everything that was asked and that came, of all sessions. */
export interface History {
  readonly calls: Call[];
  readonly received: Received[];
  /** How many messages the servers of these sessions sent: every one of them is to arrive. */
  readonly totals: Map<string, number>;
}

/** What is wrong with a history: nobody gets what is another one's, and everybody gets what is theirs, once. */
export function violations({ calls, received, totals }: History): string[] {
  const found = received.flatMap((each) => foreignIn(each));
  const serials = received.flatMap(({ message }) => valuesOf(message, 'serial'));
  const seen = new Set<string>();
  for (const serial of serials) {
    if (seen.has(serial)) found.push(`${serial} came twice`);
    seen.add(serial);
  }
  for (const serial of received.flatMap(({ message }) => message.result?.reported ?? []))
    if (!seen.has(serial)) found.push(`${serial} did not come`);
  for (const [session, total] of totals) {
    for (let n = 1; n <= total; n++) if (!seen.has(`${session}#${n}`)) found.push(`${session}#${n} did not come`);
  }
  return [...found, ...calls.flatMap((call) => wrongAnswers(call, received))];
}

function foreignIn({ session, call, message }: Received): string[] {
  const found: string[] = [];
  for (const nonce of valuesOf(message, 'nonce')) {
    if (!nonce.startsWith(`${session}/`)) found.push(`${session} got ${nonce}`);
    if (message.method === 'notifications/progress' && nonce !== call) found.push(`${call ?? 'GET'} got ${nonce}`);
  }
  if (message.method === 'notifications/tools/list_changed' && call !== undefined) found.push(`${call} got a change`);
  if (message.result?.foreign !== undefined) found.push(`${session}: ${message.result.foreign}`);
  return found;
}

function wrongAnswers({ session, id, nonce, fate }: Call, received: readonly Received[]): string[] {
  const answers = received.filter(
    (each) => each.session === session && each.message.id === id && each.message.method === undefined,
  );
  const wanted = fate === 'none' ? 0 : 1;
  if (answers.length !== wanted) return [`${nonce} got ${answers.length} answers, wanted ${wanted}`];
  return answers.flatMap(({ call, message }) => {
    if (call !== nonce) return [`the answer to ${nonce} came on ${call ?? 'GET'}`];
    if (message.result) return message.result.nonce === nonce ? [] : [`${nonce} got another one’s answer`];
    const reason = message.error?.data?.gangway?.reason ?? 'an error';
    return mayFail(fate, reason) ? [] : [`${nonce} got ${reason}`];
  });
}

function mayFail(fate: Fate, reason: string): boolean {
  return fate === 'answer-or-error' || (fate === 'answer-or-death' && reason === 'UPSTREAM_EXITED');
}

/** All texts under a key, at any depth. */
function valuesOf(value: unknown, key: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) =>
    name === key && typeof each === 'string' ? [each] : valuesOf(each, key),
  );
}

/** Always the same numbers for one seed, each below its limit. */
export type Random = (limit: number) => number;

export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** What a session is like: each has something that the others cannot have without making a check impossible. */
export const manners = ['tidy', 'tidy', 'rough', 'mortal', 'deleted'] as const;
type Manner = (typeof manners)[number];

interface Sharing {
  /** Whether others are on the same server: some of what it says cannot be told whose it is, and comes to nobody. */
  readonly isShared: boolean;
  /** Whether one of them will end it. */
  readonly isMortal: boolean;
}

/** A client that has many calls under way, loses its connections, comes back, changes its mind. */
export class Juggler {
  readonly #name: string;
  readonly #manner: Manner;
  readonly #client: ByteClient;
  readonly #random: Random;
  readonly #history: History;
  readonly #sharing: Sharing;
  #lastId = 0;
  #isOver = false;

  private constructor(
    name: string,
    manner: Manner,
    client: ByteClient,
    random: Random,
    history: History,
    sharing: Sharing,
  ) {
    this.#name = name;
    this.#manner = manner;
    this.#client = client;
    this.#random = random;
    this.#history = history;
    this.#sharing = sharing;
  }

  /** Opens a session, does all that, and ends it. */
  static async run(
    base: string,
    server: string,
    name: string,
    manner: Manner,
    random: Random,
    history: History,
    sharing: Sharing = { isShared: false, isMortal: false },
  ): Promise<void> {
    using client = await ByteClient.open(base, server, { name, capabilities: { sampling: {}, elicitation: {} } });
    await new Juggler(name, manner, client, random, history, sharing).#run();
  }

  async #run(): Promise<void> {
    const listening = this.#listen(await this.#client.listen());
    const { isShared, isMortal } = this.#sharing;
    // Early, so that the others have calls under way.
    const waves = isMortal && this.#manner === 'mortal' ? 1 : 3;
    for (let wave = 0; wave < waves; wave++) await this.#wave(2 + this.#random(5));
    if (this.#manner === 'tidy' && !isShared) await this.#account();
    await this.#end();
    this.#isOver = true;
    await listening;
  }

  async #end(): Promise<void> {
    if (this.#manner === 'mortal' || this.#manner === 'deleted') await this.#lastWave();
    // A session ends with a server of its own.
    const isGone = this.#manner === 'deleted' || (this.#manner === 'mortal' && !this.#sharing.isShared);
    if (!isGone) await this.#client.delete();
  }

  /** Calls that begin together; those that wait are let go in another order. */
  async #wave(count: number): Promise<void> {
    const fate = this.#sharing.isMortal ? 'answer-or-death' : 'answer';
    const calls = Array.from({ length: count }, () => this.#call(this.#steps(), fate));
    const cancelled =
      this.#manner === 'rough' && !this.#sharing.isMortal ? [this.#call(this.#stepsBeyond(), 'none')] : [];
    for (const { nonce } of this.#shuffled(calls)) await this.#notify('notifications/go', { nonce });
    await Promise.all([...calls, ...cancelled].map(({ done }) => done));
  }

  /** Calls that will never be answered by their server: it ends first. */
  async #lastWave(): Promise<void> {
    const calls = [1, 2, 3].map(() => this.#call(['progress', 'hold'], 'answer-or-error'));
    const nonces = new Set(calls.map(({ nonce }) => nonce));
    // Or to be over, when another session's end of the server came first.
    const hasBegun = (): boolean =>
      new Set(this.#history.received.flatMap(({ call }) => (call && nonces.has(call) ? [call] : []))).size === 3;
    await until('three calls to begin', hasBegun);
    if (this.#manner === 'deleted') await this.#client.delete();
    else calls.push(this.#call(['die'], 'answer-or-error'));
    await Promise.all(calls.map(({ done }) => done));
  }

  /** Nothing may be on its way any more when all is counted. */
  async #account(): Promise<void> {
    const params = { session: this.#name };
    const { body } = await this.#client.post(JSON.stringify({ jsonrpc: '2.0', id: 'total', method: 'total', params }));
    // As a document or as the last event of a stream.
    const total = Number(/"total":(\d+)/.exec(String(body))?.[1]);
    this.#history.totals.set(this.#name, total);
    const came = (): boolean =>
      new Set(
        this.#history.received
          .filter(({ session }) => session === this.#name)
          .flatMap(({ message }) => valuesOf(message, 'serial')),
      ).size >= total;
    await until(`all messages of ${this.#name}`, came, { limitMs: 5000 }).catch(() => undefined);
  }

  #steps(): string[] {
    const names = ['progress', 'progress', 'log', 'change', 'wait'];
    // Whoever leaves a stream for good may miss a question that came on it, which would hold up the call that asked.
    if (this.#manner === 'tidy') names.push('sample', 'elicit');
    return Array.from({ length: this.#random(6) }, () => names[this.#random(names.length)] ?? 'log');
  }

  /** Goes on after it was cancelled: what it says then belongs to nobody else either. */
  #stepsBeyond(): string[] {
    const steps = ['progress', 'log', 'hold', 'log', 'progress'];
    return this.#sharing.isShared ? [...steps, 'sample'] : steps;
  }

  #call(steps: readonly string[], fate: Fate): { readonly nonce: string; readonly done: Promise<void> } {
    this.#lastId += 1;
    const id = this.#lastId;
    const nonce = `${this.#name}/${id}`;
    this.#history.calls.push({ session: this.#name, id, nonce, fate });
    const params = { nonce, steps, _meta: { progressToken: id } };
    const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'act', params });
    const sent = this.#client.send({ pieces: [Buffer.from(body)] });
    return { nonce, done: sent.then((response) => this.#read(response, nonce, id, fate)) };
  }

  async #read(response: IncomingMessage, nonce: string, id: number, fate: Fate): Promise<void> {
    if (!response.headers['content-type']?.startsWith('text/event-stream')) {
      this.#receive(nonce, await bodyOf(response));
      return;
    }
    const mayLose = fate === 'answer' || fate === 'answer-or-death';
    let stream: IncomingMessage | undefined = response;
    while (stream) {
      const until = mayLose && this.#random(3) === 0 ? 1 + this.#random(3) : Infinity;
      const last: string | undefined = await this.#follow(stream, nonce, until, async (message) => {
        const isFirst = fate === 'none' && message.method === 'notifications/progress';
        if (isFirst) await this.#notify('notifications/cancelled', { requestId: id, nonce });
      });
      stream = last === undefined ? undefined : await this.#client.listen(last);
    }
  }

  /** The GET stream, over and over. */
  async #listen(first: IncomingMessage): Promise<void> {
    let stream = first;
    for (;;) {
      const last = await this.#follow(stream, undefined, 2 + this.#random(4));
      if (this.#isOver || last === undefined) return;
      const next = await this.#client.listen(last).catch(() => undefined);
      if (!next) return;
      stream = next;
    }
  }

  /**
   * Reads a stream to its end, or until its connection is lost after so many events.
   *
   * @returns the last event, when it was lost
   */
  async #follow(
    stream: IncomingMessage,
    nonce: string | undefined,
    lostAfter: number,
    onMessage: (message: Message) => Promise<void> = () => Promise.resolve(),
  ): Promise<string | undefined> {
    let count = 0;
    for await (const { id, data } of eventsOf(stream)) {
      const message = this.#receive(nonce, Buffer.concat(data));
      if (message) await onMessage(message);
      if ((count += 1) < lostAfter || id === undefined) continue;
      stream.destroy();
      return id;
    }
    return undefined;
  }

  #receive(call: string | undefined, data: Buffer): Message | undefined {
    if (data.length === 0) return undefined;
    const message = JSON.parse(data.toString()) as Message;
    this.#history.received.push({ session: this.#name, call, message });
    if (message.method !== undefined && message.id !== undefined) {
      const answer = { jsonrpc: '2.0', id: message.id, result: { nonce: message.params?.['nonce'] } };
      void this.#client.post(JSON.stringify(answer));
    }
    return message;
  }

  async #notify(method: string, params: object): Promise<void> {
    await this.#client.post(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  #shuffled<T>(all: readonly T[]): T[] {
    return all
      .map((each) => ({ each, at: this.#random(1_000_000) }))
      .sort((a, b) => a.at - b.at)
      .map(({ each }) => each);
  }
}
