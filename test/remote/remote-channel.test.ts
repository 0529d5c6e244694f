import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { settle } from '../support/manual-clock.ts';
import {
  accept,
  answer,
  event,
  FakeRemote,
  initializeText,
  openStream,
  remoteRig,
  sayJson,
  status,
  wellBehaved,
  type Behaviour,
  type Manners,
  type RemoteClient,
  type RemoteRig,
} from '../support/remote-rig.ts';
import { until } from '../support/until.ts';

let remote: FakeRemote;
let rig: RemoteRig;

beforeEach(async () => {
  remote = await FakeRemote.start();
  rig = remoteRig(remote.url);
});

afterEach(async () => {
  await remote[Symbol.asyncDispose]();
});

/** A session whose calls get this. */
function opened(call: Behaviour, rest: Omit<Manners, 'call'> = {}): Promise<RemoteClient> {
  remote.behave(wellBehaved({ ...rest, call }));
  return rig.open();
}

/** Moves time on until something has come about. */
async function advanceUntil(what: string, hasCome: () => boolean): Promise<void> {
  await until(what, async () => {
    await rig.clock.advance(200);
    return hasCome();
  });
}

/** An event stream with this in it, which stays open. */
function streamOf(...chunks: readonly string[]): Behaviour {
  return (seen, response) => {
    openStream(seen, response);
    for (const chunk of chunks) response.write(chunk);
  };
}

/** An event stream with this in it, which ends. */
function endingStream(...chunks: readonly string[]): Behaviour {
  return (seen, response, request) => {
    streamOf(...chunks)(seen, response, request);
    response.end();
  };
}

const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } };
const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
const response = (id: number, result: unknown = {}): object => ({ jsonrpc: '2.0', id, result });

describe('RemoteChannel.send()', () => {
  it('hands the client’s initialize on byte for byte, and gives the answer as it came', async () => {
    await rig.open();
    expect(remote.of('initialize').map(({ body }) => body)).toEqual([initializeText]);
  });

  it('sends the session’s id and revision with every message after initialize, and neither with it', async () => {
    const client = await rig.open();
    client.ask(1);
    await client.receiver.answerTo(1);
    const headersOf = (method: string): unknown[] => {
      const { headers } = remote.of(method)[0]!;
      return [headers['mcp-session-id'], headers['mcp-protocol-version'], headers.accept];
    };
    const both = 'application/json, text/event-stream';
    expect(headersOf('initialize')).toEqual([undefined, undefined, both]);
    expect(headersOf('tools/call')).toEqual(['session-1', '2025-11-25', both]);
    expect(headersOf('notifications/initialized')).toEqual(['session-1', '2025-11-25', both]);
    await remote.stream();
    expect(headersOf('GET')).toEqual(['session-1', '2025-11-25', 'text/event-stream']);
  });

  it('sends a notification before what comes after it', async () => {
    remote.behave(wellBehaved({ tell: (seen, response_) => void setImmediate(accept, seen, response_) }));
    const client = await rig.open();
    client.ask(1, 'tools/list');
    await client.receiver.answerTo(1);
    const methods = remote.seen.filter(({ method }) => method === 'POST').map(({ json }) => json?.method);
    expect(methods).toEqual(['initialize', 'notifications/initialized', 'tools/list']);
  });

  it('does not wait for ever for a notification to be accepted', async () => {
    const client = await opened(answer, { tell: () => undefined });
    client.ask(1);
    await remote.waitFor('notifications/initialized');
    await advanceUntil('the call', () => remote.of('tools/call').length > 0);
    expect(await client.receiver.answerTo(1)).toBe('{"jsonrpc":"2.0","id":1,"result":{}}');
    expect(rig.server.describe().remote.lastError).toContain('did not accept a notification');
  });

  it('hands the client’s answers on', async () => {
    const client = await rig.open();
    client.say('{"jsonrpc":"2.0","id":"question-1","result":{"model":"m"}}');
    await until('the answer', () => remote.seen.some(({ json }) => json?.id === 'question-1'));
    expect(remote.seen.find(({ json }) => json?.id === 'question-1')?.json?.result).toEqual({ model: 'm' });
  });

  it('tells the server of a cancelled request, and then leaves its stream', async () => {
    const happened: string[] = [];
    const client = await opened(
      (_, response_) => {
        response_.once('close', () => happened.push('left'));
        openStream(_, response_);
      },
      {
        tell: (seen, response_) => {
          if (seen.json?.method === 'notifications/cancelled') happened.push('told');
          accept(seen, response_);
        },
      },
    );
    client.ask(1);
    await remote.waitFor('tools/call');
    client.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    await until('the end of the stream', () => happened.includes('left'));
    expect([happened, client.receiver.failed]).toEqual([['told', 'left'], []]);
  });

  it('is busy while much has not left, and not any more when it has', async () => {
    const client = await opened((seen, response_, request) => {
      request.resume();
      answer(seen, response_);
    });
    const before = client.channel.isBusy;
    const padding = 'x'.repeat(9 * 1024 ** 2);
    client.say({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { padding } });
    const during = client.channel.isBusy;
    await client.receiver.answerTo(1);
    expect([before, during, client.channel.isBusy]).toEqual([false, true, false]);
  });
});

