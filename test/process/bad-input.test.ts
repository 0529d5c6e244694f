import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { initialize, post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { childrenOf } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(20_000);

const pool = { warm: 0 };
const config = {
  listen: { maxBodyBytes: '64k' },
  servers: {
    control: { command: fixture('well-behaved'), pool },
    absent: { command: ['/nowhere/no-such-program'], pool },
    'dies-at-start': { command: fixture('dies-at-start'), pool },
    'dies-on-initialize': { command: fixture('dies-on-initialize'), pool },
    'dies-mid-call': { command: fixture('dies-mid-call'), pool },
    silent: { command: fixture('silent'), pool, startTimeout: '700ms' },
    noisy: { command: fixture('noisy-stdout'), pool },
    long: { command: fixture('long-line'), pool },
    capped: { command: fixture('long-line'), pool, maxLineBytes: '64k' },
    'slow-to-answer': { command: fixture('well-behaved'), pool, callTimeout: '500ms' },
  },
};

let bridge: Program;
/** A session of a good server on the same bridge, open all the time. */
let control: RawSession;

beforeAll(async () => {
  bridge = await serve(config, { args: ['--allow-process'] });
  control = await RawSession.open(bridge.url, 'control');
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

beforeEach(async () => {
  expect((await bridge.status()).sessions).toBe(1);
});

/** Whatever happened: the control session goes on, and there is nothing besides it. */
afterEach(async () => {
  expect(textOf((await control.call('echo', { text: 'still here' })).message?.result)).toBe('still here');
  await until('nothing left but the control session', async () => {
    const { sessions, containers, callsInFlight } = await bridge.status();
    return sessions === 1 && containers === 1 && callsInFlight === 0 && childrenOf(bridge.pid).length === 1;
  });
});

function url(server: string): string {
  return `${bridge.url}/${server}/mcp`;
}

function open(server: string): Promise<Answer> {
  return post(url(server), initialize('first'));
}

/** What a refusal consists of. */
function refusal({ status, message }: Answer): object {
  const { id, error } = message ?? {};
  return { status, id, code: error?.code, reason: error?.data?.gangway?.reason };
}

describe('A server that cannot be started', () => {
  it('whose command does not exist: START_FAILED that says so', async () => {
    const answer = await open('absent');
    expect(refusal(answer)).toEqual({ status: 502, id: 'first', code: -32603, reason: 'START_FAILED' });
    expect(answer.message?.error?.message).toContain('ENOENT');
  });

  it('that dies at its start: START_FAILED with its exit code and last stderr lines', async () => {
    const answer = await open('dies-at-start');
    expect(refusal(answer)).toEqual({ status: 502, id: 'first', code: -32603, reason: 'START_FAILED' });
    expect(answer.message?.error?.data?.gangway).toMatchObject({
      exitCode: 3,
      stderr: ['reading the settings', 'the token is not set', 'fatal: no database'],
    });
  });

  it('that dies on initialize: START_FAILED with its exit code and last stderr lines', async () => {
    const answer = await open('dies-on-initialize');
    expect(refusal(answer)).toEqual({ status: 502, id: 'first', code: -32603, reason: 'START_FAILED' });
    expect(answer.message?.error?.data?.gangway).toMatchObject({
      exitCode: 4,
      stderr: ['fatal: this client is not to my taste'],
    });
  });

  it('that never answers initialize: READY_TIMEOUT, and its process is gone', async () => {
    const { ms, result: answer } = await timed(() => open('silent'));
    expect(refusal(answer)).toEqual({ status: 504, id: 'first', code: -32603, reason: 'READY_TIMEOUT' });
    expect(answer.message?.error?.data?.gangway?.['stderr']).toEqual(['silent: started, and now nothing']);
    expect(ms).toBeGreaterThan(650);
    expect(ms).toBeLessThan(2500);
  });

  it('is tried again for the next client', async () => {
    await open('dies-at-start');
    expect(refusal(await open('dies-at-start'))).toMatchObject({ reason: 'START_FAILED' });
  });
});

describe('A server with bad manners', () => {
  it('that prints noise on stdout works, and its client never sees the noise', async () => {
    const session = await RawSession.open(bridge.url, 'noisy');
    expect(session.opened.messages).toHaveLength(1);
    const answer = await session.call('echo', { text: 'clear' });
    expect(answer.status).toBe(200);
    expect(answer.messages).toHaveLength(1);
    expect(textOf(answer.message?.result)).toBe('clear');
    expect(await session.delete()).toBe(200);
  });

  it('that answers in a line of 20 MB is heard whole', async () => {
    const session = await RawSession.open(bridge.url, 'long');
    const bytes = 20 * 1024 * 1024;
    const answer = await session.call('big', { bytes });
    expect(answer.status).toBe(200);
    const text = textOf(answer.message?.result);
    expect(text.length).toBe(bytes);
    expect(text === 'x'.repeat(bytes)).toBe(true);
    await session.delete();
  }, 20_000);

  it('that exceeds maxLineBytes loses that session alone: UPSTREAM_GARBLED', async () => {
    const [garbled, other] = await Promise.all([
      RawSession.open(bridge.url, 'capped'),
      RawSession.open(bridge.url, 'capped'),
    ]);
    const answer = await garbled.call('big', { bytes: 100_000 }, { id: 'long' });
    expect(refusal(answer)).toEqual({ status: 200, id: 'long', code: -32603, reason: 'UPSTREAM_GARBLED' });
    expect(refusal(await garbled.call('echo', { text: 'x' }))).toMatchObject({ status: 404, code: -32001 });
    expect(textOf((await other.call('echo', { text: 'unharmed' })).message?.result)).toBe('unharmed');
    await other.delete();
  });

  it('that dies in the middle of calls: each of them gets UPSTREAM_EXITED with exit code and stderr', async () => {
    const session = await RawSession.open(bridge.url, 'dies-mid-call');
    const pending = [1, 2, 3].map((n) => session.call('sleep', { ms: 60_000 }, { id: `pending-${n}` }));
    await until('three calls', async () => (await bridge.status()).callsInFlight === 3);
    const answers = await Promise.all([...pending, session.call('die', {}, { id: 'killer' })]);
    expect(answers.map(refusal)).toEqual(
      ['pending-1', 'pending-2', 'pending-3', 'killer'].map((id) => ({
        ...{ status: 200, id, code: -32603, reason: 'UPSTREAM_EXITED' },
      })),
    );
    for (const { message } of answers) {
      expect(message?.error?.data?.gangway).toMatchObject({
        exitCode: 7,
        stderr: ['fatal: the tool tore the server down'],
      });
    }
  });

  it('that does not answer a call in time: CALL_TIMEOUT, and it is told; the session lives on', async () => {
    const session = await RawSession.open(bridge.url, 'slow-to-answer');
    const answer = await session.call('sleep', { ms: 60_000 }, { id: 'late' });
    expect(refusal(answer)).toEqual({ status: 200, id: 'late', code: -32603, reason: 'CALL_TIMEOUT' });
    await until('the server to hear of it', async () => {
      return textOf((await session.call('cancelled')).message?.result) === '["late"]';
    });
    await session.delete();
  });
});

describe('A client with bad manners', () => {
  const headers = { 'Mcp-Session-Id': 'not-a-session' };

  it('that names an unknown session: 404', async () => {
    const answer = await post(url('control'), { jsonrpc: '2.0', id: 5, method: 'tools/list' }, { headers });
    expect(refusal(answer)).toEqual({ status: 404, id: 5, code: -32001, reason: 'SESSION_UNKNOWN' });
  });

  it('that takes its session to another server: 404 in the same words', async () => {
    const message = { jsonrpc: '2.0', id: 5, method: 'tools/list' };
    const unknown = await post(url('noisy'), message, { headers });
    const foreign = await post(url('noisy'), message, { headers: { 'Mcp-Session-Id': control.id } });
    expect(foreign.status).toBe(404);
    expect(foreign.text).toBe(unknown.text);
  });

  it('that uses a deleted session: 404', async () => {
    const session = await RawSession.open(bridge.url, 'control');
    expect(await session.delete()).toBe(200);
    expect(await session.delete()).toBe(404);
    expect(refusal(await session.call('echo', { text: 'x' }))).toMatchObject({ status: 404, code: -32001 });
  });

  it('that has no session: 400', async () => {
    const answer = await post(url('control'), { jsonrpc: '2.0', id: 5, method: 'tools/list' });
    expect(refusal(answer)).toEqual({ status: 400, id: 5, code: -32600, reason: 'SESSION_REQUIRED' });
  });

  it('that asks for a server that is not there: 404', async () => {
    expect(refusal(await open('nobody'))).toMatchObject({ status: 404, code: -32600, reason: 'SERVER_UNKNOWN' });
  });

  it('that sends too large a body: 413', async () => {
    const answer = await post(url('control'), Buffer.alloc(1024 * 1024, ' '));
    expect(refusal(answer)).toEqual({ status: 413, id: null, code: -32600, reason: 'BODY_TOO_LARGE' });
  });

  it('that sends too large a body without saying so: 413', async () => {
    const chunks = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let i = 0; i < 16; i++) controller.enqueue(Buffer.alloc(8 * 1024, ' '));
        controller.close();
      },
    });
    const response = await fetch(url('control'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      body: chunks,
      duplex: 'half',
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { data: { gangway: { reason: 'BODY_TOO_LARGE' } } } });
  });

  it.each([
    ['no JSON', '{"jsonrpc":"2.0","id":1,', 'BODY_MALFORMED', -32700, null],
    ['nothing', '', 'BODY_MALFORMED', -32700, null],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'BODY_MALFORMED', -32700, null],
    ['a batch outside a session', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 'SESSION_REQUIRED', -32600, null],
    ['a number', '42', 'MESSAGE_INVALID', -32600, null],
    ['no "jsonrpc"', '{"id":1,"method":"ping"}', 'MESSAGE_INVALID', -32600, 1],
    ['a null id', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 'MESSAGE_INVALID', -32600, null],
  ])('that sends %s: 400', async (_, body, reason, code, id) => {
    const answer = await post(url('control'), body);
    expect(refusal(answer)).toEqual({ status: 400, id, code, reason });
  });

  it.each(['https://evil.example', 'null', 'http://127.0.0.1.evil.example'])(
    'that comes from the page %s: 403',
    async (origin) => {
      const answer = await post(url('control'), initialize(), { headers: { Origin: origin } });
      expect(refusal(answer)).toEqual({ status: 403, id: null, code: -32600, reason: 'ORIGIN_REFUSED' });
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    },
  );

  it('that goes away before its session is open leaves nothing behind', async () => {
    const abort = new AbortController();
    const opening = post(url('silent'), initialize(), { signal: abort.signal }).catch(() => 'gone');
    await until('the start', () => childrenOf(bridge.pid).length === 2);
    abort.abort();
    expect(await opening).toBe('gone');
  });

  it('that uses an id twice at once: 400, and the first call is not affected', async () => {
    const session = await RawSession.open(bridge.url, 'control');
    const first = session.call('sleep', { ms: 400 }, { id: 'same' });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    const second = await session.call('echo', { text: 'x' }, { id: 'same' });
    expect(refusal(second)).toEqual({ status: 400, id: 'same', code: -32600, reason: 'DUPLICATE_ID' });
    expect(textOf((await first).message?.result)).toBe('slept');
    await session.delete();
  });
});
