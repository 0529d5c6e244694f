import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Router } from 'express';
import { BridgeError } from '../../src/base/errors.ts';
import type { ListenConfig } from '../../src/config/config.ts';
import { checkAdmin } from '../../src/http/admin-guard.ts';
import { createApp } from '../../src/http/app.ts';
import { Gate } from '../../src/http/gate.ts';
import { createListener } from '../../src/http/listener.ts';
import type { LogReader, ServerLog } from '../../src/http/log-stream.ts';
import { McpRoute } from '../../src/http/mcp-route.ts';
import { KeepAlive } from '../../src/http/sse.ts';
import { SessionRegistry } from '../../src/legacy/registry.ts';
import { ModernServers } from '../../src/modern/modern-servers.ts';
import { SessionIds } from '../../src/legacy/session-id.ts';
import { poolRig } from '../support/pool-rig.ts';
import { quietLog, type LogLine } from '../support/quiet-log.ts';
import { roomForAll } from '../support/room-for-all.ts';
import { until } from '../support/until.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Every route and the method that it has. */
const routes = [
  ['GET', '/admin/status'],
  ['POST', '/admin/recycle/demo'],
  ['POST', '/admin/drain'],
  ['GET', '/admin/logs/demo'],
  ['GET', '/admin/logs/demo?follow=1'],
] as const;
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
/** Ways of writing a path that a router may take for the same. */
const spellings = ['/admin', '/admin/', '/admin/nothing', '/ADMIN/status', '/admin/status/', '/admin//status'];
const everywhere = [...new Set([...routes.map(([, path]) => path), ...spellings])];

const json = { 'Content-Type': 'application/json' };

let server: Server;
let remote: string | undefined;
let done: string[];
let lines: LogLine[];
let readers: LogReader[];
let isFull: boolean;

const log: ServerLog = {
  tails: (count) => [{ container: 'gangway-demo-1', state: 'running', lines: [`the last ${count}`] }],
  follow: (count, reader) => {
    if (isFull) throw new BridgeError('SESSION_LIMIT', 'Cannot follow the log: 10 do already');
    readers.push(reader);
    if (count > 0) reader.onLine('gangway-demo-1', `the last ${count}`);
    return () => done.push('gone');
  },
};

