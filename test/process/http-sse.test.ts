import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ToolListChangedNotificationSchema,
  type ClientCapabilities,
} from '@modelcontextprotocol/sdk/types.js';
import { openStream, type EventStream } from '../support/event-stream.ts';
import { initialize, post, RawSession, textOf, type Answer, type Message } from '../support/mcp-client.ts';
import { childrenOf } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(20_000);

const pool = { warm: 0 };
const servers = {
  good: { command: fixture('well-behaved'), pool },
  other: { command: fixture('well-behaved'), pool },
  big: { command: fixture('long-line'), pool },
  mortal: { command: fixture('dies-mid-call'), pool },
  absent: { command: ['/nowhere/no-such-program'], pool },
  stillborn: { command: fixture('dies-on-initialize'), pool },
  silent: { command: fixture('silent'), pool },
  commanded: { command: fixture('on-command'), pool },
  arrays: { command: fixture('answers-in-arrays'), pool },
  off: { command: fixture('well-behaved'), env: { KEY: '${NOT_SET_ANYWHERE}' } },
};

let bridge: Program;

beforeAll(async () => {
  bridge = await serve({ listen: { sse: true }, servers }, { args: ['--allow-process'] });
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

/** The stream is the session: when it has ended, nothing is left. */
afterEach(async () => {
  for (const cut of cuts.splice(0)) cut();
  await until('nothing to be left', async () => {
    const { sessions, containers, callsInFlight } = await bridge.status();
    return sessions + containers + callsInFlight === 0 && childrenOf(bridge.pid).length === 0;
  });
});

async function connect(
  server: string,
  capabilities: ClientCapabilities = {},
  prepare: (client: Client) => void = () => undefined,
): Promise<Client & AsyncDisposable> {
  const client = new Client({ name: 'test', version: '1' }, { capabilities });
  prepare(client);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the client that this transport is for
  await client.connect(new SSEClientTransport(new URL(`${bridge.url}/${server}/sse`)));
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

/** A client made by hand. */
interface Raw {
  readonly stream: EventStream;
  /** Where it is to post. */
  readonly endpoint: string;
  readonly send: (message: unknown) => Promise<Answer>;
  readonly cut: () => void;
}

/** Ends every connection of a test, whatever became of it. */
const cuts: (() => void)[] = [];

async function openRaw(server: string): Promise<Raw> {
  const stream = await openStream(`${bridge.url}/${server}/sse`, {});
  cuts.push(stream.cut);
  await until('the endpoint', () => stream.events.length === 1);
  const endpoint = new URL(stream.events[0]?.data ?? '', bridge.url).href;
  return { stream, endpoint, send: (message) => post(endpoint, message), cut: stream.cut };
}

/** A client made by hand, after its handshake. */
async function openSession(server: string): Promise<Raw> {
  const raw = await openRaw(server);
  await raw.send(initialize('hello', {}, '2024-11-05'));
  await until('the answer', () => answers(raw).length === 1);
  await raw.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return raw;
}

function answers({ stream }: Raw): Message[] {
  return stream.events
    .filter(({ event, data }) => event === 'message' && data !== undefined)
    .map(({ data = '' }) => JSON.parse(data) as Message);
}

function call(id: string | number, name: string, args: object = {}, _meta?: object): object {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, ...(_meta && { _meta }) } };
}

function reasonOf({ status, message }: Answer): unknown[] {
  return [status, message?.error?.data?.gangway?.reason];
}

describe('An SDK client of HTTP+SSE', () => {
  it('connects, lists tools and calls one', async () => {
    await using client = await connect('good');
    expect(client.getServerVersion()).toEqual({ name: 'well-behaved', version: '1.0.0' });
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    const text = 'ü\u00a0"\\ 𝄞 \u2028 \n\ndata: x';
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text } }))).toBe(text);
  });

  it('gets progress while its call is under way', async () => {
    await using client = await connect('commanded');
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }): void => {
      seen.push(progress);
    };
    const work = client.callTool({ name: 'work', arguments: {} }, undefined, { onprogress });
    // What comes in one piece with the answer, the SDK may forget: one at a time.
    for (const step of [1, 2, 3]) {
      await client.callTool({ name: 'step', arguments: {} });
      await until('the step', () => seen.length === step);
    }
    await client.callTool({ name: 'finish', arguments: {} });
    await work;
    expect(seen).toEqual([1, 2, 3]);
  });

  it('is asked for a sample, and for a form, in the middle of a call', async () => {
    await using client = await connect('good', { sampling: {}, elicitation: { form: {} } }, (made) => {
      made.setRequestHandler(CreateMessageRequestSchema, () => ({
        ...{ role: 'assistant', model: 'm', content: { type: 'text', text: 'sampled' } },
      }));
      made.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
    });
    const sampled = textOf(await client.callTool({ name: 'sample', arguments: { prompt: 'x' } }));
    const elicited = textOf(await client.callTool({ name: 'elicit', arguments: { message: 'x' } }));
    expect([JSON.parse(sampled), JSON.parse(elicited)]).toEqual([
      { role: 'assistant', model: 'm', content: { type: 'text', text: 'sampled' } },
      { action: 'accept', content: { name: 'Ada' } },
    ]);
  });

  it('hears that the tools have changed', async () => {
    let changes = 0;
    await using client = await connect('good', {}, (made) => {
      made.setNotificationHandler(ToolListChangedNotificationSchema, () => {
        changes += 1;
      });
    });
    await client.callTool({ name: 'change', arguments: {} });
    await until('the notification', () => changes === 1);
  });

  it('cancels a call: the server hears of it', async () => {
    await using client = await connect('good');
    const abort = new AbortController();
    const pending = client.callTool({ name: 'sleep', arguments: { ms: 60_000 } }, undefined, { signal: abort.signal });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    abort.abort(new Error('changed my mind'));
    await expect(pending).rejects.toThrow('changed my mind');
    await until('the server to hear of it', async () => {
      return textOf(await client.callTool({ name: 'cancelled', arguments: {} })) !== '[]';
    });
  });

  it('gets an answer of 5 MB whole', async () => {
    await using client = await connect('big');
    const bytes = 5 * 1024 * 1024;
    expect(textOf(await client.callTool({ name: 'big', arguments: { bytes } }))).toHaveLength(bytes);
  });

  it('ends its server with its connection', async () => {
    const client = await connect('good');
    expect(childrenOf(bridge.pid)).toHaveLength(1);
    await client.close();
    await until('its process to be gone', () => childrenOf(bridge.pid).length === 0, { limitMs: 3000 });
  });
});

