import { request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Router } from 'express';
import { BridgeError } from '../../src/base/errors.ts';
import type { ListenConfig, ServerConfig } from '../../src/config/config.ts';
import { createApp } from '../../src/http/app.ts';
import { Gate } from '../../src/http/gate.ts';
import { createListener, startListening } from '../../src/http/listener.ts';
import { McpRoute } from '../../src/http/mcp-route.ts';
import { SseRoute } from '../../src/http/sse-route.ts';
import { KeepAlive } from '../../src/http/sse.ts';
import { SessionRegistry } from '../../src/legacy/registry.ts';
import { ModernServers } from '../../src/modern/modern-servers.ts';
import { SessionIds } from '../../src/legacy/session-id.ts';
import { answerInitialize, initializeResult, type FakeChild } from '../support/fake-engine.ts';
import { noAdmin } from '../support/no-admin.ts';
import { poolRig, type PoolRig } from '../support/pool-rig.ts';
import { quietLog } from '../support/quiet-log.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const listen: ListenConfig = {
  host: '127.0.0.1',
  port: 0,
  insecureNoAuth: false,
  allowedHosts: [],
  allowedOrigins: ['https://app.example.com'],
  maxBodyBytes: 64 * 1024,
  sse: true,
};

let rig: PoolRig;
let server: Server;
let port: number;
let registry: SessionRegistry;
let keepAlive: KeepAlive;
let isDraining: boolean;
let refused: 'nothing' | 'sessions' | 'calls';

/** A server that answers `echo` with what it got, word for word, and `slow` after some progress. */
function echo(line: string, child: FakeChild): void {
  answerInitialize(line, child);
  const { id, method } = JSON.parse(line) as { id?: unknown; method?: string };
  if (method === 'echo') child.say({ jsonrpc: '2.0', id, result: { line } });
  if (method === 'slow') {
    child.say({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 'p', progress: 1 } });
    child.say({ jsonrpc: '2.0', id, result: {} });
  }
  if (method === 'crash') child.exit({ code: 3, signal: undefined });
}

beforeEach(async () => {
  rig = poolRig({}, { onLine: echo });
  isDraining = false;
  refused = 'nothing';
  const { log } = quietLog();
  registry = new SessionRegistry(new SessionIds('test'), 100, rig.clock, log);
  keepAlive = new KeepAlive(rig.clock);
  const off: ServerConfig = {
    ...rig.config,
    name: 'off',
    disabled: { code: 'SERVER_DISABLED', reason: 'API_KEY is not set' },
  };
  const servers = new Map([
    ['demo', rig.served],
    ['off', { ...rig.served, config: off }],
    ['other', { ...rig.served, config: { ...rig.config, name: 'other' } }],
  ]);
  const overloaded = new BridgeError('OVERLOADED', 'Gangway is short of memory');
  const admission = {
    session() {
      if (refused !== 'nothing') throw overloaded;
    },
    calls() {
      if (refused === 'calls') throw overloaded;
    },
  };
  const modern = new ModernServers({ clock: rig.clock, maxRounds: () => 10 });
  const context = { servers, sessions: registry, modern, keepAlive, admission, maxBodyBytes: listen.maxBodyBytes, log };
  const health = { notReady: () => (isDraining ? 'draining' : undefined), status: () => ({ hello: 'status' }) };
  const routes = {
    mcp: new McpRoute(context),
    sse: new SseRoute(context),
    app: createApp(health, noAdmin, Router(), log),
  };
  server = createListener(new Gate(listen), routes, () => isDraining);
  port = await startListening(server, listen, log);
});

afterEach(async () => {
  registry.closeAll('draining');
  keepAlive.stop();
  rig.pool.drain();
  await rig.clock.advance(5000);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const initialize = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}';

function ask(
  method: string,
  path: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    request.once('error', reject);
    request.end(body);
  });
}

const post = (body: string | Buffer, headers: Record<string, string> = {}, path = '/demo/mcp'): Promise<Answer> =>
  ask('POST', path, { headers: { ...json, ...headers }, body });

/** Sends bytes as they are; resolves with all that came back once the connection is closed. */
function raw(text: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(text));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      resolve(Buffer.concat(chunks).toString());
    });
  });
}

/** The session id of a new session. */
async function openSession(): Promise<string> {
  const { headers } = await post(initialize);
  return String(headers['mcp-session-id']);
}

/** Opens a GET stream, does something then, and reads until there is enough. */
function getStream(
  id: string,
  then: () => void,
  isEnough: (text: string) => boolean,
  { lastEventId = '' } = {},
): Promise<string> {
  const resuming = lastEventId === '' ? {} : { 'Last-Event-ID': lastEventId };
  const headers = { Accept: 'text/event-stream', 'Mcp-Session-Id': id, ...resuming };
  return new Promise((resolve) => {
    httpRequest({ host: '127.0.0.1', port, path: '/demo/mcp', headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (!isEnough(text)) return;
        resolve(text);
        response.destroy();
      });
      then();
    }).end();
  });
}

interface ErrorBody {
  readonly jsonrpc: string;
  readonly id: unknown;
  readonly error: { code: number; message: string; data: { gangway: { reason: string; retryable: boolean } } };
}

