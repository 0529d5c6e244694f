import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
  type Progress,
} from '@modelcontextprotocol/sdk/types.js';
import { connect, RawSession, textOf } from '../support/mcp-client.ts';
import { childrenOf } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(20_000);

let bridge: Program;

beforeAll(async () => {
  const pool = { warm: 0 };
  const servers = {
    good: { command: fixture('well-behaved'), pool },
    mortal: { command: fixture('dies-mid-call'), pool },
  };
  bridge = await serve({ servers }, { args: ['--allow-process'] });
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

afterEach(async () => {
  await until('every process to be gone', () => childrenOf(bridge.pid).length === 0);
});

describe('An SDK client', () => {
  it('gets the server’s own name, version and capabilities', async () => {
    await using connected = await connect(bridge.url, 'good');
    expect(connected.client.getServerVersion()).toEqual({ name: 'well-behaved', version: '1.0.0' });
    expect(connected.client.getServerCapabilities()).toEqual({ tools: { listChanged: true }, logging: {} });
    expect(connected.transport.sessionId).toMatch(/^[\x21-\x7e]+$/);
  });

  it('lists tools and calls one', async () => {
    await using connected = await connect(bridge.url, 'good');
    const { tools } = await connected.client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    const text = 'ü\u00a0"\\ 𝄞 \u2028';
    expect(textOf(await connected.client.callTool({ name: 'echo', arguments: { text } }))).toBe(text);
  });

  it('gets the server’s own errors', async () => {
    await using connected = await connect(bridge.url, 'good');
    const unknown = connected.client.callTool({ name: 'no-such-tool', arguments: {} });
    await expect(unknown).rejects.toMatchObject({ code: -32602 });
    expect(await connected.client.callTool({ name: 'fail', arguments: {} })).toMatchObject({ isError: true });
  });

  it('gets every step of progress, the last one too', async () => {
    await using connected = await connect(bridge.url, 'good');
    const seen: Progress[] = [];
    const call = { name: 'progress', arguments: { steps: 20 } };
    const result = await connected.client.callTool(call, undefined, { onprogress: (step) => seen.push(step) });
    expect(textOf(result)).toBe('done');
    expect(seen.map(({ progress }) => progress)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(seen.at(-1)).toEqual({ progress: 20, total: 20, message: 'step 20' });
  });

  it('is asked for a sample in the middle of a call', async () => {
    await using connected = await connect(bridge.url, 'good', { sampling: {} }, (client) => {
      client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
        role: 'assistant',
        model: 'test',
        content: { type: 'text', text: `heard: ${JSON.stringify(params.messages[0]?.content)}` },
      }));
    });
    const result = textOf(await connected.client.callTool({ name: 'sample', arguments: { prompt: 'hello' } }));
    expect(JSON.parse(result)).toMatchObject({
      model: 'test',
      content: { text: 'heard: {"type":"text","text":"hello"}' },
    });
  });

  it('is asked a question for its user in the middle of a call', async () => {
    await using connected = await connect(bridge.url, 'good', { elicitation: { form: {} } }, (client) => {
      client.setRequestHandler(ElicitRequestSchema, ({ params }) => ({
        action: 'accept',
        content: { name: params.message },
      }));
    });
    const result = textOf(await connected.client.callTool({ name: 'elicit', arguments: { message: 'Your name?' } }));
    expect(JSON.parse(result)).toEqual({ action: 'accept', content: { name: 'Your name?' } });
  });

  it('gets log lines in order, on the stream of its call', async () => {
    await using connected = await connect(bridge.url, 'good');
    const seen: unknown[] = [];
    connected.client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      seen.push(params.data);
    });
    await connected.client.callTool({ name: 'log', arguments: { lines: 50 } });
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => `line ${i + 1}`));
  });

  it('hears on its GET stream that the tools have changed', async () => {
    let changes = 0;
    await using connected = await connect(bridge.url, 'good', {}, (client) => {
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
        changes += 1;
      });
    });
    await connected.client.callTool({ name: 'change', arguments: {} });
    await until('the notification', () => changes === 1);
  });

  it('cancels a call: the server hears of it and the session goes on', async () => {
    await using connected = await connect(bridge.url, 'good');
    const abort = new AbortController();
    const call = connected.client.callTool({ name: 'sleep', arguments: { ms: 60_000 } }, undefined, {
      signal: abort.signal,
    });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    abort.abort(new Error('changed my mind'));
    await expect(call).rejects.toThrow('changed my mind');
    await until('the server to hear of it', async () => {
      const ids = textOf(await connected.client.callTool({ name: 'cancelled', arguments: {} }));
      return (JSON.parse(ids) as unknown[]).length === 1;
    });
    expect((await bridge.status()).callsInFlight).toBe(0);
  });

  it('learns of its server’s death, gets 404 afterwards, and can begin anew', async () => {
    await using connected = await connect(bridge.url, 'mortal');
    const before = textOf(await connected.client.callTool({ name: 'pid', arguments: {} }));
    await expect(connected.client.callTool({ name: 'die', arguments: {} })).rejects.toMatchObject({
      code: -32603,
      data: { gangway: { reason: 'UPSTREAM_EXITED', exitCode: 7 } },
    });
    const later = await connected.client.listTools().catch((error: unknown) => error);
    expect(later).toBeInstanceOf(StreamableHTTPError);
    expect((later as StreamableHTTPError).code).toBe(404);
    await using again = await connect(bridge.url, 'mortal');
    expect(textOf(await again.client.callTool({ name: 'pid', arguments: {} }))).not.toBe(before);
  });

  it('ends its server with DELETE', async () => {
    const connected = await connect(bridge.url, 'good');
    expect(childrenOf(bridge.pid)).toHaveLength(1);
    await connected.close();
    await until('its process to be gone', () => childrenOf(bridge.pid).length === 0, { limitMs: 3000 });
  });
});

