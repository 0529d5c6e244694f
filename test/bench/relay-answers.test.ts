import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { benchModule } from '../support/bench-module.ts';

interface Call {
  readonly id: number;
  readonly text: string;
  readonly token?: string;
  readonly steps?: number;
}

const { faultOf, faultOfResponse } = await benchModule<{
  faultOf: (call: Call, messages: Buffer[]) => string | undefined;
  faultOfResponse: (call: Call, response: object) => string | undefined;
}>('answers');

const call: Call = { id: 7, text: 's1-7-xxxx' };

function answer(id: unknown, text: string): Buffer {
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } }));
}

function progress(token: string, value: number): Buffer {
  const params = { progressToken: token, progress: value, total: 2 };
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params }));
}

describe('faultOf() of the benchmark', () => {
  it('finds nothing wrong with the answer to the call', () => {
    expect(faultOf(call, [answer(7, call.text)])).toBeUndefined();
  });

  it.each([
    ['an answer to another call', [answer(8, call.text)], 'answer to 8, wanted 7'],
    ['an id of another type', [answer('7', call.text)], 'answer to 7, wanted 7'],
    ['the text of another session', [answer(7, 's2-7-xxxx')], 'the text of another call: s2-7-xxxx'],
    ['a text that was cut', [answer(7, 's1-7-xxx')], '8 characters, wanted 9'],
    ['an error', [Buffer.from('{"id":7,"error":{"message":"busy"}}')], 'error: busy'],
    ['no text', [Buffer.from('{"id":7,"result":{}}')], 'an answer without a text'],
    ['no answer', [], 'no answer'],
    ['two answers', [answer(7, call.text), answer(7, call.text)], '1 messages before the answer, wanted 0'],
  ])('finds %s', (_, messages, fault) => {
    expect(faultOf(call, messages)).toBe(fault);
  });

  it('finds what is not JSON', () => {
    expect(faultOf(call, [Buffer.from('{"id":7')])).toMatch(/^no JSON: /);
  });

  const stepping: Call = { ...call, token: 's1-7-', steps: 2 };

  it('finds nothing wrong with the progress of the call, in order', () => {
    const messages = [progress('s1-7-', 1), progress('s1-7-', 2), answer(7, call.text)];
    expect(faultOf(stepping, messages)).toBeUndefined();
  });

  it.each([
    ['is missing', [progress('s1-7-', 1)], '1 messages before the answer, wanted 2'],
    ['comes twice', [progress('s1-7-', 1), progress('s1-7-', 1)], 'progress 1, wanted 2'],
    ['is of another call', [progress('s2-7-', 1), progress('s1-7-', 2)], 'progress of s2-7-, wanted s1-7-'],
  ])('finds progress that %s', (_, messages, fault) => {
    expect(faultOf(stepping, [...messages, answer(7, call.text)])).toBe(fault);
  });

  const large: Call = { id: 7, text: `s1-7-${'x'.repeat(100_000)}` };

  it('finds nothing wrong with a large answer', () => {
    expect(faultOf(large, [answer(7, large.text)])).toBeUndefined();
  });

  it.each([
    ['of another session', answer(7, large.text.replace('s1', 's2')), /^a text that is not this call's/],
    ['that was cut', answer(7, large.text.slice(0, -1)), /^a text that is not this call's/],
    ['that is too long', answer(7, `${large.text}x`), /^1 characters, wanted 0/],
    ['to another call', answer(8, large.text), /^answer to 8, wanted 7/],
  ])('finds a large answer %s', (_, message, fault) => {
    expect(faultOf(large, [message])).toMatch(fault);
  });
});

describe('faultOfResponse() of the benchmark', () => {
  const stream = 'text/event-stream; charset=utf-8';

  it('reads an event stream, with and without names, ids and empty events', () => {
    const body = Buffer.from(
      `id: 1\ndata: \n\n: hello\n\nid: 2\nevent: message\ndata: ${answer(7, call.text).toString()}\n\n`,
    );
    expect(faultOfResponse(call, { status: 200, contentType: stream, body })).toBeUndefined();
  });

  it('finds a stream that ends without an answer', () => {
    const body = Buffer.from('id: 1\ndata: \n\n');
    expect(faultOfResponse(call, { status: 200, contentType: stream, body })).toBe('no answer');
  });

  it('finds a refusal', () => {
    const body = Buffer.from('{}');
    expect(faultOfResponse(call, { status: 413, contentType: 'application/json', body })).toBe('HTTP 413');
  });
});

interface Response {
  readonly status: number;
  readonly contentType: string;
  readonly sessionId?: string;
  readonly body: Buffer;
}

const { ResponseReader } = await benchModule<{
  ResponseReader: new (onResponse: (response: Response) => void) => { push(chunk: Buffer): void };
}>('response-reader');

describe('ResponseReader', () => {
  const fixed =
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: abc\r\nContent-Length: 5\r\n\r\nhello';
  const empty = 'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n';
  const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\nb\r\nlo 0\r\n\r\nabc\r\n0\r\n\r\n';
  const bytes = Buffer.from(fixed + empty + chunked + fixed);

  it.each([1, 2, 3, 7, 50, bytes.length])('reads answers in pieces of %d bytes', (size) => {
    const responses: [number, string, string | undefined][] = [];
    const reader = new ResponseReader(({ status, body, sessionId }) =>
      responses.push([status, body.toString(), sessionId]),
    );
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    expect(responses).toEqual([
      [200, 'hello', 'abc'],
      [202, '', undefined],
      [200, 'hello 0\r\n\r\nabc', undefined],
      [200, 'hello', 'abc'],
    ]);
  });
});

interface Crew {
  tell(
    order: string,
    details?: object,
  ): Promise<{ calls: number; faults: number; toldFaults: string[]; fault?: string }>;
  end(): void;
}

describe('The load of the benchmark', () => {
  let server: Server;
  let crew: Crew;
  /** What the bridge makes of an answer. */
  let garble: (answer: string, count: number) => string | undefined;
  /** Those that were made: four of them before any is counted. */
  let count = 0;

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const { id, method, params } = JSON.parse(body) as {
          id?: number;
          method: string;
          params: { arguments: { text: string } };
        };
        if (id === undefined) return response.writeHead(202).end();
        const text =
          method === 'initialize' ? '{}' : garble(answer(id, params.arguments.text).toString(), (count += 1));
        if (text === undefined) return response.destroy();
        const headers = { 'content-type': 'application/json', 'mcp-session-id': 'one' };
        return response.writeHead(200, headers).end(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { Crew } = await benchModule<{ Crew: new () => Crew }>('crew');
    crew = new Crew();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
    await crew.tell('open', { key: 'lying', at: { url }, sessions: 2 });
  });
  afterAll(() => {
    crew.end();
    server.closeAllConnections();
    server.close();
  });

  async function load() {
    count = 0;
    await crew.tell('prepare', { key: 'lying', sessions: 2, inFlight: 2, kind: { tool: 'echo' } });
    return crew.tell('go', { forMs: 50 });
  }

  it('counts the calls of an honest bridge', async () => {
    garble = (text) => text;
    const { calls, faults } = await load();
    expect(calls).toBe(count - 4);
    expect(faults).toBe(0);
  });

  it('finds the one answer that went to another session', async () => {
    garble = (text, n) => (n === 5 ? text.replace(/s([01])-/, (_, other) => `s${1 - Number(other)}-`) : text);
    const { calls, faults, toldFaults } = await load();
    expect(calls).toBe(count - 5);
    expect(faults).toBe(1);
    expect(toldFaults[0]).toMatch(/^the text of another call: s/);
  });

  it('finds the one answer that never came', async () => {
    garble = (text, n) => (n === 5 ? undefined : text);
    const { faults, toldFaults } = await load();
    expect(faults).toBe(1);
    expect(toldFaults).toEqual(['the connection was closed before the answer']);
  });
});