function errorOf(answer: Answer): ErrorBody {
  return JSON.parse(answer.text) as ErrorBody;
}

/** Status and reason of a refusal. */
function refusal(answer: Answer): [number, string] {
  return [answer.status, errorOf(answer).error.data.gangway.reason];
}

describe('POST of initialize', () => {
  it('is answered by the server, as JSON, with a session id', async () => {
    const answer = await post(initialize);
    expect([answer.status, answer.headers['content-type'], JSON.parse(answer.text)]).toEqual([
      200,
      'application/json',
      { jsonrpc: '2.0', id: 1, result: initializeResult },
    ]);
    expect(answer.headers['mcp-session-id']).toMatch(/^demo~test~[\x21-\x7e]+$/);
  });

  it('may be pretty-printed over many lines', async () => {
    const pretty = JSON.stringify(JSON.parse(initialize), null, 2).replaceAll('\n', '\r\n');
    expect((await post(pretty)).status).toBe(200);
  });

  it('reaches the server as one line', async () => {
    await post(JSON.stringify(JSON.parse(initialize), null, 2));
    expect(rig.engine.last.received).toHaveLength(1);
  });

  it('is refused with 503 for a server that is switched off, under the caller’s id', async () => {
    const answer = await post(initialize, {}, '/off/mcp');
    expect([refusal(answer), errorOf(answer).id]).toEqual([[503, 'SERVER_DISABLED'], 1]);
  });

  it('is refused with 404 for a server that does not exist', async () => {
    expect(refusal(await post(initialize, {}, '/nobody/mcp'))).toEqual([404, 'SERVER_UNKNOWN']);
  });

  it('with the id of a session is refused as SESSION_EXISTS', async () => {
    const answer = await post(initialize, { 'Mcp-Session-Id': await openSession() });
    expect(refusal(answer)).toEqual([400, 'SESSION_EXISTS']);
  });

  it('refused for want of room carries Retry-After', async () => {
    rig.pool.drain();
    const answer = await post(initialize);
    expect([refusal(answer), answer.headers['retry-after']]).toEqual([[503, 'DRAINING'], '1']);
  });

  it('is refused with 502 and the exit code when the server ends first', async () => {
    rig.engine.habit = {
      onLine: (_line, child) => {
        child.exit({ code: 5, signal: undefined });
      },
    };
    const answer = await post(initialize);
    expect([answer.status, errorOf(answer)]).toMatchObject([
      502,
      { id: 1, error: { data: { gangway: { reason: 'START_FAILED', exitCode: 5 } } } },
    ]);
  });

  it('starts nothing when it is refused', async () => {
    await post(initialize, { Accept: 'text/html' });
    await post(initialize, { 'Content-Type': 'text/plain' });
    await post(initialize, { Host: 'evil.example' });
    expect(rig.engine.children).toHaveLength(0);
  });

  it('ends the container when its client vanishes before the answer', async () => {
    let read: () => void = () => undefined;
    const hasRead = new Promise<void>((resolve) => (read = resolve));
    rig.engine.habit = {
      onLine: () => {
        read();
      },
    };
    const request = httpRequest({ host: '127.0.0.1', port, method: 'POST', path: '/demo/mcp', headers: json });
    request.on('error', () => undefined);
    request.end(initialize);
    await hasRead;
    request.destroy();
    await rig.engine.last.exited;
    expect(registry.size).toBe(0);
  });
});

