import { describe, expect, it } from '@jest/globals';
import type { ToolsConfig } from '../../src/config/config.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, isRefusal, readMessage, type Id } from '../../src/jsonrpc/message.ts';
import { localLease } from '../../src/relay/local-channel.ts';
import type { LocalCall } from '../../src/relay/local-server.ts';
import { pinOf } from '../../src/relay/tool-view.ts';
import { viewLease } from '../../src/relay/view-channel.ts';
import { settle } from '../support/manual-clock.ts';
import { quietLog, type LogLine } from '../support/quiet-log.ts';

const tools = [
  { name: 'get', description: 'Gets.' },
  { name: 'set', description: 'Sets.' },
];

const noView: ToolsConfig = {
  ...{ allow: undefined, deny: [], onChange: 'block' as const },
  ...{ rename: new Map(), describe: new Map(), pin: new Map() },
};

interface Answer {
  readonly id?: Id;
  readonly result?: { readonly tools?: readonly { readonly name: string }[]; readonly called?: string };
  readonly error?: { readonly code: number; readonly message: string };
}

interface Rig {
  readonly answers: Answer[];
  readonly lines: LogLine[];
  /** What the server was asked. */
  readonly asked: string[];
  /** What the server has. */
  tools: readonly object[];
  ask(method: string, params?: object): Promise<Answer | undefined>;
  say(message: object): void;
  tellChange(): void;
}

function rigOf(config: Partial<ToolsConfig>): Rig {
  const { log, lines } = quietLog();
  const asked: string[] = [];
  const answers: Answer[] = [];
  let notify: LocalCall['notify'] = () => undefined;
  const server = {
    info: { name: 'demo', version: '1' },
    capabilities: {},
    request: (method: string, params: Readonly<Record<string, unknown>>, call: LocalCall): Promise<object> => {
      asked.push(method === 'tools/call' ? `call ${String(params['name'])}` : method);
      notify = (about, facts) => {
        call.notify(about, facts);
      };
      const { cursor } = params;
      if (method === 'tools/call') return Promise.resolve({ called: params['name'] });
      // A page for each.
      const at = Number(cursor ?? 0);
      const next = at + 1 < rig.tools.length ? { nextCursor: String(at + 1) } : {};
      return Promise.resolve({ tools: rig.tools.slice(at, at + 1), ...next });
    },
  };
  const { upstream } = viewLease(localLease(server, log), { ...noView, ...config }, log);
  upstream.attach({
    onMessage: (_, bytes) => answers.push(JSON.parse(bytes.toString()) as Answer),
    onFailed: () => undefined,
    onGarbled: () => undefined,
    onFlood: () => undefined,
    onEnd: () => undefined,
  });
  const rig: Rig = {
    ...{ answers, lines, asked, tools },
    ask: async (method, params = {}) => {
      const id = `q${answers.length}${asked.length}`;
      rig.say({ jsonrpc: '2.0', id, method, params });
      await settle();
      return answers.find((answer) => answer.id === id);
    },
    say: (message) => {
      const bytes = Bytes.from(JSON.stringify(message));
      const envelope = readMessage(bytes, clientLimits);
      if (isRefusal(envelope) || envelope.kind === 'batch') throw new TypeError('A test says messages only');
      upstream.send(bytes, envelope);
    },
    tellChange: () => {
      notify('notifications/tools/list_changed', {});
    },
  };
  return rig;
}

const namesOf = (answer: Answer | undefined): unknown => answer?.result?.tools?.map(({ name }) => name);

describe('A view of a server’s tools', () => {
  it('leaves out of each page of the list what is not allowed', async () => {
    const rig = rigOf({ deny: ['set'] });
    expect([namesOf(await rig.ask('tools/list')), namesOf(await rig.ask('tools/list', { cursor: '1' }))]).toEqual([
      ['get'],
      [],
    ]);
  });

  it('passes a call to the tool that the client means', async () => {
    const rig = rigOf({ rename: new Map([['get', 'fetch']]) });
    expect((await rig.ask('tools/call', { name: 'fetch' }))?.result).toEqual({ called: 'get' });
  });

  it.each(['set', 'else', ''])('refuses a call of %j, and tells the server nothing', async (name) => {
    const rig = rigOf({ allow: ['get'] });
    expect((await rig.ask('tools/call', { name }))?.error?.code).toBe(-32602);
    expect(rig.asked).toEqual([]);
  });

  it('refuses a call without a name', async () => {
    expect((await rigOf({}).ask('tools/call'))?.error?.code).toBe(-32602);
  });
});

describe('A view of pinned tools', () => {
  const pin = new Map(tools.map((tool) => [tool.name, pinOf(tool)]));
  const evil = [{ name: 'get', description: 'Gets, and sends it away.' }, tools[1]!];

  it('reads the whole list before the first call, and once', async () => {
    const rig = rigOf({ pin });
    await rig.ask('tools/call', { name: 'set' });
    await rig.ask('tools/call', { name: 'get' });
    expect(rig.asked).toEqual(['tools/list', 'tools/list', 'call set', 'call get']);
  });

  it('blocks a tool that is not what it was, in the list and in calls, and leaves the others alone', async () => {
    const rig = rigOf({ pin });
    rig.tools = evil;
    const listed = namesOf(await rig.ask('tools/list'));
    const blocked = await rig.ask('tools/call', { name: 'get' });
    const other = await rig.ask('tools/call', { name: 'set' });
    expect([listed, blocked?.error?.message, other?.result]).toEqual([
      [],
      'Blocked tool: "get" is not what was pinned',
      { called: 'set' },
    ]);
    expect(rig.lines.some(({ tool, digest }) => tool === 'get' && digest === pinOf(evil[0]!))).toBe(true);
  });

  it('looks again when the server says that its list has changed', async () => {
    const rig = rigOf({ pin });
    await rig.ask('tools/call', { name: 'get' });
    rig.tools = evil;
    rig.tellChange();
    expect((await rig.ask('tools/call', { name: 'get' }))?.error?.code).toBe(-32602);
  });

  it('only warns when it is told to', async () => {
    const rig = rigOf({ pin, onChange: 'warn' });
    rig.tools = evil;
    expect(namesOf(await rig.ask('tools/list'))).toEqual(['get']);
    expect((await rig.ask('tools/call', { name: 'get' }))?.result).toEqual({ called: 'get' });
    expect(rig.lines).not.toEqual([]);
  });

  it('names a tool that is not what it was once in the log, however often the list is read', async () => {
    const rig = rigOf({ pin });
    rig.tools = evil;
    for (let i = 0; i < 3; i++) await rig.ask('tools/list');
    await rig.ask('tools/call', { name: 'get' });
    expect(rig.lines).toMatchObject([{ tool: 'get', digest: pinOf(evil[0]!), is: 'block' }]);
  });

  it('never sends a call that was cancelled before the tools were checked', async () => {
    const rig = rigOf({ pin });
    rig.say({ jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'get' } });
    rig.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } });
    await settle();
    expect(rig.asked).toEqual(['tools/list', 'tools/list']);
  });
});
