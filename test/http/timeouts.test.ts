import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Router } from 'express';
import { createApp } from '../../src/http/app.ts';
import { Gate } from '../../src/http/gate.ts';
import { createListener } from '../../src/http/listener.ts';
import { McpRoute } from '../../src/http/mcp-route.ts';
import { HttpConnection, KeepAlive } from '../../src/http/sse.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { SessionRegistry } from '../../src/legacy/registry.ts';
import { ModernServers } from '../../src/modern/modern-servers.ts';
import { SessionIds } from '../../src/legacy/session-id.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { noAdmin } from '../support/no-admin.ts';
import { poolRig } from '../support/pool-rig.ts';
import { quietLog } from '../support/quiet-log.ts';
import { roomForAll } from '../support/room-for-all.ts';

let server: Server;
const keepAlive = new KeepAlive(new ManualClock());

afterEach(() => {
  jest.useRealTimers();
  server.closeAllConnections();
  server.close();
});

async function dial(): Promise<Socket> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
}

describe('A request whose body comes a byte at a time', () => {
  const rig = poolRig();
  const { log } = quietLog();
  const sessions = new SessionRegistry(new SessionIds('test'), 100, rig.clock, log);
  const modern = new ModernServers({ clock: rig.clock, maxRounds: () => 10 });
  const servers = new Map([['demo', rig.served]]);
  const route = new McpRoute({ servers, sessions, modern, keepAlive, admission: roomForAll, maxBodyBytes: 1024, log });
  const app = createApp({ notReady: () => undefined, status: () => ({}) }, noAdmin, Router(), log);
  const listen = {
    ...{ host: '127.0.0.1', port: 0, insecureNoAuth: false, allowedHosts: [], allowedOrigins: [] },
    ...{ maxBodyBytes: 1024, sse: false },
  };
  const make = (): Server => createListener(new Gate(listen), { mcp: route, sse: undefined, app }, () => false);

  it('has 30 s, and 10 s of them for its headers', () => {
    server = make();
    expect([server.requestTimeout, server.headersTimeout]).toEqual([30_000, 10_000]);
  });

  it('is 408 and closed when its time is over, and nothing was started for it', async () => {
    server = make();
    server.headersTimeout = 100;
    server.requestTimeout = 200;
    const socket = await dial();
    const trickle = setInterval(() => socket.write(' '), 50);
    socket.write('POST /demo/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n');
    socket.write('Accept: */*\r\nContent-Length: 1000\r\n\r\n');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('error', () => undefined);
    await once(socket, 'close');
    clearInterval(trickle);
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n[^]*"reason":"BODY_TOO_SLOW"/);
    expect([rig.engine.children.length, sessions.size]).toEqual([0, 0]);
  });
});

describe('A client that never reads its last answer', () => {
  /** Answers the next request, and gives the connection when that is done. */
  async function answered(answer: (connection: HttpConnection) => void): Promise<{ closed: Promise<unknown> }> {
    server = createServer();
    const socket = await dial();
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const response = await new Promise<ServerResponse>((resolve) => {
      server.once('request', (_request, its) => {
        resolve(its);
      });
    });
    // Only what is begun from here on stands still until it is moved; the network goes on.
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'hrtime', 'Date'] });
    const closed = once(response, 'close');
    answer(new HttpConnection(response, keepAlive, 'session'));
    return { closed };
  }

  const big = Bytes.of(Buffer.alloc(30 * 1024 * 1024, 'x'));

  it('as JSON is cut off after a minute', async () => {
    const { closed } = await answered((connection) => connection.json(big));
    jest.advanceTimersByTime(59_999);
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(1);
    await closed;
  });

  it('on a stream that has ended is cut off after a minute', async () => {
    const { closed } = await answered((connection) => {
      connection.event(big, '1-1');
      connection.end();
    });
    jest.advanceTimersByTime(60_000);
    await closed;
  });

  it('but did read it costs no timer any more', async () => {
    const { closed } = await answered((connection) => connection.json(Bytes.from('{}')));
    await closed;
    expect(jest.getTimerCount()).toBe(0);
  });
});
