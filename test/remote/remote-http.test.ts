import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { answer, FakeRemote, initializeText, remoteRig, status, wellBehaved } from '../support/remote-rig.ts';
import { until } from '../support/until.ts';

const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of disposables.splice(0)) await one[Symbol.asyncDispose]();
});

async function start(...args: Parameters<typeof FakeRemote.start>): Promise<FakeRemote> {
  const remote = await FakeRemote.start(...args);
  disposables.push(remote);
  return remote;
}

/** Listens on this machine. @returns the port */
async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  disposables.push({
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  });
  return (server.address() as AddressInfo).port;
}

/** What `initialize` gets. */
async function failureAt(url: string): Promise<{ code: string; wasSent: boolean; data: unknown; message: string }> {
  const client = await remoteRig(url).join();
  client.say(initializeText);
  const { code, wasSent, error } = await client.receiver.failureOf(0);
  await client.lease.release('start-failed');
  return { code, wasSent, data: error.data, message: error.message };
}

describe('RemoteHttp.send(), a switch to another protocol', () => {
  it('is an answer that is no answer, and the connection ends', async () => {
    const port = await listen(
      createServer((socket) => {
        socket.on('error', () => undefined);
        socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
      }),
    );
    expect(await failureAt(`http://127.0.0.1:${port}/mcp`)).toMatchObject({
      ...{ code: 'UPSTREAM_GARBLED', wasSent: true, data: { status: 101 } },
      message: 'Cannot relay the remote server’s answer: it switches to another protocol (HTTP 101)',
    });
  });
});

describe('RemoteHttp.send(), redirects', () => {
  it.each([301, 302, 307, 308])('follows %i to the same server, with body and headers', async (code) => {
    const remote = await start();
    remote.behave((seen, response, request) => {
      if (seen.url === '/mcp') status(code, '', { Location: '/mcp/' })(seen, response, request);
      else wellBehaved({ call: answer })(seen, response, request);
    });
    const rig = remoteRig(remote.url, { headers: [{ name: 'X-Key', value: 'k', secret: false }] });
    const client = await rig.join();
    client.say(initializeText);
    await client.receiver.answerTo(0);
    const second = remote.seen[1];
    expect([second?.method, second?.url, second?.body, second?.headers['x-key']]).toEqual(['POST', '/mcp/', initializeText, 'k']); // prettier-ignore
    await client.lease.release('session-ended');
  });

  it('does not follow one to another place, which sees nothing', async () => {
    const other = await start();
    const remote = await start(status(307, '', { Location: other.url }));
    const { code, message } = await failureAt(remote.url);
    expect([code, other.seen.length, message.includes(other.url)]).toEqual(['REMOTE_REFUSED', 0, false]);
  });

  it('does not follow one that makes another request of it', async () => {
    const remote = await start(status(303, '', { Location: '/other' }));
    expect([(await failureAt(remote.url)).code, remote.seen.length]).toEqual(['REMOTE_REFUSED', 1]);
  });

  it('does not follow them for ever', async () => {
    const remote = await start(status(307, '', { Location: '/mcp' }));
    expect([(await failureAt(remote.url)).code, remote.seen.length]).toEqual(['REMOTE_REFUSED', 4]);
  });

  it.each(['', 'http://[', 'javascript:alert(1)'])('refuses one to "%s"', async (location) => {
    const remote = await start(status(302, '', location === '' ? {} : { Location: location }));
    expect((await failureAt(remote.url)).code).toMatch(/^(UPSTREAM_GARBLED|REMOTE_REFUSED)$/);
  });
});

describe('RemoteHttp.send(), headers', () => {
  it('sends those of the configuration with every request, but none that the protocol needs', async () => {
    const remote = await start();
    const headers = [
      { name: 'Authorization', value: 'Bearer x', secret: true },
      { name: 'Accept', value: 'text/html', secret: false },
      { name: 'USER-AGENT', value: 'me', secret: false },
    ];
    const client = await remoteRig(remote.url, { headers }).open();
    await remote.stream();
    await client.lease.release('session-ended');
    for (const seen of remote.seen)
      expect(seen.headers).toMatchObject({ authorization: 'Bearer x', 'user-agent': 'me' });
    expect(remote.of('initialize')[0]?.headers.accept).toBe('application/json, text/event-stream');
    expect(remote.of('DELETE').length).toBe(1);
  });
});

describe('RemoteHttp.send(), connections', () => {
  it('gives a server up that does not take the connection in time', async () => {
    // TCP takes it, TLS never answers.
    const port = await listen(createServer(() => undefined));
    const rig = remoteRig(`https://127.0.0.1:${port}/mcp`);
    const client = await rig.join();
    client.say(initializeText);
    await until('the failure', async () => {
      await rig.clock.advance(1000);
      return client.receiver.failed.length > 0;
    });
    const { code, wasSent, error } = await client.receiver.failureOf(0);
    await client.lease.release('start-failed');
    expect([code, wasSent, error.data]).toEqual(['REMOTE_UNREACHABLE', false, { fault: 'ETIMEDOUT' }]);
    expect(rig.clock.now()).toBeGreaterThanOrEqual(10_000);
  });

  it('does not accept a certificate that nobody known has signed', async () => {
    const read = (file: string): Buffer => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url));
    let requests = 0;
    const server = createTlsServer({ key: read('localhost.key'), cert: read('localhost.crt') }, (_, response) => {
      requests += 1;
      response.end();
    });
    const port = await listen(server);
    const failure = await failureAt(`https://127.0.0.1:${port}/mcp`);
    expect([failure.code, failure.wasSent, requests]).toEqual(['REMOTE_UNREACHABLE', false, 0]);
    expect(failure.message).toContain('its certificate is not accepted');
  });

  it('does not take plain HTTP for TLS', async () => {
    const remote = await start();
    const { code } = await failureAt(remote.url.replace('http:', 'https:'));
    expect([code, remote.seen.length]).toEqual(['REMOTE_UNREACHABLE', 0]);
  });

  it('says of a name that nobody knows no more than that', async () => {
    const { code, message } = await failureAt('http://nobody.invalid/mcp');
    expect([code, message.includes('nobody.invalid')]).toEqual(['REMOTE_UNREACHABLE', false]);
  });

  it('uses a connection again', async () => {
    const remote = await start(wellBehaved({ get: status(405) }));
    const ports = new Set<number | undefined>();
    const behave = wellBehaved({ get: status(405) });
    remote.behave((seen, response, request) => {
      ports.add(request.socket.remotePort);
      behave(seen, response, request);
    });
    const client = await remoteRig(remote.url).open();
    for (let id = 1; id <= 20; id++) {
      client.ask(id);
      await client.receiver.answerTo(id);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.lease.release('session-ended');
    expect(ports.size).toBeLessThan(5);
  });
});