describe('Two clients of one server', () => {
  it('never get each other’s answers, with the same ids at the same time', async () => {
    const [one, two] = await Promise.all([RawSession.open(bridge.url, 'good'), RawSession.open(bridge.url, 'good')]);
    const ids = Array.from({ length: 20 }, (_, i) => i + 100);
    const call = async (session: RawSession, name: string, id: number): Promise<string> => {
      const answer = await session.call('echo', { text: `${name} ${id}` }, { id });
      expect(answer.message?.id).toBe(id);
      return textOf(answer.message?.result);
    };
    const answers = await Promise.all(ids.flatMap((id) => [call(one, 'one', id), call(two, 'two', id)]));
    expect(answers).toEqual(ids.flatMap((id) => [`one ${id}`, `two ${id}`]));
    await Promise.all([one.delete(), two.delete()]);
  });

  it('have a process each', async () => {
    const [one, two] = await Promise.all([RawSession.open(bridge.url, 'good'), RawSession.open(bridge.url, 'good')]);
    const pids = await Promise.all(
      [one, two].map(async (session) => textOf((await session.call('pid')).message?.result)),
    );
    expect(new Set(pids).size).toBe(2);
    await Promise.all([one.delete(), two.delete()]);
  });
});

describe('On the wire', () => {
  it('an answer that comes first is one JSON document', async () => {
    const session = await RawSession.open(bridge.url, 'good');
    const answer = await session.call('echo', { text: 'x' });
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('mcp-session-id')).toBe(session.id);
    await session.delete();
  });

  it('an answer after something else is an event stream that ends with it', async () => {
    const session = await RawSession.open(bridge.url, 'good');
    const answer = await session.call('log', { lines: 2 });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(answer.messages.map(({ method, result }) => method ?? (result ? 'result' : 'error'))).toEqual([
      ...['notifications/message', 'notifications/message', 'result'],
    ]);
    await session.delete();
  });

  it('the response to a cancelled request ends without an answer', async () => {
    const session = await RawSession.open(bridge.url, 'good');
    const call = session.call('sleep', { ms: 60_000 }, { id: 'cancel-me' });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    const accepted = await session.notify('notifications/cancelled', { requestId: 'cancel-me' });
    expect([accepted.status, accepted.text]).toEqual([202, '']);
    expect((await call).messages).toEqual([]);
    await session.delete();
  });

  it('what nobody listens to is kept for the GET stream, once', async () => {
    const session = await RawSession.open(bridge.url, 'good');
    await session.call('change');
    const first = await session.listen();
    await until('the notification', () => first.messages.length > 0);
    expect(first.messages.map(({ method }) => method)).toEqual(['notifications/tools/list_changed']);
    first.close();
    const second = await session.listen();
    await session.call('change');
    await until('the next notification', () => second.messages.length > 0);
    expect(second.messages).toHaveLength(1);
    await session.delete();
    await second.ended;
  });

  it('ids and bytes pass through unchanged', async () => {
    const session = await RawSession.open(bridge.url, 'good');
    const body =
      '{"jsonrpc":"2.0","id":9007199254740991,"method":"tools/call","params":{"name":"echo",\n"arguments":{"text":"a"}}}';
    const response = await fetch(session.url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'Mcp-Session-Id': session.id,
      },
      body,
    });
    expect(await response.text()).toBe(
      '{"jsonrpc":"2.0","id":9007199254740991,"result":{"content":[{"type":"text","text":"a"}]}}',
    );
    await session.delete();
  });
});