describe('RemoteChannel, answers', () => {
  it('passes a JSON answer as the bytes that came', async () => {
    const text = '{"result" : {"n":1.0e0,"t":"\\u00e9 ä"}, "id":1, "jsonrpc":"2.0"}';
    const client = await opened((_, response_) => {
      sayJson(response_, text);
    });
    client.ask(1);
    expect(await client.receiver.answerTo(1)).toBe(text);
  });

  it('puts a JSON answer with line breaks on one line, and changes nothing else', async () => {
    const client = await opened((_, response_) => {
      sayJson(response_, JSON.stringify(response(1, { a: [1] }), undefined, 1));
    });
    client.ask(1);
    expect(await client.receiver.answerTo(1)).toBe(
      JSON.stringify(response(1, { a: [1] }), undefined, 1).replaceAll('\n', ' '),
    );
  });

  it('gives what comes before the answer with the request that it came about through', async () => {
    const log = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } };
    const client = await opened(endingStream(event(progress), event(log), event(response(1))));
    client.ask(1);
    await client.receiver.answerTo(1);
    const seen = client.receiver.messages.slice(1).map(({ text, cause }) => [JSON.parse(text) as unknown, cause]);
    expect(seen).toEqual([[progress, 1], [log, 1], [response(1), 1]]); // prettier-ignore
  });

  it('takes the answers out of an array', async () => {
    const client = await opened((_, response_) => {
      sayJson(response_, [progress, response(1)]);
    });
    client.ask(1);
    expect(JSON.parse(await client.receiver.answerTo(1))).toEqual(response(1));
  });

  it('keeps a large answer whole, in whatever pieces it comes', async () => {
    const result = createHash('sha512').update('x').digest('hex').repeat(5000);
    const client = await opened((seen, response_) => {
      openStream(seen, response_);
      const text = event(response(1, result));
      for (let at = 0; at < text.length; at += 7001) response_.write(text.slice(at, at + 7001));
      response_.end();
    });
    client.ask(1);
    expect(await client.receiver.answerTo(1)).toBe(JSON.stringify(response(1, result)));
  });

  it('leaves a stream that its server does not end after the answer', async () => {
    let isClosed = false;
    const client = await opened((seen, response_, request) => {
      response_.once('close', () => {
        isClosed = true;
      });
      streamOf(event(response(1)))(seen, response_, request);
    });
    client.ask(1);
    await client.receiver.answerTo(1);
    await advanceUntil('the end of the stream', () => isClosed);
    expect(client.receiver.failed).toEqual([]);
  });

  it('reads no further while the client is behind', async () => {
    let sent = 0;
    const client = await opened((seen, response_) => {
      openStream(seen, response_);
      const chunk = event({ ...progress, padding: 'x'.repeat(60_000) });
      const more = (): void => {
        if (response_.destroyed || sent >= 2000) return;
        sent += 1;
        if (response_.write(chunk)) setImmediate(more);
        else response_.once('drain', more);
      };
      more();
    });
    client.channel.pause();
    client.ask(1);
    await until('the server to be held up', async () => {
      const before = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return sent > 0 && sent === before;
    });
    const [sentThen, gotThen] = [sent, client.receiver.messages.length];
    client.channel.resume();
    await until('more', () => client.receiver.messages.length > gotThen + 50);
    expect([sentThen < 1000, gotThen < 100]).toEqual([true, true]);
  });
});

