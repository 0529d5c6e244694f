import { beforeEach, describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { RawJson } from '../../src/jsonrpc/raw-json.ts';
import { ChannelClient } from '../../src/relay/channel-client.ts';
import { ServerError } from '../../src/relay/server-error.ts';
import { FakeChannel } from '../support/fake-channel.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const config = { startTimeoutMs: 30_000, callTimeoutMs: 60_000, maxCallTimeMs: 600_000, maxLineBytes: 1024 };
const hello = {
  protocolVersion: '2025-06-18',
  capabilities: { tools: {} },
  serverInfo: { name: 'fake', version: '1' },
};

let clock: ManualClock;
let channel: FakeChannel;
let heard: string[];

beforeEach(() => {
  clock = new ManualClock();
  channel = new FakeChannel();
  heard = [];
});

function opening(signal?: AbortSignal): Promise<ChannelClient> {
  return ChannelClient.open(channel, {
    ...{ config, clock },
    ...(signal && { signal }),
    onNotification: ({ method }, bytes) => heard.push(`${method} ${bytes.length}`),
  });
}

/** A client of a server that said hello, with nothing in `channel.lines`. */
async function opened(): Promise<ChannelClient> {
  const client = opening();
  await settle();
  channel.says({ id: 1, result: hello });
  await settle();
  channel.lines.length = 0;
  return client;
}

/** What a promise that fails fails with. */
async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

describe('ChannelClient.open()', () => {
  it('initialises the server as Gangway, which can be asked nothing', async () => {
    const client = opening();
    await settle();
    channel.says({ id: 1, result: hello });
    expect((await client).handshake).toEqual({
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      result: hello,
    });
    expect(channel.sent).toEqual([
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: 'gangway', version: expect.stringMatching(/^\d/) },
        },
      },
      { jsonrpc: '2.0', method: 'notifications/initialized', params: {} },
    ]);
    expect([channel.wasProved, channel.released]).toEqual([true, []]);
  });

  it('fails when the server answers with an error, and gives the lease back', async () => {
    const outcome = failure(opening());
    await settle();
    channel.says({ id: 1, error: { code: -32_000, message: 'no' } });
    expect(await outcome).toMatchObject({ code: 'START_FAILED' });
    expect([channel.wasProved, channel.released]).toEqual([true, ['session-ended']]);
  });

  it('fails when the answer is none', async () => {
    const outcome = failure(opening());
    await settle();
    channel.says({ id: 1, result: { protocolVersion: 7 } });
    expect(await outcome).toMatchObject({ code: 'START_FAILED' });
    expect(channel.released).toEqual(['session-ended']);
  });

  it('fails after startTimeout, without a cancellation', async () => {
    const outcome = failure(opening());
    await clock.advance(config.startTimeoutMs);
    expect(await outcome).toMatchObject({ code: 'READY_TIMEOUT' });
    expect([channel.sent.length, channel.released, clock.pending]).toEqual([1, ['start-failed'], 0]);
  });

  it('fails when the server ends', async () => {
    const outcome = failure(opening());
    await settle();
    channel.ends();
    expect(await outcome).toMatchObject({ code: 'START_FAILED', data: { exitCode: 3 } });
    expect(channel.released).toEqual(['start-failed']);
  });

  it('fails with what a shared server is refused with', async () => {
    const outcome = failure(opening());
    await settle();
    channel.fails(1, new BridgeError('POOL_FULL', 'full'));
    expect(await outcome).toMatchObject({ code: 'POOL_FULL' });
  });

  it('is given up by its signal, and blames nobody', async () => {
    const abort = new AbortController();
    const outcome = failure(opening(abort.signal));
    await settle();
    abort.abort(new BridgeError('SESSION_UNKNOWN', 'gone'));
    expect(await outcome).toMatchObject({ code: 'SESSION_UNKNOWN' });
    expect(channel.released).toEqual(['never-used']);
  });
});