beforeEach(async () => {
  const rig = poolRig();
  const quiet = quietLog();
  lines = quiet.lines;
  [done, readers, remote, isFull] = [[], [], undefined, false];
  const listen: ListenConfig = {
    ...{ host: '127.0.0.1', port: 0, insecureNoAuth: false, allowedHosts: ['mcp.example.com'] },
    ...{ allowedOrigins: ['https://app.example.com'], maxBodyBytes: 1024, sse: false },
  };
  const named = (name: string): void => {
    if (name !== 'demo') throw new BridgeError('SERVER_UNKNOWN', `Unknown server "${name}", wanted one of demo`);
  };
  const admin = {
    status: () => ({ hello: 'operator' }),
    recycle: (name: string) => {
      named(name);
      done.push(`recycle ${name}`);
    },
    drain: () => {
      done.push('drain');
    },
    log: (name: string) => {
      named(name);
      return log;
    },
  };
  const sessions = new SessionRegistry(new SessionIds('test'), 100, rig.clock, quiet.log);
  const keepAlive = new KeepAlive(rig.clock);
  const mcp = new McpRoute({
    servers: new Map(),
    sessions,
    modern: new ModernServers({ clock: rig.clock, maxRounds: () => 10 }),
    keepAlive,
    admission: roomForAll,
    maxBodyBytes: 1024,
    log: quiet.log,
  });
  const app = createApp({ notReady: () => undefined, status: () => ({}) }, admin, Router(), quiet.log);
  server = createListener(new Gate(listen), { mcp, sse: undefined, app }, () => false);
  server.on('connection', (socket) => {
    if (remote !== undefined) Object.defineProperty(socket, 'remoteAddress', { value: remote });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  sessions.closeAll('draining');
  keepAlive.stop();
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function open(method: string, path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, resolve);
    request.once('error', reject).end();
  });
}

async function ask(method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await open(method, path, headers);
  answer.setEncoding('utf8');
  let text = '';
  for await (const part of answer) text += String(part);
  return { status: answer.statusCode ?? 0, headers: answer.headers, text };
}

/** The status, and the reason in the body; a HEAD has no body. */
function refusal({ status, text }: Answer): readonly [number, string] {
  if (text === '') return [status, ''];
  const { error } = JSON.parse(text) as { error?: { data: { gangway: { reason: string } } } };
  return [status, error?.data.gangway.reason ?? ''];
}

const outsiders: readonly (readonly [string, string | undefined, Record<string, string>])[] = [
  ['another machine', '192.0.2.7', {}],
  ['another machine over IPv6', '2001:db8::7', {}],
  ['another machine on a socket for both', '::ffff:192.0.2.7', {}],
  ['the engine’s network', '172.17.0.1', {}],
  ['a proxy: Forwarded', undefined, { Forwarded: 'for=192.0.2.7' }],
  ['a proxy: X-Forwarded-For', undefined, { 'X-Forwarded-For': '127.0.0.1' }],
  ['a proxy: X-Forwarded-Proto', undefined, { 'x-forwarded-proto': 'https' }],
  ['a proxy: X-Forwarded-Host', undefined, { 'X-FORWARDED-HOST': 'mcp.example.com' }],
  ['a proxy: Via', undefined, { Via: '1.1 proxy' }],
  ['a proxy: X-Real-IP', undefined, { 'X-Real-IP': '192.0.2.7' }],
  ['a proxy: an empty header', undefined, { 'X-Forwarded-For': '' }],
  ['a proxy: CF-Connecting-IP', undefined, { 'CF-Connecting-IP': '192.0.2.7' }],
  ['a proxy: True-Client-IP', undefined, { 'True-Client-IP': '192.0.2.7' }],
  ['a page of this machine', undefined, { Origin: 'http://localhost:3000' }],
  ['a page of an allowed origin', undefined, { Origin: 'https://app.example.com' }],
  ['a page elsewhere that sends no origin', undefined, { 'Sec-Fetch-Site': 'cross-site' }],
  ['a page on another port', undefined, { 'Sec-Fetch-Site': 'same-site' }],
];

describe('/admin, asked by somebody who may not', () => {
  it.each(outsiders)('refuses %s on every path and method', async (_who, address, headers) => {
    remote = address;
    for (const path of everywhere) {
      for (const method of methods) {
        const answer = await ask(method, path, { ...json, ...headers });
        expect([method, path, answer.status]).toEqual([method, path, 403]);
        if (method !== 'HEAD') expect(refusal(answer)).toEqual([403, 'ADMIN_REFUSED']);
      }
    }
    expect([done, readers]).toEqual([[], []]);
  });

  it.each([
    [undefined],
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['multipart/form-data; boundary=x'],
    ['application/json; charset=utf-8'],
    ['application/json, text/plain'],
    ['text/plain; application/json'],
    ['APPLICATION/JSON'],
    ['application/json;'],
    ['application/jsonp'],
  ])('refuses a POST whose content type is %s', async (type) => {
    for (const path of everywhere) {
      const answer = await ask('POST', path, type === undefined ? {} : { 'Content-Type': type });
      expect(refusal(answer)).toEqual([403, 'ADMIN_REFUSED']);
    }
    expect(done).toEqual([]);
  });

  it('refuses before it when the gate does', async () => {
    const foreign = await ask('POST', '/admin/drain', { ...json, Host: 'evil.example' });
    const page = await ask('POST', '/admin/drain', { ...json, Origin: 'https://evil.example' });
    expect([refusal(foreign), refusal(page)]).toEqual([
      [403, 'HOST_REFUSED'],
      [403, 'ORIGIN_REFUSED'],
    ]);
    expect(done).toEqual([]);
  });

  it('says why', async () => {
    const { text } = await ask('POST', '/admin/drain', { ...json, Via: '1.1 proxy' });
    expect(text).toContain('Cannot operate Gangway by this request: it came through a proxy (via), wanted a direct');
  });

  it('is an everyday thing: nothing in the log', async () => {
    await ask('POST', '/admin/drain');
    await ask('POST', '/admin/recycle/nobody', json);
    expect(lines).toEqual([]);
  });
});

describe('checkAdmin()', () => {
  const request = (address: string | undefined, httpVersion = '1.1'): IncomingMessage =>
    ({ socket: { remoteAddress: address }, headers: {}, method: 'GET', httpVersion }) as unknown as IncomingMessage;
  const isRefused = (incoming: IncomingMessage): boolean => {
    try {
      checkAdmin(incoming);
      return false;
    } catch (error) {
      if (error instanceof BridgeError && error.code === 'ADMIN_REFUSED') return true;
      throw error;
    }
  };

  it.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1'])('lets %s in', (address) => {
    expect(isRefused(request(address))).toBe(false);
  });

  it.each([undefined, '', '0.0.0.0', '::', '10.0.2.2', '127.evil', '::ffff:10.0.0.1', 'fe80::1', '::127.0.0.1'])(
    'refuses %s',
    (address) => {
      expect(isRefused(request(address))).toBe(true);
    },
  );

  it('takes HTTP/1.0 for a proxy, which adds no header unless it is told to', () => {
    expect(isRefused(request('127.0.0.1', '1.0'))).toBe(true);
  });
});