describe('RemoteChannel, answers that are none', () => {
  it.each<[string, string, boolean, Behaviour]>([
    ['401', 'REMOTE_UNAUTHORIZED', true, status(401)],
    ['403', 'REMOTE_UNAUTHORIZED', true, status(403)],
    ['400', 'REMOTE_REFUSED', true, status(400)],
    ['429', 'REMOTE_FAILED', true, status(429)],
    ['500', 'REMOTE_FAILED', true, status(500)],
    ['503', 'REMOTE_FAILED', true, status(503)],
    ['202', 'UPSTREAM_GARBLED', true, status(202)],
    ['an HTML page', 'UPSTREAM_GARBLED', true, status(200, '<html>', { 'Content-Type': 'text/html; charset=utf-8' })],
    ['no content type', 'UPSTREAM_GARBLED', true, status(200, '{}')],
    ['no JSON', 'UPSTREAM_GARBLED', true, status(200, '{"jsonrpc":', { 'Content-Type': 'application/json' })],
    ['nothing', 'UPSTREAM_GARBLED', true, status(200, '', { 'Content-Type': 'application/json' })],
    ['another answer', 'UPSTREAM_GARBLED', true, status(200, JSON.stringify(response(99)), { 'Content-Type': 'application/json' })], // prettier-ignore
    ['gzip', 'UPSTREAM_GARBLED', true, status(200, '{}', { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' })], // prettier-ignore
    ['a stream without an answer', 'REMOTE_UNREACHABLE', true, endingStream(event(progress))],
    ['a declared length beyond maxLineBytes', 'UPSTREAM_GARBLED', true, status(200, 'x'.repeat(1024 ** 2 + 1), { 'Content-Type': 'application/json' })], // prettier-ignore
    ['an event beyond maxLineBytes', 'UPSTREAM_GARBLED', true, streamOf(`data: ${'x'.repeat(1024 ** 2 + 1)}`)],
    ['a cut connection', 'REMOTE_UNREACHABLE', true, (_, { socket }) => socket?.destroy()],
    ['no HTTP', 'UPSTREAM_GARBLED', true, (_, { socket }) => socket?.end('SSH-2.0-OpenSSH_9.6\r\n')],
  ])('%s is %s', async (_, code, wasSent, behaviour) => {
    const client = await opened(behaviour);
    client.ask(1);
    const failure = await client.receiver.failureOf(1);
    expect([failure.code, failure.wasSent]).toEqual([code, wasSent]);
  });

  it('leave the session and its other calls alone', async () => {
    const client = await opened((seen, response_, request) => {
      if (seen.json?.id === 1) status(500)(seen, response_, request);
      else answer(seen, response_);
    });
    client.ask(1);
    client.ask(2);
    await client.receiver.failureOf(1);
    await client.receiver.answerTo(2);
    expect(client.receiver.ends).toBe(0);
  });

  it('end a flood at maxLineBytes, however long it would go on', async () => {
    let sent = 0;
    const client = await opened((_, response_) => {
      response_.writeHead(200, { 'Content-Type': 'application/json' });
      const more = (): void => {
        if (response_.destroyed || sent >= 100 * 1024 ** 2) return;
        sent += 65_536;
        if (response_.write(Buffer.alloc(65_536, 32))) setImmediate(more);
        else response_.once('drain', more);
      };
      more();
    });
    client.ask(1);
    const { code } = await client.receiver.failureOf(1);
    expect([code, sent < 50 * 1024 ** 2]).toEqual(['UPSTREAM_GARBLED', true]);
  });

  it('are told as garbled when they are to a request, but no message', async () => {
    const client = await opened(endingStream('data: {"jsonrpc":"2.0","id":1,"result":{},"error":{}}\n\n'));
    client.ask(1);
    await until('it', () => client.receiver.garbled.length > 0);
    expect([client.receiver.garbled, client.channel.noiseLines]).toEqual([[1], 1]);
  });

  it('carry what the server says, how long to wait, and no secret', async () => {
    const secret = 'sk-0123456789abcdef';
    rig = remoteRig(remote.url, {
      headers: [{ name: 'Authorization', value: `Bearer ${secret}`, secret: true }],
    });
    const client = await opened(
      status(429, JSON.stringify({ error: { message: `too much for ${secret}\u001b[2J` } }), {
        'Content-Type': 'application/json',
        'Retry-After': '7',
      }),
    );
    client.ask(1);
    const { error } = await client.receiver.failureOf(1);
    expect(error.data).toEqual({ status: 429, retryAfterMs: 7000, remoteSays: 'too much for [redacted]' });
    expect(JSON.stringify([rig.lines, rig.server.describe(), client.channel.describeExit()])).not.toContain(secret);
    expect(remote.of('tools/call')[0]?.headers.authorization).toBe(`Bearer ${secret}`);
  });

  it('do not show half a secret at the end of what was read', async () => {
    const secret = 'sk-0123456789abcdef';
    rig = remoteRig(remote.url, { headers: [{ name: 'X-Key', value: secret, secret: true }] });
    const text = `${' '.repeat(8 * 1024 - 10)}${secret}`;
    const client = await opened(status(500, text, { 'Content-Type': 'text/plain' }));
    client.ask(1);
    const { error } = await client.receiver.failureOf(1);
    expect(JSON.stringify(error.data)).not.toContain('sk-');
  });
});

describe('RemoteChannel, initialize', () => {
  it.each<[string, string, Behaviour]>([
    ['401', 'REMOTE_UNAUTHORIZED', status(401)],
    ['404', 'REMOTE_REFUSED', status(404)],
    ['502', 'REMOTE_FAILED', status(502)],
    ['an HTML page', 'UPSTREAM_GARBLED', status(200, '<html>', { 'Content-Type': 'text/html' })],
    ['an id that is no header', 'UPSTREAM_GARBLED', status(200, '{}', { 'Content-Type': 'application/json', 'Mcp-Session-Id': 'a\u00e4' })], // prettier-ignore
  ])('that gets %s fails with %s', async (_, code, behaviour) => {
    remote.behave(behaviour);
    const client = await rig.join();
    client.say(initializeText);
    expect((await client.receiver.failureOf(0)).code).toBe(code);
  });

  it('takes the session’s id from an event stream too', async () => {
    const result = { protocolVersion: '2025-06-18', capabilities: {} };
    remote.behave((seen, response_, request) => {
      if (seen.json?.method !== 'initialize') {
        wellBehaved()(seen, response_, request);
        return;
      }
      response_.writeHead(200, { 'Content-Type': 'text/event-stream', 'Mcp-Session-Id': 'from-stream' });
      response_.end(event({ jsonrpc: '2.0', id: 0, result }));
    });
    await rig.open();
    const { headers } = await remote.waitFor('notifications/initialized');
    expect([headers['mcp-session-id'], headers['mcp-protocol-version']]).toEqual(['from-stream', '2025-06-18']);
  });

  it('was not sent when nothing listens', async () => {
    const { port } = remote;
    await remote[Symbol.asyncDispose]();
    const client = await rig.join();
    client.say(initializeText);
    const { code, wasSent, error } = await client.receiver.failureOf(0);
    remote = await FakeRemote.start();
    expect([code, wasSent, error.data]).toEqual(['REMOTE_UNREACHABLE', false, { fault: 'ECONNREFUSED' }]);
    expect(error.message).not.toContain(String(port));
  });

  it('works with a server that has no sessions', async () => {
    remote.behave(wellBehaved({ sessionId: '', get: status(405) }));
    const client = await rig.open();
    client.ask(1);
    await client.receiver.answerTo(1);
    await client.lease.release('session-ended');
    expect([remote.of('DELETE'), remote.of('tools/call')[0]?.headers['mcp-session-id']]).toEqual([[], undefined]);
  });
});

describe('RemoteChannel, a session that its server has ended', () => {
  it('is over at the first 404: the request was not looked at, the others are answered', async () => {
    const client = await opened((seen, response_, request) => {
      if (seen.json?.id === 2) status(404)(seen, response_, request);
      else streamOf(': wait\n\n')(seen, response_, request);
    });
    client.ask(1);
    await remote.waitFor('tools/call');
    client.ask(2);
    await until('the end', () => client.receiver.ends > 0);
    const failed = client.receiver.failed.map(({ id, error, wasSent }) => [id, error.code, wasSent]);
    expect(failed).toEqual([[2, 'SESSION_UNKNOWN', false], [1, 'SESSION_UNKNOWN', true]]); // prettier-ignore
    await client.lease.release('session-ended');
    expect(remote.of('DELETE')).toEqual([]);
  });

  it('is over when a notification gets 404', async () => {
    const client = await opened(answer);
    await remote.waitFor('notifications/initialized');
    remote.behave(wellBehaved({ tell: status(404) }));
    client.say({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' });
    await until('the end', () => client.receiver.ends > 0);
    expect(client.receiver.failed).toEqual([]);
  });
});

describe('RemoteChannel, a stream that is cut off', () => {
  it('is gone on with by the id of its last event, after the time that the server wants', async () => {
    const client = await opened(endingStream('retry: 2000\n', event(progress, 'e1')), {
      get: (seen, response_, request) => {
        if (seen.headers['last-event-id'] === 'e1') endingStream(event(response(1), 'e2'))(seen, response_, request);
        else openStream(seen, response_);
      },
    });
    await remote.stream();
    client.ask(1);
    await until('the progress', () => client.receiver.messages.length > 1);
    await settle();
    await rig.clock.advance(1999);
    const early = remote.of('GET').length;
    await advanceUntil('the answer', () => client.receiver.messages.length > 2);
    expect(JSON.parse(await client.receiver.answerTo(1))).toEqual(response(1));
    expect([early, remote.of('GET').length, client.receiver.messages.at(-1)?.cause]).toEqual([1, 2, 1]);
  });

  it('is gone on with when its server was away for a while', async () => {
    let refusals = 0;
    const client = await opened(endingStream(event(progress, 'e1')), {
      get: (seen, response_, request) => {
        if (seen.headers['last-event-id'] === undefined) openStream(seen, response_);
        else if ((refusals += 1) <= 2) status(503)(seen, response_, request);
        else endingStream(event(response(1)))(seen, response_, request);
      },
    });
    client.ask(1);
    await advanceUntil('the answer', () => client.receiver.messages.length > 2);
    expect([refusals, client.receiver.failed]).toEqual([3, []]);
  });

  it('fails when its server stays away', async () => {
    const client = await opened(endingStream(event(progress, 'e1')), { get: status(503) });
    client.ask(1);
    await advanceUntil('the failure', () => client.receiver.failed.length > 0);
    const { code, wasSent } = await client.receiver.failureOf(1);
    expect([code, wasSent]).toEqual(['REMOTE_FAILED', true]);
  });

  it('fails at once when it had no ids', async () => {
    const client = await opened((seen, response_, request) => {
      streamOf(event(progress))(seen, response_, request);
      setImmediate(() => response_.destroy());
    });
    client.ask(1);
    expect((await client.receiver.failureOf(1)).code).toBe('REMOTE_UNREACHABLE');
  });
});

describe('RemoteChannel, what the server says by itself', () => {
  it('comes from the GET stream, which opens after the handshake', async () => {
    const client = await rig.open();
    const stream = await remote.stream();
    stream.write(event(changed));
    await until('it', () => client.receiver.messages.length > 1);
    expect(JSON.parse(client.receiver.messages[1]!.text)).toEqual(changed);
    expect(client.receiver.messages[1]?.cause).toBeUndefined();
  });

  it('is listened to before anything is asked: what a server says to nobody is lost', async () => {
    const order: string[] = [];
    const client = await opened(
      (seen, response_) => {
        order.push('call');
        answer(seen, response_);
      },
      {
        get: (seen, response_) => {
          setTimeout(() => {
            order.push('GET');
            openStream(seen, response_);
          }, 50);
        },
      },
    );
    client.ask(1);
    await client.receiver.answerTo(1);
    expect(order).toEqual(['GET', 'call']);
  });

  it('is not waited for by others for longer than a second', async () => {
    const client = await opened(answer, { get: () => undefined });
    client.ask(1);
    await remote.waitFor('GET');
    await advanceUntil('the call', () => remote.of('tools/call').length > 0);
    expect([rig.clock.now() >= 1000, rig.clock.now() < 3000]).toEqual([true, true]);
  });

  it('goes on after a cut, by the id of the last event', async () => {
    const client = await rig.open();
    const stream = await remote.stream();
    stream.write(event(changed, 'g-1'));
    await until('it', () => client.receiver.messages.length > 1);
    stream.destroy();
    await advanceUntil('another stream', () => remote.streams.length > 1);
    (await remote.stream(2)).write(event(changed, 'g-2'));
    await until('the next', () => client.receiver.messages.length > 2);
    expect(remote.of('GET').map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'g-1']);
  });

  it.each([405, 404, 400])('is not waited for when GET gets %i', async (code) => {
    const client = await opened(answer, { get: status(code) });
    await remote.waitFor('GET');
    await settle();
    await rig.clock.advance(600_000);
    client.ask(1);
    await client.receiver.answerTo(1);
    expect([remote.of('GET').length, client.receiver.ends]).toEqual([1, 0]);
  });

  it('is asked for less and less often from a server that ends each stream at once', async () => {
    await opened(answer, { get: endingStream() });
    await remote.waitFor('GET');
    for (let second = 0; second < 120; second++) {
      await rig.clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(remote.of('GET').length).toBeLessThan(12);
    expect(remote.of('GET').length).toBeGreaterThan(3);
  });

  it('ends the session when its server has, without a request of the client', async () => {
    const client = await rig.open();
    const stream = await remote.stream();
    remote.behave(wellBehaved({ get: status(404) }));
    stream.destroy();
    await advanceUntil('the end', () => client.receiver.ends > 0);
    expect(client.receiver.failed).toEqual([]);
  });

  it('goes on without what cannot be resumed', async () => {
    const client = await rig.open();
    const stream = await remote.stream();
    stream.write(event(changed, 'g-1'));
    await until('it', () => client.receiver.messages.length > 1);
    remote.behave(
      wellBehaved({
        get: (seen, response_, request) => {
          if (seen.headers['last-event-id'] === undefined) streamOf(event(changed))(seen, response_, request);
          else status(400)(seen, response_, request);
        },
      }),
    );
    stream.destroy();
    await advanceUntil('the next', () => client.receiver.messages.length > 2);
    expect(remote.of('GET').map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'g-1', undefined]);
  });
});

describe('RemoteChannel.close()', () => {
  it('does no harm in the moment in which a stream ends', async () => {
    remote.behave(
      wellBehaved({
        call: (seen, response_) => {
          openStream(seen, response_);
          response_.end(event(response(Number(seen.json?.id))));
        },
      }),
    );
    const failed = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const client = await rig.open();
        client.ask(1);
        await new Promise<void>((resolve) => {
          const take = client.receiver.onMessage.bind(client.receiver);
          client.receiver.onMessage = (...args) => {
            take(...args);
            resolve();
          };
        });
        await client.lease.release('session-ended');
        return client.receiver.failed.length;
      }),
    );
    expect(failed.filter((count) => count > 0)).toEqual([]);
  });

  it('ends the session with DELETE, once, and every stream with it', async () => {
    const client = await opened(streamOf(': wait\n\n'));
    client.ask(1);
    await remote.waitFor('tools/call');
    const stream = await remote.stream();
    const isClosed = new Promise((resolve) => stream.once('close', resolve));
    await Promise.all([client.lease.release('session-ended'), client.lease.release('session-ended'), isClosed]);
    expect(remote.of('DELETE').map(({ headers }) => headers['mcp-session-id'])).toEqual(['session-1']);
    expect([client.receiver.failed, client.receiver.ends]).toEqual([[], 0]);
  });

  it('does not wait for ever for a server that does not answer', async () => {
    const client = await rig.open();
    await remote.stream();
    remote.behave(() => undefined);
    let isOver = false;
    void client.lease.release('session-ended').then(() => {
      isOver = true;
    });
    await remote.waitFor('DELETE');
    await advanceUntil('the end', () => isOver);
    expect(rig.server.describe().remote.sessions).toBe(0);
  });

  it('says nothing to a server that never answered', async () => {
    remote.behave(() => undefined);
    const client = await rig.join();
    client.say(initializeText);
    await remote.waitFor('initialize');
    await client.lease.release('start-failed');
    expect(remote.of('DELETE')).toEqual([]);
  });

  it('gives nothing on that comes later', async () => {
    const client = await opened(streamOf());
    client.ask(1);
    await remote.waitFor('tools/call');
    await client.lease.release('session-ended');
    client.ask(2);
    await settle();
    expect([remote.of('tools/call').length, client.receiver.messages.length]).toEqual([1, 1]);
  });
});