describe('POST in a session', () => {
  it('is answered as JSON when the response comes first', async () => {
    const id = await openSession();
    const body = '{"jsonrpc":"2.0","id":"a","method":"echo","params":{"n":1.0}}';
    const answer = await post(body, { 'Mcp-Session-Id': id });
    expect(JSON.parse(answer.text)).toEqual({ jsonrpc: '2.0', id: 'a', result: { line: body } });
  });

  it('is answered as a stream when something precedes the response', async () => {
    const id = await openSession();
    const body = '{"jsonrpc":"2.0","id":2,"method":"slow","params":{"_meta":{"progressToken":"p"}}}';
    const answer = await post(body, { 'Mcp-Session-Id': id });
    expect([answer.status, answer.headers['content-type'], answer.headers['x-accel-buffering']]).toEqual([
      200,
      'text/event-stream',
      'no',
    ]);
    expect(answer.text).toBe(
      'id: 1-0\nretry: 1000\ndata: \n\n' +
        'id: 1-1\nevent: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}\n\n' +
        'id: 1-2\nevent: message\ndata: {"jsonrpc":"2.0","id":2,"result":{}}\n\n',
    );
  });

  it('of a notification is 202 without a body', async () => {
    const id = await openSession();
    const answer = await post('{"jsonrpc":"2.0","method":"notifications/initialized"}', { 'Mcp-Session-Id': id });
    expect([answer.status, answer.text]).toEqual([202, '']);
  });

  it('of a pretty-printed request reaches the server as one line', async () => {
    const id = await openSession();
    const pretty = '{\n  "jsonrpc": "2.0",\r\n  "id": 5,\n  "method": "echo",\n  "params": {"text": "a\\nb"}\n}\n';
    const answer = await post(pretty, { 'Mcp-Session-Id': id });
    const { result } = JSON.parse(answer.text) as { result: { line: string } };
    expect(JSON.parse(result.line)).toEqual(JSON.parse(pretty));
  });

  it('is answered with 200 and UPSTREAM_EXITED under its id when the server dies', async () => {
    const id = await openSession();
    const answer = await post('{"jsonrpc":"2.0","id":77,"method":"crash"}', { 'Mcp-Session-Id': id });
    expect([answer.status, errorOf(answer)]).toMatchObject([
      200,
      { id: 77, error: { data: { gangway: { reason: 'UPSTREAM_EXITED', exitCode: 3 } } } },
    ]);
  });

  it('that has ended is 404', async () => {
    const id = await openSession();
    await post('{"jsonrpc":"2.0","id":77,"method":"crash"}', { 'Mcp-Session-Id': id });
    const answer = await post('{"jsonrpc":"2.0","id":78,"method":"echo"}', { 'Mcp-Session-Id': id });
    expect([refusal(answer), errorOf(answer).id]).toEqual([[404, 'SESSION_UNKNOWN'], 78]);
  });

  it('of another server is 404', async () => {
    const id = await openSession();
    const answer = await post('{"jsonrpc":"2.0","id":1,"method":"echo"}', { 'Mcp-Session-Id': id }, '/other/mcp');
    expect(refusal(answer)).toEqual([404, 'SESSION_UNKNOWN']);
  });

  it('without a session id is 400', async () => {
    expect(refusal(await post('{"jsonrpc":"2.0","id":1,"method":"echo"}'))).toEqual([400, 'SESSION_REQUIRED']);
  });

  it('with a version that is not served is 400', async () => {
    const headers = { 'Mcp-Session-Id': await openSession(), 'MCP-Protocol-Version': '1999-01-01' };
    expect(refusal(await post('{"jsonrpc":"2.0","id":1,"method":"echo"}', headers))).toEqual([
      400,
      'VERSION_UNSUPPORTED',
    ]);
  });

  it('carries an id of any kind back as it was written', async () => {
    const answer = await post('{"jsonrpc":"2.0","id":9007199254740993,"method":"x"}');
    expect(answer.text).toContain('"id":9007199254740993,');
  });
});