describe('/admin, asked by an operator', () => {
  it('GET status answers what the service says', async () => {
    const { status, text } = await ask('GET', '/admin/status');
    expect([status, JSON.parse(text)]).toEqual([200, { hello: 'operator' }]);
  });

  it('POST recycle/NAME answers 202 and recycles', async () => {
    const { status, text } = await ask('POST', '/admin/recycle/demo', json);
    expect([status, JSON.parse(text), done]).toEqual([202, { server: 'demo', recycling: true }, ['recycle demo']]);
  });

  it('POST drain answers 202 and drains', async () => {
    const { status, text } = await ask('POST', '/admin/drain', json);
    expect([status, JSON.parse(text), done]).toEqual([202, { draining: true }, ['drain']]);
  });

  it('GET logs/NAME answers the tails', async () => {
    const { status, text } = await ask('GET', '/admin/logs/demo?lines=7');
    const containers = [{ container: 'gangway-demo-1', state: 'running', lines: ['the last 7'] }];
    expect([status, JSON.parse(text)]).toEqual([200, { server: 'demo', containers }]);
  });

  it.each([
    ['', 50],
    ['?lines=0', 0],
    ['?lines=1000', 1000],
    ['?lines=1001', 1000],
    ['?lines=-1', 50],
    ['?lines=1e3', 50],
    ['?lines=many', 50],
    ['?lines=', 50],
  ])('GET logs/NAME%s is for %i lines', async (query, count) => {
    expect((await ask('GET', `/admin/logs/demo${query}`)).text).toContain(`"the last ${count}"`);
  });

  it.each(routes)('%s %s answers 405 to every other method, with Allow', async (allowed, path) => {
    const served = path === '/admin/status' ? ['GET', 'HEAD'] : [allowed];
    for (const method of methods.filter((name) => !served.includes(name))) {
      const { status, headers } = await ask(method, path, json);
      expect([method, status, headers.allow]).toEqual([method, 405, served.join(', ')]);
    }
    expect([done, readers]).toEqual([[], []]);
  });

  it.each([
    ['POST', '/admin/recycle/nobody'],
    ['GET', '/admin/logs/nobody'],
    ['GET', '/admin/logs/nobody?follow=1'],
    ['POST', '/admin/recycle/__proto__'],
  ])('%s %s is 404 SERVER_UNKNOWN and names those that there are', async (method, path) => {
    const answer = await ask(method, path, json);
    expect(refusal(answer)).toEqual([404, 'SERVER_UNKNOWN']);
    expect(answer.text).toContain('wanted one of demo');
  });

  it.each(['/admin', '/admin/', '/admin/nothing', '/admin/logs', '/admin/logs/', '/admin/logs/%', '/admin/logs/a/b'])(
    'GET %s is 404 PATH_UNKNOWN',
    async (path) => {
      expect(refusal(await ask('GET', path))).toEqual([404, 'PATH_UNKNOWN']);
    },
  );
});

describe('GET /admin/logs/NAME?follow=1', () => {
  interface Followed {
    readonly answer: IncomingMessage;
    readonly text: () => string;
    readonly ended: Promise<unknown>;
  }

  async function follow(query = '&lines=0'): Promise<Followed> {
    const answer = await open('GET', `/admin/logs/demo?follow=1${query}`);
    let text = '';
    answer.setEncoding('utf8').on('data', (part: string) => (text += part));
    answer.on('error', () => undefined);
    return { answer, text: () => text, ended: new Promise((resolve) => answer.once('close', resolve)) };
  }

  it('is plain text, and there at once though nothing was written', async () => {
    const { answer } = await follow();
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'transfer-encoding': 'chunked',
    });
  });

  it('has each line as it comes, with the name of its container', async () => {
    const { text } = await follow('&lines=3');
    readers[0]!.onLine('gangway-demo-1', 'hello');
    readers[0]!.onNote('gangway-demo-1', 'ended with exit code 3');
    const wanted = 'gangway-demo-1 | the last 3\ngangway-demo-1 | hello\ngangway-demo-1 * ended with exit code 3\n';
    await until('both', () => text() === wanted);
  });

  it('ends when nothing more comes', async () => {
    const { text, ended } = await follow();
    readers[0]!.onLine('gangway-demo-1', 'hello');
    readers[0]!.onEnd();
    await ended;
    expect(text()).toBe('gangway-demo-1 | hello\n');
  });

  it('stops to read when its client has gone', async () => {
    const { answer } = await follow();
    answer.destroy();
    await until('the end of it', () => done.includes('gone'));
  });

  it('keeps little for a client that does not read, and says what it left out', async () => {
    const { answer, text, ended } = await follow();
    answer.pause();
    const line = 'x'.repeat(8000);
    // More than all buffers in between hold.
    for (let i = 0; i < 4000; i++) {
      readers[0]!.onLine('gangway-demo-1', line);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    answer.resume();
    readers[0]!.onEnd();
    await ended;
    const leftOut = [...text().matchAll(/^gangway \* (\d+) lines left out/gm)].map(([, count]) => Number(count));
    const given = [...text().matchAll(/^gangway-demo-1 \| x{8000}$/gm)].length;
    expect(leftOut.length).toBeGreaterThan(0);
    expect(leftOut.reduce((sum, count) => sum + count, given)).toBe(4000);
  });

  it('is 503 SESSION_LIMIT when too many follow', async () => {
    isFull = true;
    expect(refusal(await ask('GET', '/admin/logs/demo?follow=1'))).toEqual([503, 'SESSION_LIMIT']);
  });
});
