import { BridgeError } from '../../src/base/errors.ts';
import type { ErrorCode } from '../../src/base/error-table.ts';
import { Catalog } from '../../src/group/catalog.ts';
import { GroupChannel } from '../../src/group/group-channel.ts';
import type { Member } from '../../src/group/member.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, isRefusal, readMessage, type Envelope, type Id } from '../../src/jsonrpc/message.ts';
import type { ChannelReceiver } from '../../src/relay/channel.ts';
import type { FakeChild, Habit } from './fake-engine.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { poolRig, type PoolRig } from './pool-rig.ts';
import { quietLog, type LogLine } from './quiet-log.ts';

/** What a server of a group has in its lists, and what it does with calls. */
export interface Offering {
  readonly tools?: readonly object[];
  readonly prompts?: readonly object[];
  readonly resources?: readonly object[];
  readonly templates?: readonly object[];
  readonly instructions?: string;
  /** Each page of a list is followed by another one. */
  readonly isEndless?: boolean;
  /** Methods that it does not know. */
  readonly unknown?: readonly string[];
  /** With any other request. By default it echoes its params. */
  readonly onRequest?: (request: Line, child: FakeChild) => void;
}

export interface Line {
  readonly id?: Id;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** A server that says what it offers. @param offering read anew for each request */
export function offering(offers: () => Offering): Habit {
  return {
    onLine: (line, child) => {
      const request = JSON.parse(line) as Line;
      if (child.hasExited || request.id === undefined || request.method === undefined) return;
      if (offers().unknown?.includes(request.method) === true) {
        child.say({ jsonrpc: '2.0', id: request.id, error: { code: -32601, message: 'Method not found' } });
        return;
      }
      const result = resultOf(request.method, offers());
      if (result) child.say({ jsonrpc: '2.0', id: request.id, result });
      else (offers().onRequest ?? echo)(request, child);
    },
  };
}

function echo({ id, params }: Line, child: FakeChild): void {
  child.say({ jsonrpc: '2.0', id, result: { params } });
}

function resultOf(method: string, offers: Offering): object | undefined {
  const { tools, prompts, resources = [], templates = [], isEndless } = offers;
  const more = isEndless === true ? { nextCursor: 'more' } : {};
  const results: Readonly<Record<string, object>> = {
    initialize: helloOf(offers),
    'tools/list': { tools, ...more },
    'prompts/list': { prompts },
    'resources/list': { resources },
    'resources/templates/list': { resourceTemplates: templates },
  };
  return results[method];
}

function helloOf({ tools, prompts, resources, templates, instructions }: Offering): object {
  const capabilities = {
    ...(tools && { tools: {} }),
    ...(prompts && { prompts: {} }),
    ...((resources ?? templates) && { resources: {} }),
  };
  const said = instructions === undefined ? {} : { instructions };
  return { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'fake', version: '1' }, ...said };
}

/** A session of a group, and what reached it. */
export interface GroupSession extends ChannelReceiver {
  readonly channel: GroupChannel;
  readonly heard: Line[];
  readonly texts: string[];
  readonly failures: { readonly id: Id; readonly code: ErrorCode; readonly wasSent: boolean }[];
  /** Says something, and gives all that follows its time. */
  say(message: object | string): Promise<void>;
  answerTo(id: Id): Line | undefined;
}

export interface GroupRig {
  readonly clock: ManualClock;
  readonly rigs: Readonly<Record<string, PoolRig>>;
  readonly catalog: Catalog;
  /** Taken out of the group while it is in here. */
  readonly absent: Set<string>;
  readonly lines: LogLine[];
  /** A session that has said `initialize`. */
  join(capabilities?: object): Promise<GroupSession>;
}

/** A group of servers with pools of their own, each with fake containers. */
export function groupRig(
  habits: Readonly<Record<string, Habit>>,
  separator = '__',
  clock = new ManualClock(),
): GroupRig {
  const rigs = Object.fromEntries(
    Object.entries(habits).map(([name, habit]) => [name, poolRig({ name }, habit, 4, { clock })]),
  );
  const absent = new Set<string>();
  const { log, lines } = quietLog();
  const members = (): Member[] =>
    Object.entries(rigs).flatMap(([name, { served }]) => (absent.has(name) ? [] : [served]));
  const catalog = new Catalog(members, { separator, listWaitMs: 1000, clock, log });
  const join = async (capabilities: object = {}): Promise<GroupSession> => {
    const session = aSession(new GroupChannel({ catalog, clock, client: 'test' }));
    const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'test', version: '1' } };
    await session.say({ jsonrpc: '2.0', id: 'hello', method: 'initialize', params });
    return session;
  };
  return { clock, rigs, catalog, absent, lines, join };
}

function aSession(channel: GroupChannel): GroupSession {
  const heard: Line[] = [];
  const texts: string[] = [];
  const failures: GroupSession['failures'] = [];
  const session: GroupSession = {
    ...{ channel, heard, texts, failures },
    say: async (message) => {
      const bytes = Bytes.from(typeof message === 'string' ? message : JSON.stringify(message));
      channel.send(bytes, envelopeOf(bytes));
      await settle();
    },
    answerTo: (id) => heard.find((line) => line.id === id && line.method === undefined),
    onMessage: (_message, bytes) => {
      texts.push(bytes.toString());
      heard.push(JSON.parse(bytes.toString()) as Line);
    },
    onFailed: (id, { code }, wasSent) => {
      failures.push({ id, code, wasSent });
    },
    onGarbled: () => undefined,
    onFlood: () => undefined,
    onEnd: () => undefined,
  };
  channel.attach(session);
  return session;
}

function envelopeOf(bytes: Bytes): Envelope {
  const read = readMessage(bytes, clientLimits);
  if (isRefusal(read) || read.kind === 'batch') throw new BridgeError('MESSAGE_INVALID', 'A test says messages only');
  return read;
}