describe('POST of what is no message', () => {
  it.each([
    ['nothing', '', 'BODY_MALFORMED', -32700],
    ['a blank', ' ', 'BODY_MALFORMED', -32700],
    ['half of it', '{"jsonrpc":"2.0",', 'BODY_MALFORMED', -32700],
    ['two texts', '{} {}', 'BODY_MALFORMED', -32700],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'BODY_MALFORMED', -32700],
    ['a lone surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'BODY_MALFORMED', -32700],
    ['a byte order mark', `\ufeff${initialize}`, 'BODY_MALFORMED', -32700],
    ['a NUL', '\0', 'BODY_MALFORMED', -32700],
    ['an empty array', '[]', 'MESSAGE_INVALID', -32600],
    ['an array without a session', `[${initialize}]`, 'SESSION_REQUIRED', -32600],
    ['a number', '1', 'MESSAGE_INVALID', -32600],
    ['null', 'null', 'MESSAGE_INVALID', -32600],
    ['no version', '{"id":1,"method":"x"}', 'MESSAGE_INVALID', -32600],
    ['version 1.0', '{"jsonrpc":"1.0","id":1,"method":"x"}', 'MESSAGE_INVALID', -32600],
    ['id null', '{"jsonrpc":"2.0","id":null,"method":"x"}', 'MESSAGE_INVALID', -32600],
    ['a fraction for id', '{"jsonrpc":"2.0","id":1.5,"method":"x"}', 'MESSAGE_INVALID', -32600],
    ['params in an array', '{"jsonrpc":"2.0","id":1,"method":"x","params":[]}', 'MESSAGE_INVALID', -32600],
    ['method with result', '{"jsonrpc":"2.0","id":1,"method":"x","result":{}}', 'MESSAGE_INVALID', -32600],
  ])('(%s) is 400', async (_what, body, reason, code) => {
    const answer = await post(body);
    expect([refusal(answer), errorOf(answer).error.code, errorOf(answer).jsonrpc]).toEqual([
      [400, reason],
      code,
      '2.0',
    ]);
  });

  it('leaves the connection open for the next one', async () => {
    const answer = await post('{}', { Connection: 'keep-alive' });
    expect(answer.headers.connection).toBe('keep-alive');
  });

  it('survives a very deep text', async () => {
    const answer = await post(`${'['.repeat(30_000)}${']'.repeat(30_000)}`);
    expect(answer.status).toBe(400);
  });

  it('takes "__proto__" for a key like any other', async () => {
    await post('{"__proto__":{"polluted":1},"jsonrpc":"2.0","id":1,"method":"x"}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('POST with the wrong headers', () => {
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'of type %s is 415',
    async (type) => {
      expect(refusal(await post(initialize, { 'Content-Type': type }))).toEqual([415, 'MEDIA_TYPE_REFUSED']);
    },
  );

  it('compressed is 415', async () => {
    expect(refusal(await post(initialize, { 'Content-Encoding': 'gzip' }))).toEqual([415, 'MEDIA_TYPE_REFUSED']);
  });

  it.each(['application/json', 'text/event-stream', 'text/html'])('that accepts only %s is 406', async (accept) => {
    expect(refusal(await post(initialize, { Accept: accept }))).toEqual([406, 'NOT_ACCEPTABLE']);
  });

  it('says with id null what it says before the body was read', async () => {
    expect(errorOf(await post(initialize, { Accept: 'text/html' })).id).toBeNull();
  });
});

describe('A body over the limit', () => {
  const big = 64 * 1024 + 1;

  it('is 413 with its declared length alone', async () => {
    const head = `POST /demo/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n`;
    const answer = await raw(`${head}Content-Length: ${big}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"reason":"BODY_TOO_LARGE"');
  });

  it('is 413 when all of it is sent', async () => {
    expect(refusal(await post('x'.repeat(big)))).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('is 413 when it comes in chunks of no declared length', async () => {
    const head = `POST /demo/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n`;
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    const answer = await raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(5)}`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('is refused, and its connection closes', async () => {
    const head = `POST /demo/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n`;
    const answer = await raw(`${head}Content-Length: 100000000\r\n\r\n${'x'.repeat(1000)}`);
    // `raw` resolves when the connection has ended.
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('is read by a client that sends on after the refusal', async () => {
    expect((await post(Buffer.alloc(1024 * 1024, 'x'))).status).toBe(413);
  });

  it('of just the limit is read', async () => {
    const padding = 'x'.repeat(big - 1 - '{"jsonrpc":"2.0","id":1,"method":"x","params":{"x":""}}'.length);
    const answer = await post(`{"jsonrpc":"2.0","id":1,"method":"x","params":{"x":"${padding}"}}`);
    expect(refusal(answer)).toEqual([400, 'SESSION_REQUIRED']);
  });
});

describe('GET', () => {
  it('opens a stream in a session', async () => {
    const id = await openSession();
    const headers = { Accept: 'text/event-stream', 'Mcp-Session-Id': id };
    const status = await new Promise((resolve) => {
      httpRequest({ host: '127.0.0.1', port, path: '/demo/mcp', headers, agent: false }, (response) => {
        resolve([response.statusCode, response.headers['content-type']]);
        response.destroy();
      }).end();
    });
    expect(status).toEqual([200, 'text/event-stream']);
  });

  it('without text/event-stream is 406', async () => {
    const id = await openSession();
    const answer = await ask('GET', '/demo/mcp', { headers: { Accept: 'text/html', 'Mcp-Session-Id': id } });
    expect(refusal(answer)).toEqual([406, 'NOT_ACCEPTABLE']);
  });

  it('without a session is 400', async () => {
    const answer = await ask('GET', '/demo/mcp', { headers: { Accept: 'text/event-stream' } });
    expect(refusal(answer)).toEqual([400, 'SESSION_REQUIRED']);
  });

  it('with an unknown session is 404', async () => {
    const headers = { Accept: 'text/event-stream', 'Mcp-Session-Id': 'nonsense' };
    expect(refusal(await ask('GET', '/demo/mcp', { headers }))).toEqual([404, 'SESSION_UNKNOWN']);
  });
});

describe('POST of a batch', () => {
  const batch = '[{"jsonrpc":"2.0","id":"a","method":"echo"},{"jsonrpc":"2.0","id":"b","method":"echo"}]';

  async function openOld(): Promise<string> {
    rig.engine.habit = {
      onLine: (line, child) => {
        const { id, method } = JSON.parse(line) as { id?: unknown; method?: string };
        if (method === 'initialize') child.say({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-03-26' } });
        else if (id !== undefined) child.say({ jsonrpc: '2.0', id, result: {} });
      },
    };
    return openSession();
  }

  it('is answered on one stream', async () => {
    const answer = await post(batch, { 'Mcp-Session-Id': await openOld() });
    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([
      200,
      'text/event-stream',
      'id: 1-1\nevent: message\ndata: {"jsonrpc":"2.0","id":"a","result":{}}\n\n' +
        'id: 1-2\nevent: message\ndata: {"jsonrpc":"2.0","id":"b","result":{}}\n\n',
    ]);
  });

  it('without a request is 202', async () => {
    const body = '[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"b"}]';
    const answer = await post(body, { 'Mcp-Session-Id': await openOld() });
    expect([answer.status, answer.text]).toEqual([202, '']);
  });

  it('is 400 with a message in it that is none', async () => {
    const answer = await post('[{"jsonrpc":"2.0","method":"a"},1]', { 'Mcp-Session-Id': await openOld() });
    expect(refusal(answer)).toEqual([400, 'MESSAGE_INVALID']);
  });

  it('is 400 in a newer version', async () => {
    expect(refusal(await post(batch, { 'Mcp-Session-Id': await openSession() }))).toEqual([400, 'MESSAGE_INVALID']);
  });
});

describe('POST of a doubtful message', () => {
  it.each([
    ['a key twice', '{"jsonrpc":"2.0","id":1.0,"method":"x","method":"y"}', 'MESSAGE_AMBIGUOUS', 'null'],
    ['a mimic', '{"jsonrpc":"2.0","id":1.0,"method":"x","params":{"_Meta":{}}}', 'MESSAGE_AMBIGUOUS', 'null'],
    ['65 levels', `{"id":1.0,"jsonrpc":"2.0","x":${'['.repeat(64)}${']'.repeat(64)}}`, 'MESSAGE_TOO_COMPLEX', '1.0'],
    ['an id that is cut off', '{"jsonrpc":"2.0","method":"x","id":12', 'BODY_MALFORMED', 'null'],
    ['a text for id that is cut off', '{"jsonrpc":"2.0","method":"x","id":"ab', 'BODY_MALFORMED', 'null'],
  ])('(%s) is 400, under its id when there is no doubt about it', async (_what, body, reason, idText) => {
    const answer = await post(body);
    expect([refusal(answer), answer.text.includes(`"id":${idText},`)]).toEqual([[400, reason], true]);
  });
});

describe('The transport of 2024-11-05', () => {
  interface Open {
    /** What came so far. */
    text: string;
    endpoint: string;
    /** Resolves when there is enough. */
    readonly until: (isEnough: (text: string) => boolean) => Promise<void>;
    readonly closed: Promise<void>;
    readonly leave: () => void;
  }

  function openSse(): Promise<Open> {
    return new Promise((resolve) => {
      const headers = { Accept: 'text/event-stream' };
      httpRequest({ host: '127.0.0.1', port, path: '/demo/sse', headers, agent: false }, (response) => {
        const open: Open = {
          text: '',
          endpoint: '',
          until: (isEnough) =>
            new Promise((enough) => {
              const look = (): void => {
                if (isEnough(open.text)) enough();
              };
              response.on('data', look);
              look();
            }),
          closed: new Promise((over) => response.once('close', over)),
          leave: () => response.destroy(),
        };
        response.on('error', () => undefined);
        response.on('data', (chunk: Buffer) => {
          open.text += chunk.toString();
          if (open.endpoint !== '' || !open.text.endsWith('\n\n')) return;
          open.endpoint = /^event: endpoint\ndata: (\S+)\n\n$/.exec(open.text)?.[1] ?? '';
          open.text = '';
          resolve(open);
        });
      }).end();
    });
  }

  async function openSseSession(): Promise<Open> {
    const open = await openSse();
    await post(initialize, {}, open.endpoint);
    await open.until((text) => text.endsWith('\n\n'));
    open.text = '';
    return open;
  }

  it('names the endpoint first, and answers initialize on the stream', async () => {
    const open = await openSse();
    const answer = await post(initialize, {}, open.endpoint);
    await open.until((text) => text.endsWith('\n\n'));
    open.leave();
    expect([open.endpoint, answer.status, answer.text, open.text]).toEqual([
      expect.stringMatching(/^\/demo\/messages\?sessionId=[\w-]{22}$/),
      202,
      '',
      `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: 1, result: initializeResult })}\n\n`,
    ]);
  });

  it('sends progress and answers as events without ids', async () => {
    const open = await openSseSession();
    await post('{"jsonrpc":"2.0","id":2,"method":"slow","params":{"_meta":{"progressToken":"p"}}}', {}, open.endpoint);
    await open.until((text) => text.includes('"id":2'));
    open.leave();
    expect(open.text).toBe(
      'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}\n\n' +
        'event: message\ndata: {"jsonrpc":"2.0","id":2,"result":{}}\n\n',
    );
  });

  it('ends the session and its container when the client leaves', async () => {
    const open = await openSseSession();
    open.leave();
    await rig.engine.last.exited;
    expect(registry.size).toBe(0);
  });

  it('ends the stream when the server ends', async () => {
    const open = await openSseSession();
    rig.engine.last.exit();
    const isClosed = open.closed;
    await rig.clock.advance(200);
    await expect(isClosed).resolves.toBeUndefined();
  });

  it('says on the stream that the server could not be started, and may be asked again', async () => {
    const open = await openSse();
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no');
    await post(initialize, {}, open.endpoint);
    await open.until((text) => text.includes('IMAGE_UNAVAILABLE'));
    rig.startError = undefined;
    await post(initialize, {}, open.endpoint);
    await open.until((text) => text.includes('"result"'));
    open.leave();
    expect(open.text.match(/"id":1,/g)).toHaveLength(2);
  });

  it.each([
    ['a request before initialize', '{"jsonrpc":"2.0","id":1,"method":"echo"}', 400, 'SESSION_REQUIRED'],
    ['a batch', '[{"jsonrpc":"2.0","method":"echo"}]', 400, 'MESSAGE_INVALID'],
    ['no message', '{', 400, 'BODY_MALFORMED'],
  ])('refuses %s', async (_what, body, status, reason) => {
    const open = await openSse();
    const answer = await post(body, {}, open.endpoint);
    open.leave();
    expect(refusal(answer)).toEqual([status, reason]);
  });

  it('refuses a second initialize', async () => {
    const open = await openSseSession();
    const answer = await post(initialize, {}, open.endpoint);
    open.leave();
    expect(refusal(answer)).toEqual([400, 'SESSION_EXISTS']);
  });

  it.each([
    ['POST', '/demo/messages', 400, 'SESSION_REQUIRED'],
    ['POST', '/demo/messages?sessionId=unknown', 404, 'SESSION_UNKNOWN'],
    ['POST', '/demo/sse', 405, 'METHOD_REFUSED'],
    ['GET', '/demo/messages', 405, 'METHOD_REFUSED'],
    ['GET', '/off/sse', 503, 'SERVER_DISABLED'],
    ['GET', '/nobody/sse', 404, 'SERVER_UNKNOWN'],
  ])('refuses %s %s with %i %s', async (method, path, status, reason) => {
    const headers = { ...json, Accept: 'text/event-stream' };
    const body = method === 'POST' ? { body: '{"jsonrpc":"2.0","method":"x"}' } : {};
    expect(refusal(await ask(method, path, { headers, ...body }))).toEqual([status, reason]);
  });

  it('refuses initialize and requests of an overloaded bridge, and takes them when it is over', async () => {
    const open = await openSse();
    refused = 'sessions';
    expect(refusal(await post(initialize, {}, open.endpoint))).toEqual([503, 'OVERLOADED']);
    refused = 'nothing';
    await post(initialize, {}, open.endpoint);
    await open.until((text) => text.includes('"result"'));
    refused = 'calls';
    const request = '{"jsonrpc":"2.0","id":2,"method":"echo"}';
    expect(refusal(await post(request, {}, open.endpoint))).toEqual([503, 'OVERLOADED']);
    open.leave();
  });

  it('knows no session of another server', async () => {
    const open = await openSseSession();
    const answer = await post('{"jsonrpc":"2.0","method":"x"}', {}, open.endpoint.replace('/demo/', '/other/'));
    open.leave();
    expect(refusal(answer)).toEqual([404, 'SESSION_UNKNOWN']);
  });
});

describe('DELETE', () => {
  it('ends the session and its container', async () => {
    const id = await openSession();
    const answer = await ask('DELETE', '/demo/mcp', { headers: { 'Mcp-Session-Id': id } });
    await rig.engine.last.exited;
    expect([answer.status, registry.size]).toEqual([200, 0]);
  });

  it('of a session that has ended is 404', async () => {
    const headers = { 'Mcp-Session-Id': await openSession() };
    await ask('DELETE', '/demo/mcp', { headers });
    expect(refusal(await ask('DELETE', '/demo/mcp', { headers }))).toEqual([404, 'SESSION_UNKNOWN']);
  });

  it('without a session is 400', async () => {
    expect(refusal(await ask('DELETE', '/demo/mcp'))).toEqual([400, 'SESSION_REQUIRED']);
  });
});

describe('Another method', () => {
  it.each(['PUT', 'PATCH', 'TRACE', 'PROPFIND'])('(%s) is 405 with Allow', async (method) => {
    const answer = await ask(method, '/demo/mcp');
    expect([refusal(answer), answer.headers.allow]).toEqual([[405, 'METHOD_REFUSED'], 'GET, POST, DELETE, OPTIONS']);
  });

  it('(HEAD) is 405 with Allow and no body', async () => {
    const answer = await ask('HEAD', '/demo/mcp');
    expect([answer.status, answer.headers.allow, answer.text]).toEqual([405, 'GET, POST, DELETE, OPTIONS', '']);
  });

  it('(CONNECT) finds its connection cut', async () => {
    expect(await raw('CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n')).toBe('');
  });

  it('(an upgrade) finds its connection cut', async () => {
    const head = 'GET /demo/mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    expect(await raw(head)).toBe('');
  });

  it('on a page of the app is 405 with Allow', async () => {
    const answer = await ask('POST', '/healthz');
    expect([refusal(answer), answer.headers.allow]).toEqual([[405, 'METHOD_REFUSED'], 'GET, HEAD']);
  });
});

describe('A path', () => {
  it.each([
    '/mcp',
    '/demo%2Fmcp',
    '/de%6do/mcp',
    '/demo%00/mcp',
    '/%2e%2e/mcp',
    '/demo;x/mcp',
    '/Demo/mcp',
    '/__proto__/mcp',
  ])('%s is 404', async (path) => {
    const answer = await post(initialize, {}, path);
    expect([answer.status, rig.engine.children.length]).toEqual([404, 0]);
  });

  it.each(['/', '/mcp/x', '//demo/mcp', '/demo', '/demo/', '/demo/mcp/x', '/x/demo/mcp', '/demo/MCP', '/favicon.ico'])(
    '%s is 404 PATH_UNKNOWN',
    async (path) => {
      expect(refusal(await ask('GET', path))).toEqual([404, 'PATH_UNKNOWN']);
    },
  );

  it('may have a query, which counts for nothing', async () => {
    expect((await post(initialize, {}, '/demo/mcp?x=../../y')).status).toBe(200);
  });

  it.each([
    ['/healthz', { status: 'ok' }],
    ['/readyz', { status: 'ready' }],
    ['/status', { hello: 'status' }],
  ])('%s is answered', async (path, body) => {
    expect(JSON.parse((await ask('GET', path)).text)).toEqual(body);
  });
});

describe('The gate', () => {
  it.each(['/demo/mcp', '/healthz', '/readyz', '/status', '/nothing'])('stands before %s for Host', async (path) => {
    const answer = await ask('GET', path, { headers: { Host: 'evil.example' } });
    expect(refusal(answer)).toEqual([403, 'HOST_REFUSED']);
  });

  it.each(['POST', 'GET', 'DELETE', 'OPTIONS', 'PUT'])('stands before %s for Origin', async (method) => {
    const answer = await ask(method, '/demo/mcp', { headers: { Origin: 'http://evil.example' } });
    expect(refusal(answer)).toEqual([403, 'ORIGIN_REFUSED']);
  });

  it('gives a refused origin no CORS header', async () => {
    const answer = await ask('OPTIONS', '/demo/mcp', { headers: { Origin: 'http://evil.example' } });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('refuses two Host headers', async () => {
    const answer = await raw(
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 40[03] /);
  });

  it('refuses a target with a host in it', async () => {
    const answer = await raw('GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('refuses HTTP/1.0 without Host', async () => {
    expect(await raw('GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('does not believe X-Forwarded-Host', async () => {
    const headers = { Host: 'evil.example', 'X-Forwarded-Host': 'localhost' };
    expect((await ask('GET', '/healthz', { headers })).status).toBe(403);
  });

  it('tells a client that is still sending why it was refused', async () => {
    const answer = await post(Buffer.alloc(8 * 1024 * 1024, 'x'), { Host: 'evil.example' });
    expect(refusal(answer)).toEqual([403, 'HOST_REFUSED']);
  });
});

describe('CORS', () => {
  it('lets a page repeat the arguments of a tool in headers', async () => {
    const wanted = 'content-type, mcp-param-region, Mcp-Param-Size, x-other, mcp-param-a b';
    const { headers } = await ask('OPTIONS', '/demo/mcp', {
      headers: { Origin: 'http://localhost:3000', 'Access-Control-Request-Headers': wanted },
    });
    const allowed = headers['access-control-allow-headers'] ?? '';
    expect(allowed.split(', ').filter((name) => /param|other/i.test(name))).toEqual([
      'mcp-param-region',
      'Mcp-Param-Size',
    ]);
  });

  it.each(['http://localhost:3000', 'https://app.example.com'])('lets a page of %s ask', async (origin) => {
    const answer = await ask('OPTIONS', '/demo/mcp', {
      headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
    });
    expect([answer.status, answer.text, answer.headers]).toMatchObject([
      204,
      '',
      {
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET, POST, DELETE',
        'access-control-allow-headers':
          'Content-Type, Accept, Authorization, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID, Mcp-Method, Mcp-Name',
        vary: 'Origin',
      },
    ]);
  });

  it('lets it read the session id', async () => {
    const answer = await post(initialize, { Origin: 'http://localhost:3000' });
    expect(answer.headers['access-control-expose-headers']).toMatch(/Mcp-Session-Id/);
  });

  it('lets it read a refusal', async () => {
    const answer = await post('{}', { Origin: 'http://localhost:3000' });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([400, 'http://localhost:3000']);
  });

  it('never allows every origin, nor credentials', async () => {
    const answer = await ask('OPTIONS', '/demo/mcp', { headers: { Origin: 'http://localhost:3000' } });
    expect([answer.headers['access-control-allow-origin'], answer.headers['access-control-allow-credentials']]).toEqual(
      ['http://localhost:3000', undefined],
    );
  });

  it('is silent without an origin', async () => {
    expect((await post(initialize)).headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('What is hardly HTTP', () => {
  it.each([
    ['garbage', 'hello\r\n\r\n'],
    ['TLS', Buffer.from('16030100', 'hex')],
    ['two lengths', 'POST /demo/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    [
      'a length and chunks',
      'POST /demo/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a length that is no number', 'POST /demo/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n'],
    ['a space before the colon', 'GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n'],
    ['a folded header', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n'],
    ['a NUL in a header', 'GET /healthz HTTP/1.1\r\nHost: local\0host\r\n\r\n'],
  ])('(%s) is 400 and closed', async (_what, bytes) => {
    const answer = await raw(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  });

  it('is told so in JSON-RPC', async () => {
    const [, body = ''] = (await raw('hello\r\n\r\n')).split('\r\n\r\n');
    expect(JSON.parse(body)).toMatchObject({
      jsonrpc: '2.0',
      id: null,
      error: { code: -32700, message: 'Malformed HTTP request', data: { gangway: { reason: 'BODY_MALFORMED' } } },
    });
  });

  it('with headers too large is 431 and closed', async () => {
    const answer = await raw(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('loses its connection also when it keeps its own end open', async () => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true }, () => socket.write('hello\r\n\r\n'));
    socket.resume();
    await new Promise((resolve) => socket.once('end', resolve));
    const isCut = await new Promise((resolve) => {
      // Writing to a connection that is closed on the other side is answered with a reset.
      const poke = setInterval(() => socket.write('x'), 20);
      const deadline = setTimeout(resolve, 1500, false);
      socket.once('error', () => {
        resolve(true);
      });
      socket.once('close', () => {
        clearInterval(poke);
        clearTimeout(deadline);
      });
    });
    socket.destroy();
    expect(isCut).toBe(true);
  });
});

describe('An overloaded bridge', () => {
  const request = '{"jsonrpc":"2.0","id":7,"method":"echo"}';

  it('refuses a session under the caller’s id, with Retry-After, and starts nothing', async () => {
    refused = 'sessions';
    const answer = await post(initialize);
    expect([refusal(answer), errorOf(answer).id, answer.headers['retry-after']]).toEqual([[503, 'OVERLOADED'], 1, '1']);
    expect(answer.headers['mcp-session-id']).toBeUndefined();
    expect(rig.engine.children).toHaveLength(0);
  });

  it('goes on with the sessions that it has', async () => {
    const id = await openSession();
    refused = 'sessions';
    const answer = await post(request, { 'Mcp-Session-Id': id });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      200,
      { jsonrpc: '2.0', id: 7, result: { line: request } },
    ]);
  });

  it.each([
    ['a request', request, 7],
    ['a batch with a request', '[{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":7,"method":"echo"}]', null],
  ])('refuses %s when that is not enough, and nothing of it reaches the server', async (_, body, id) => {
    const headers = { 'Mcp-Session-Id': await openSession() };
    refused = 'calls';
    const before = rig.engine.last.received.length;
    const answer = await post(body, headers);
    expect([refusal(answer), errorOf(answer).id, answer.headers['retry-after']]).toEqual([
      [503, 'OVERLOADED'],
      id,
      '1',
    ]);
    expect(rig.engine.last.received).toHaveLength(before);
  });

  it.each([
    ['a notification', '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}'],
    ['an answer', '{"jsonrpc":"2.0","id":3,"result":{}}'],
  ])('takes %s in any case: it may end something', async (_, body) => {
    const headers = { 'Mcp-Session-Id': await openSession() };
    refused = 'calls';
    expect((await post(body, headers)).status).toBe(202);
  });

  it('ends a session in any case', async () => {
    const headers = { 'Mcp-Session-Id': await openSession() };
    refused = 'calls';
    expect((await ask('DELETE', '/demo/mcp', { headers })).status).toBe(200);
  });

  it('stays alive and ready', async () => {
    refused = 'calls';
    const answers = await Promise.all(['/healthz', '/readyz', '/status'].map((path) => ask('GET', path)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('refuses a stream of 2024-11-05', async () => {
    refused = 'sessions';
    const answer = await ask('GET', '/demo/sse', { headers: { Accept: 'text/event-stream' } });
    expect(refusal(answer)).toEqual([503, 'OVERLOADED']);
  });
});

describe('While draining', () => {
  it('every answer closes its connection', async () => {
    isDraining = true;
    expect((await ask('GET', '/healthz')).headers.connection).toBe('close');
  });

  it('/readyz is 503', async () => {
    isDraining = true;
    const answer = await ask('GET', '/readyz');
    expect([answer.status, JSON.parse(answer.text)]).toEqual([503, { status: 'not ready', reason: 'draining' }]);
  });
});

describe('An event stream', () => {
  it('gets a comment every 15 s', async () => {
    const id = await openSession();
    const text = await getStream(
      id,
      () => void rig.clock.advance(15_000),
      (soFar) => soFar.endsWith(': keep-alive\n\n'),
    );
    expect(text).toBe('id: 1-0\nretry: 1000\ndata: \n\n: keep-alive\n\n');
  });

  it('goes on where its client was cut off', async () => {
    const id = await openSession();
    const change = (n: number): string =>
      `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"n":${n}}}`;
    await getStream(
      id,
      () => {
        for (const n of [1, 2, 3]) rig.engine.last.say(change(n));
      },
      (soFar) => soFar.includes('"n":3'),
    );
    const text = await getStream(
      id,
      () => undefined,
      (soFar) => soFar.includes('"n":3'),
      { lastEventId: '1-1' },
    );
    expect(text).toBe(
      'id: 1-1\nretry: 1000\ndata: \n\n' +
        `id: 1-2\nevent: message\ndata: ${change(2)}\n\nid: 1-3\nevent: message\ndata: ${change(3)}\n\n`,
    );
  });

  it('cannot go on from an event that was never sent', async () => {
    const headers = { Accept: 'text/event-stream', 'Mcp-Session-Id': await openSession(), 'Last-Event-ID': '7-7' };
    expect(refusal(await ask('GET', '/demo/mcp', { headers }))).toEqual([400, 'EVENT_UNKNOWN']);
  });

  it('of a message with line separators in it is one data line', async () => {
    const id = await openSession();
    const message =
      '{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"x":"\u2028\u0085 data: y\\n"}}';
    const text = await getStream(
      id,
      () => {
        rig.engine.last.say(message);
      },
      (soFar) => soFar.endsWith('}\n\n'),
    );
    expect(text).toBe(`id: 1-0\nretry: 1000\ndata: \n\nid: 1-1\nevent: message\ndata: ${message}\n\n`);
  });

  it('carries a message larger than any buffer whole', async () => {
    const id = await openSession();
    const big = JSON.stringify({
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { data: 'x'.repeat(900_000) },
    });
    rig.engine.habit = {};
    const answer = post('{"jsonrpc":"2.0","id":9,"method":"wait"}', { 'Mcp-Session-Id': id });
    while (rig.engine.last.received.length < 2) await new Promise((resolve) => setImmediate(resolve));
    rig.engine.last.say(big);
    rig.engine.last.say('{"jsonrpc":"2.0","id":9,"result":{}}');
    expect((await answer).text).toBe(
      `id: 1-0\nretry: 1000\ndata: \n\nid: 1-1\nevent: message\ndata: ${big}\n\nid: 1-2\nevent: message\ndata: {"jsonrpc":"2.0","id":9,"result":{}}\n\n`,
    );
  });
});