describe('The stream of HTTP+SSE', () => {
  it('begins with the place to post to, and starts nothing before "initialize"', async () => {
    const { stream, send } = await openRaw('good');
    expect(stream.events).toEqual([
      { event: 'endpoint', data: expect.stringMatching(/^\/good\/messages\?sessionId=[\w-]{22,}$/) },
    ]);
    expect(reasonOf(await send({ jsonrpc: '2.0', id: 1, method: 'tools/list' }))).toEqual([400, 'SESSION_REQUIRED']);
    expect([childrenOf(bridge.pid).length, (await bridge.status()).sessions]).toEqual([0, 0]);
  });

  it('carries events without ids or empty data: nobody resumes here', async () => {
    const raw = await openSession('good');
    await raw.send(call(1, 'progress', { steps: 1 }, { progressToken: 't' }));
    await until('the answer', () => answers(raw).length === 3);
    expect(raw.stream.events.slice(1).map(({ id, event, data }) => [id, event, data === ''])).toEqual(
      Array.from({ length: 3 }, () => [undefined, 'message', false]),
    );
  });

  it('answers a POST with 202 and nothing in it', async () => {
    const raw = await openSession('good');
    const answer = await raw.send(call(1, 'echo', { text: 'x' }));
    expect([answer.status, answer.text]).toEqual([202, '']);
  });

  it('takes one "initialize"', async () => {
    const raw = await openSession('good');
    expect(reasonOf(await raw.send(initialize(2)))).toEqual([400, 'SESSION_EXISTS']);
  });

  it('takes no request before the answer to "initialize", and says so', async () => {
    const raw = await openRaw('silent');
    await raw.send(initialize());
    await until('its process', () => childrenOf(bridge.pid).length === 1);
    await until('the session', async () => (await bridge.status()).sessions === 1);
    expect(reasonOf(await raw.send({ jsonrpc: '2.0', id: 2, method: 'ping' }))).toEqual([400, 'SESSION_REQUIRED']);
  });

  it('that goes before "initialize" is answered takes the process with it', async () => {
    const raw = await openRaw('silent');
    await raw.send(initialize());
    await until('its process', () => childrenOf(bridge.pid).length === 1);
    raw.cut();
    await until('the process to be gone', () => childrenOf(bridge.pid).length === 0);
  });

  it('brings an error for each pending call when the server dies, and ends', async () => {
    const raw = await openSession('mortal');
    await raw.send(call('pending', 'sleep', { ms: 60_000 }));
    await raw.send(call('killer', 'die'));
    expect(await raw.stream.ended).toBe('in order');
    expect(
      answers(raw)
        .slice(1)
        .map(({ id, error }) => [id, error?.data?.gangway?.reason]),
    ).toEqual([
      ['pending', 'UPSTREAM_EXITED'],
      ['killer', 'UPSTREAM_EXITED'],
    ]);
    expect(reasonOf(await raw.send(call(3, 'pid')))).toEqual([404, 'SESSION_UNKNOWN']);
  });

  it.each([
    ['absent', /ENOENT/],
    ['stillborn', /before it had answered|ended|exit/i],
  ])('brings the failed start of the server "%s" under its id', async (server, why) => {
    const raw = await openRaw(server);
    const answer = await raw.send(initialize('mine'));
    expect(answer.status).toBe(202);
    await until('the error', () => answers(raw).length === 1);
    expect(answers(raw)[0]).toMatchObject({ id: 'mine', error: { data: { gangway: { reason: 'START_FAILED' } } } });
    expect(answers(raw)[0]?.error?.message).toMatch(why);
  });

  it('is refused with 503 for a server that is switched off', async () => {
    const response = await fetch(`${bridge.url}/off/sse`, { headers: { Accept: 'text/event-stream' } });
    expect([response.status, (await response.json()) as Message]).toMatchObject([
      503,
      { error: { data: { gangway: { reason: 'SERVER_DISABLED' } } } },
    ]);
  });

  it('serves many clients at once, each with a process and ids of its own', async () => {
    const [one, two] = [await openSession('good'), await openSession('good')];
    await Promise.all([one.send(call(1, 'echo', { text: 'one' })), two.send(call(1, 'echo', { text: 'two' }))]);
    await until('the answers', () => [one, two].every((raw) => answers(raw).length === 2));
    expect([one, two].map((raw) => textOf(answers(raw)[1]?.result))).toEqual(['one', 'two']);
    expect(childrenOf(bridge.pid)).toHaveLength(2);
  });

  it('carries a hundred calls with progress at once: all of it, and nobody warns of anything', async () => {
    const raw = await openSession('good');
    const ids = Array.from({ length: 100 }, (_, i) => `call ${i}`);
    await Promise.all(ids.map((id) => raw.send(call(id, 'progress', { steps: 5 }, { progressToken: id }))));
    await until('the answers', () => answers(raw).filter(({ result }) => result).length === 101);
    const steps = ids.map((id) => answers(raw).filter(({ params }) => params?.['progressToken'] === id).length);
    expect(new Set(steps)).toEqual(new Set([5]));
    expect(warnings()).toEqual([]);
  });

  it('whose client does not read holds a hundred answers, without a warning, and loses none', async () => {
    const raw = await openUnread('arrays');
    await raw.send(initialize('hello', {}, '2024-11-05'));
    await until('the handshake', async () => (await raw.send(call('first', 'no-such-tool'))).status === 202);
    const ids = Array.from({ length: 100 }, (_, i) => `held ${i}`);
    await Promise.all(ids.map((id) => raw.send(call(id, 'hold'))));
    await until('the calls', async () => (await bridge.status()).callsInFlight === 100);
    await raw.send(call('last', 'flush', { bytes: 100_000 }));
    await until('their end', async () => (await bridge.status()).callsInFlight <= 1);
    const text = await raw.readTo('"id":"last"');
    expect(Array.from(text.matchAll(/"id":"(held \d+)"/g), ([, id]) => id)).toEqual(ids);
    expect(warnings()).toEqual([]);
  });
});

