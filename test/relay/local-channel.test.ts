import { beforeEach, describe, expect, it } from '@jest/globals';
import { deferred, type Deferred } from '../../src/base/deferred.ts';
import { BridgeError } from '../../src/base/errors.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { isRefusal, readMessage, serverLimits, type Envelope, type Id } from '../../src/jsonrpc/message.ts';
import type { Channel, ChannelLease } from '../../src/relay/channel.ts';
import { localLease } from '../../src/relay/local-channel.ts';
import { RequestRefused, unknownMethod, type LocalCall, type LocalServer } from '../../src/relay/local-server.ts';
import { settle } from '../support/manual-clock.ts';
import { quietLog, type QuietLog } from '../support/quiet-log.ts';

let answer: LocalServer['request'];
let lease: ChannelLease;
let channel: Channel;
let quiet: QuietLog;
let messages: unknown[];
let envelopes: { readonly message: Envelope; readonly cause: Id | undefined }[];
let failures: { readonly id: Id; readonly code: string; readonly wasSent: boolean }[];

beforeEach(() => {
  answer = (method) => Promise.reject(unknownMethod(method));
  quiet = quietLog();
  const server: LocalServer = {
    info: { name: 'demo', version: '1' },
    capabilities: { tools: {} },
    instructions: 'Be kind.',
    request: (method, params, call) => answer(method, params, call),
  };
  lease = localLease(server, quiet.log);
  channel = lease.upstream;
  [messages, envelopes, failures] = [[], [], []];
  channel.attach({
    onMessage: (message, bytes, cause) => {
      envelopes.push({ message, cause });
      messages.push(JSON.parse(bytes.toString()));
    },
    onFailed: (id, { code }, wasSent) => {
      failures.push({ id, code, wasSent });
    },
    onFlood: () => undefined,
    onGarbled: () => undefined,
    onEnd: () => undefined,
  });
});

async function send(text: string): Promise<void> {
  const bytes = Bytes.from(text);
  const message = readMessage(bytes, serverLimits);
  if (isRefusal(message) || message.kind === 'batch') throw new Error(text);
  channel.send(bytes, message);
  await settle();
}

const ask = (method: string, id: string, params: object = {}): Promise<void> =>
  send(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${JSON.stringify(params)}}`);

describe('LocalChannel.send() answers', () => {
  it.each([
    ['2025-11-25', '2025-11-25'],
    ['2024-11-05', '2024-11-05'],
    ['2099-01-01', '2025-11-25'],
  ])('initialize of %s with %s', async (asked, agreed) => {
    await ask('initialize', '1', { protocolVersion: asked });
    const result = {
      ...{ protocolVersion: agreed, capabilities: { tools: {} } },
      ...{ serverInfo: { name: 'demo', version: '1' }, instructions: 'Be kind.' },
    };
    expect(messages).toEqual([{ jsonrpc: '2.0', id: 1, result }]);
    expect(envelopes[0]?.message).toMatchObject({ kind: 'response', isError: false, protocolVersion: agreed });
  });

  it('ping by itself', async () => {
    await ask('ping', '"p"');
    expect(messages).toEqual([{ jsonrpc: '2.0', id: 'p', result: {} }]);
  });

  it('a request with the result of its server, under the id as it was written', async () => {
    answer = (method, params) => Promise.resolve({ method, params });
    await ask('tools/list', '1', { cursor: 'x' });
    expect(messages).toEqual([{ jsonrpc: '2.0', id: 1, result: { method: 'tools/list', params: { cursor: 'x' } } }]);
  });

  it('a request without params', async () => {
    answer = (_method, params) => Promise.resolve({ params });
    await send('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
    expect(messages).toEqual([{ jsonrpc: '2.0', id: 1, result: { params: {} } }]);
  });

  it('an unknown method with -32601', async () => {
    await ask('prompts/list', '1');
    expect(messages).toEqual([
      { jsonrpc: '2.0', id: 1, error: { code: -32601, message: 'Method not found: prompts/list' } },
    ]);
    expect(envelopes[0]?.message).toMatchObject({ isError: true });
  });

  it('what its server refuses with the code that it gives', async () => {
    answer = () => Promise.reject(new RequestRefused(-32602, 'Unknown tool: x'));
    await ask('tools/call', '1');
    expect(messages).toEqual([{ jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'Unknown tool: x' } }]);
  });
});

describe('LocalChannel.send() fails', () => {
  it('with the error that its server throws, as not sent: the client gets its status', async () => {
    answer = () => Promise.reject(new BridgeError('POOL_FULL', 'Cannot ask'));
    await ask('tools/call', '7');
    expect([failures, messages]).toEqual([[{ id: 7, code: 'POOL_FULL', wasSent: false }], []]);
  });

  it('with nothing of a fault of our own, which is in the log', async () => {
    answer = () => Promise.reject(new TypeError('x is not a function'));
    await ask('tools/call', '7');
    expect([failures, JSON.stringify(quiet.lines)]).toEqual([
      [{ id: 7, code: 'INTERNAL', wasSent: false }],
      expect.stringContaining('x is not a function'),
    ]);
  });

  it('a result that cannot be written', async () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    answer = () => Promise.resolve(circle);
    await ask('tools/call', '7');
    expect(failures).toEqual([{ id: 7, code: 'INTERNAL', wasSent: false }]);
  });
});

describe('LocalChannel, while a request is under way,', () => {
  let call: LocalCall | undefined;
  let result: Deferred<object>;

  beforeEach(async () => {
    result = deferred();
    answer = (_method, _params, given) => {
      call = given;
      return result.promise;
    };
    await ask('tools/call', '1');
  });

  it('passes on what its server says before the answer, with the request that it is about', async () => {
    call?.notify('notifications/progress', { progressToken: 't', progress: 1 });
    result.resolve({ done: true });
    await settle();
    expect(messages).toEqual([
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 't', progress: 1 } },
      { jsonrpc: '2.0', id: 1, result: { done: true } },
    ]);
    expect(envelopes[0]).toMatchObject({ message: { kind: 'notification', progressToken: 't' }, cause: 1 });
  });

  it.each([
    ['is cancelled', () => send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')],
    ['loses its session', () => lease.release('session-ended')],
  ])('tells its server when it %s, and says nothing more', async (_what, end) => {
    await end();
    const isAborted = call?.signal.aborted;
    call?.notify('notifications/progress', { progressToken: 't', progress: 1 });
    result.resolve({ done: true });
    await settle();
    expect([isAborted, messages, failures]).toEqual([true, [], []]);
  });

  it('is not troubled by the cancellation of another one', async () => {
    await send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}');
    result.resolve({ done: true });
    await settle();
    expect([call?.signal.aborted, messages.length]).toEqual([false, 1]);
  });
});

describe('LocalChannel', () => {
  it('tells its clients apart', async () => {
    const clients: string[] = [];
    const server: LocalServer = {
      ...{ info: { name: 'demo', version: '1' }, capabilities: {} },
      request: (_method, _params, { client }) => {
        clients.push(client);
        return Promise.resolve({});
      },
    };
    for (const { upstream } of [localLease(server, quiet.log), localLease(server, quiet.log)]) {
      const bytes = Bytes.from('{"jsonrpc":"2.0","id":1,"method":"x"}');
      upstream.send(bytes, readMessage(bytes, serverLimits) as Envelope);
    }
    await settle();
    expect(new Set(clients).size).toBe(2);
  });
});