describe('ChannelClient.request()', () => {
  it('gives the result as it was written and as it reads', async () => {
    const client = await opened();
    const asked = client.request('tools/call', { name: 'echo', arguments: new RawJson('{"n":12345678901234567890}') });
    await settle();
    expect(channel.lines).toEqual([
      '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"n":12345678901234567890}}}',
    ]);
    channel.says('{"jsonrpc":"2.0","id":2,"result":{"n":1.50,"t":"\\u00e4"}}');
    const { text, value, members } = await asked;
    expect(text).toBe('{"n":1.50,"t":"\\u00e4"}');
    expect([value, members.get('n')]).toEqual([{ n: 1.5, t: 'ä' }, '1.50']);
  });

  it('keeps several requests apart, whatever the order of their answers', async () => {
    const client = await opened();
    const [a, b] = [client.request('a'), client.request('b')];
    await settle();
    channel.says({ id: 3, result: { of: 'b' } });
    channel.says({ id: 2, result: { of: 'a' } });
    expect([(await a).value, (await b).value]).toEqual([{ of: 'a' }, { of: 'b' }]);
  });

  it('fails with the server’s own error', async () => {
    const client = await opened();
    const outcome = failure(client.request('a'));
    await settle();
    channel.says({ id: 2, error: { code: -32_602, message: 'bad', data: { why: 1 } } });
    const error = await outcome;
    expect(error).toBeInstanceOf(ServerError);
    expect(error).toMatchObject({ rpcCode: -32_602, message: 'bad', data: { why: 1 } });
  });

  it.each(['[1]', 'null', '"text"'])('fails when the result is %s', async (result) => {
    const client = await opened();
    const outcome = failure(client.request('a'));
    await settle();
    channel.says(`{"jsonrpc":"2.0","id":2,"result":${result}}`);
    expect(await outcome).toMatchObject({ code: 'UPSTREAM_GARBLED' });
  });

  it('fails when the answer is no message', async () => {
    const client = await opened();
    const outcome = failure(client.request('a'));
    await settle();
    channel.garbles(2);
    expect(await outcome).toMatchObject({ code: 'UPSTREAM_GARBLED' });
  });

  it('fails after callTimeout, and tells the server', async () => {
    const client = await opened();
    const outcome = failure(client.request('a'));
    await clock.advance(config.callTimeoutMs - 1);
    const before = channel.sent.length;
    await clock.advance(1);
    expect(await outcome).toMatchObject({ code: 'CALL_TIMEOUT' });
    expect([before, channel.sent.at(-1)]).toEqual([
      1,
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 2, reason: 'timeout' } },
    ]);
  });

  it('gives more time with each step of progress, up to maxCallTime', async () => {
    const client = await opened();
    const steps: unknown[] = [];
    const outcome = failure(client.request('a', { x: 1 }, { onProgress: (step) => steps.push(step['progress']) }));
    await settle();
    expect(channel.sent[0]?.params).toEqual({ x: 1, _meta: { progressToken: 2 } });
    for (let step = 1; step < 12; step++) {
      await clock.advance(50_000);
      channel.says({ method: 'notifications/progress', params: { progressToken: 2, progress: step } });
    }
    expect(client.inFlight).toBe(1);
    await clock.advance(50_000);
    expect(await outcome).toMatchObject({ code: 'CALL_TIMEOUT' });
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('is given up by its signal: the server is told, and a late answer goes nowhere', async () => {
    const client = await opened();
    const abort = new AbortController();
    const outcome = failure(client.request('a', {}, { signal: abort.signal }));
    await settle();
    abort.abort(new Error('enough'));
    expect(await outcome).toMatchObject({ message: 'enough' });
    channel.says({ id: 2, result: {} });
    expect(channel.sent.at(-1)).toMatchObject({ method: 'notifications/cancelled', params: { requestId: 2 } });
    expect(client.inFlight).toBe(0);
  });

  it('sends nothing when it was given up before', async () => {
    const client = await opened();
    expect(await failure(client.request('a', {}, { signal: AbortSignal.abort(new Error('enough')) }))).toMatchObject({
      message: 'enough',
    });
    expect(channel.lines).toEqual([]);
  });

  it('may be left alone: nobody has to wait for its failure', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const client = await opened();
    void client.request('a');
    channel.ends();
    void client.request('b');
    await settle();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('is refused while the server does not read', async () => {
    const client = await opened();
    channel.isBusy = true;
    expect(await failure(client.request('a'))).toMatchObject({ code: 'UPSTREAM_BUSY' });
    expect(channel.lines).toEqual([]);
  });

  it('is refused beyond a thousand at once', async () => {
    const client = await opened();
    for (let i = 0; i < 1000; i++) void client.request('a').catch(() => undefined);
    expect(await failure(client.request('a'))).toMatchObject({ code: 'UPSTREAM_BUSY' });
  });

  it('fails when the server ends, and so does every later one', async () => {
    const client = await opened();
    const outcome = failure(client.request('a'));
    await settle();
    channel.ends();
    expect(await outcome).toMatchObject({ code: 'UPSTREAM_EXITED' });
    expect(await failure(client.request('b'))).toMatchObject({ code: 'UPSTREAM_EXITED' });
    expect(await client.ended).toMatchObject({ code: 'UPSTREAM_EXITED' });
    expect([channel.released, clock.pending]).toEqual([['session-ended'], 0]);
  });

  it('fails when the server has shown that it is dead', async () => {
    const client = await opened();
    const outcome = failure(client.request('a'));
    channel.isDead = true;
    await clock.advance(250);
    expect(await outcome).toMatchObject({ code: 'UPSTREAM_EXITED' });
    expect(channel.released).toEqual(['session-ended']);
  });
});

describe('ChannelClient.list()', () => {
  /** A server with so many pages, each of two elements. */
  async function pages(count: number): Promise<ChannelClient> {
    const client = await opened();
    channel.onLine = ({ id, params }) => {
      const page = Number(params?.['cursor'] ?? 0);
      const nextCursor = page + 1 < count ? { nextCursor: String(page + 1) } : {};
      channel.says({ id, result: { tools: [page, 'x'], ...nextCursor } });
    };
    return client;
  }

  it('gives the elements of all pages', async () => {
    const client = await pages(3);
    expect(await client.list('tools/list', 'tools')).toEqual([0, 'x', 1, 'x', 2, 'x']);
  });

  it('fails on a list without an end', async () => {
    const client = await pages(Infinity);
    expect(await failure(client.list('tools/list', 'tools'))).toMatchObject({ code: 'UPSTREAM_GARBLED' });
    expect(channel.lines).toHaveLength(100);
  });

  it('fails when it is no list', async () => {
    const client = await pages(1);
    expect(await failure(client.list('prompts/list', 'prompts'))).toMatchObject({ code: 'UPSTREAM_GARBLED' });
  });
});

describe('ChannelClient, asked by the server,', () => {
  it('answers a ping, and refuses everything else', async () => {
    await opened();
    channel.says({ id: 'p', method: 'ping' });
    channel.says({ id: 7, method: 'sampling/createMessage', params: {} });
    expect(channel.sent).toEqual([
      { jsonrpc: '2.0', id: 'p', result: {} },
      { jsonrpc: '2.0', id: 7, error: { code: -32_601, message: expect.stringContaining('sampling') } },
    ]);
  });

  it('answers nothing while the server does not read', async () => {
    await opened();
    channel.isBusy = true;
    channel.says({ id: 'p', method: 'ping' });
    expect(channel.lines).toEqual([]);
  });

  it('hands on what it says by itself, but for progress', async () => {
    await opened();
    channel.says({ method: 'notifications/tools/list_changed' });
    channel.says({ method: 'notifications/progress', params: { progressToken: 9, progress: 1 } });
    expect(heard).toEqual([expect.stringMatching(/^notifications\/tools\/list_changed \d+$/)]);
  });
});

describe('ChannelClient.close()', () => {
  it('gives the lease back once, and pending requests the error', async () => {
    const client = await opened();
    const outcome = failure(client.request('a'));
    await Promise.all([client.close(new BridgeError('DRAINING', 'bye')), client.close()]);
    expect(await outcome).toMatchObject({ code: 'DRAINING' });
    expect([channel.released, clock.pending]).toEqual([['session-ended'], 0]);
  });
});