function warnings(): string[] {
  return bridge.stderr.filter((line) => /warning/i.test(line));
}

/** A client that has its place to post to and reads no further for now. */
async function openUnread(server: string): Promise<
  Pick<Raw, 'send'> & {
    /** Reads on to a text, and cuts the connection. */
    readTo(end: string): Promise<string>;
  }
> {
  const response = await new Promise<IncomingMessage>((resolve) => {
    const headers = { Accept: 'text/event-stream' };
    httpRequest(`${bridge.url}/${server}/sse`, { headers, agent: false }, resolve).end();
  });
  cuts.push(() => response.destroy());
  const head = await new Promise<string>((resolve) => {
    response.once('data', (chunk: Buffer) => {
      response.pause();
      resolve(chunk.toString());
    });
  });
  return {
    send: (message) => post(`${bridge.url}${/\/\S+/.exec(head)?.[0] ?? ''}`, message),
    readTo: async (end) => {
      const chunks: string[] = [];
      for await (const chunk of response) {
        chunks.push(String(chunk));
        if (chunks.slice(-2).join('').includes(end)) break;
      }
      return chunks.join('');
    },
  };
}

describe('A POST to HTTP+SSE', () => {
  it('with an unknown session is 404', async () => {
    const answer = await post(`${bridge.url}/good/messages?sessionId=AAAAAAAAAAAAAAAAAAAAAA`, initialize());
    expect(reasonOf(answer)).toEqual([404, 'SESSION_UNKNOWN']);
  });

  it('with the session of another server is 404', async () => {
    const { endpoint } = await openSession('good');
    const answer = await post(endpoint.replace('/good/', '/other/'), call(1, 'pid'));
    expect(reasonOf(answer)).toEqual([404, 'SESSION_UNKNOWN']);
  });

  it('with a session of Streamable HTTP is 404, and the other way round', async () => {
    const streamable = await RawSession.open(bridge.url, 'good');
    const raw = await openSession('good');
    const there = await post(`${bridge.url}/good/messages?sessionId=${streamable.id}`, call(1, 'pid'));
    const id = new URL(raw.endpoint).searchParams.get('sessionId') ?? '';
    const here = await post(`${bridge.url}/good/mcp`, call(1, 'pid'), { headers: { 'Mcp-Session-Id': id } });
    await streamable.delete();
    expect([there.status === 404 || there.status === 400, here.status]).toEqual([true, 404]);
  });

  it('without a session is 400', async () => {
    expect(reasonOf(await post(`${bridge.url}/good/messages`, initialize()))).toEqual([400, 'SESSION_REQUIRED']);
  });

  it('after the stream has ended is 404', async () => {
    const raw = await openSession('good');
    raw.cut();
    await until('the end', async () => (await raw.send(call(1, 'pid'))).status === 404);
  });

  it('with what is no single, clear message is 400', async () => {
    const raw = await openSession('good');
    const bodies = [[call(1, 'pid')], '{', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', '['.repeat(5000)];
    const refused = await Promise.all(bodies.map((body) => raw.send(body)));
    expect(refused.map(reasonOf)).toEqual([
      [400, 'MESSAGE_INVALID'],
      [400, 'BODY_MALFORMED'],
      [400, 'MESSAGE_AMBIGUOUS'],
      [400, 'MESSAGE_TOO_COMPLEX'],
    ]);
  });

  it('of another type is 415', async () => {
    const { endpoint } = await openSession('good');
    const answer = await post(endpoint, initialize(), { headers: { 'Content-Type': 'text/plain' } });
    expect(reasonOf(answer)).toEqual([415, 'MEDIA_TYPE_REFUSED']);
  });

  it('whose body is too large is 413', async () => {
    const { endpoint } = await openSession('good');
    expect(reasonOf(await post(endpoint, Buffer.alloc(5 * 1024 * 1024, ' ')))).toEqual([413, 'BODY_TOO_LARGE']);
  });
});

describe('The paths of HTTP+SSE', () => {
  const knock = (path: string, method: string, headers: Record<string, string> = {}): Promise<IncomingMessage> =>
    new Promise((resolve) => {
      httpRequest(`${bridge.url}${path}`, { method, headers, agent: false }, (response) => {
        response.resume();
        resolve(response);
      }).end();
    });

  it.each([
    ['GET', '/good/sse', { Host: 'evil.example' }],
    ['POST', '/good/messages?sessionId=x', { Host: 'evil.example' }],
    ['GET', '/good/sse', { Origin: 'http://evil.example' }],
    ['POST', '/good/messages?sessionId=x', { Origin: 'null' }],
  ])('are behind the gate: %s %s with %j is 403', async (method, path, headers) => {
    expect((await knock(path, method, { Accept: 'text/event-stream', ...headers })).statusCode).toBe(403);
  });

  it.each([
    ['/good/sse', 'POST', 'GET, OPTIONS'],
    ['/good/sse', 'DELETE', 'GET, OPTIONS'],
    ['/good/messages', 'GET', 'POST, OPTIONS'],
  ])('%s refuses %s with 405 and says what it allows', async (path, method, allow) => {
    const { statusCode, headers } = await knock(path, method);
    expect([statusCode, headers.allow]).toEqual([405, allow]);
  });

  it('lets a page of an allowed origin ask before it posts', async () => {
    const origin = 'http://localhost:6274';
    const asked = { Origin: origin, 'Access-Control-Request-Method': 'POST' };
    const { statusCode, headers } = await knock('/good/messages?sessionId=x', 'OPTIONS', asked);
    expect([statusCode, headers['access-control-allow-origin']]).toEqual([204, origin]);
  });

  it('want a client that accepts an event stream', async () => {
    expect((await knock('/good/sse', 'GET', { Accept: 'application/json' })).statusCode).toBe(406);
  });

  it.each(['/nobody/sse', '/nobody/messages', '/good/sse/', '/good/SSE', '/%67ood/sse'])('%s is 404', async (path) => {
    expect((await knock(path, 'GET', { Accept: 'text/event-stream' })).statusCode).toBe(404);
  });

  it('are not there unless they are switched on', async () => {
    await using plain = await serve({ servers: { good: servers.good } }, { args: ['--allow-process'] });
    const stream = await fetch(`${plain.url}/good/sse`, { headers: { Accept: 'text/event-stream' } });
    const posted = await post(`${plain.url}/good/messages?sessionId=x`, initialize());
    expect([stream.status, ...reasonOf(posted)]).toEqual([404, 404, 'PATH_UNKNOWN']);
  });
});
