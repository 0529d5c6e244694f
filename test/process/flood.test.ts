import { Agent, request as httpRequest } from 'node:http';
import { expect, it, jest } from '@jest/globals';
import { bodyOf } from '../support/byte-client.ts';
import { initialize, RawSession, type Message } from '../support/mcp-client.ts';
import { childrenOf } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { median, timedBeyond, until } from '../support/until.ts';

jest.setTimeout(60_000);

const isLinux = process.platform === 'linux';

interface Opened {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly reason: string | undefined;
  readonly session: string | undefined;
}

/** Sends `initialize`, from some address of this machine, on a connection of its own. */
async function open(url: string, from = '127.0.0.1', agent?: Agent): Promise<Opened> {
  const response = await new Promise<Parameters<typeof bodyOf>[0]>((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
    const request = httpRequest(url, { method: 'POST', headers, localAddress: from, agent: agent ?? false });
    request.once('response', resolve);
    request.once('error', reject);
    request.end(JSON.stringify(initialize()));
  });
  const { error } = JSON.parse(String(await bodyOf(response))) as Message;
  const { statusCode: status = 0, headers } = response;
  const session = headers['mcp-session-id'];
  return {
    ...{ status, retryAfter: headers['retry-after'], reason: error?.data?.gangway?.reason },
    session: typeof session === 'string' ? session : undefined,
  };
}

/** The most processes of a bridge, and the most containers of a server that it says it has, until `isOver`. */
async function peakUntil(bridge: Program, server: string, isOver: () => boolean): Promise<number> {
  let peak = 0;
  while (!isOver()) {
    const { starting, warm, leased, retiring } = (await bridge.status()).servers[server]!.pool;
    peak = Math.max(peak, childrenOf(bridge.pid).length, starting + warm + leased + retiring);
  }
  return peak;
}

function tally(answers: readonly Opened[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, reason = 'ok' } of answers) {
    const key = `${status} ${reason}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

it('500 clients who come at once get no more containers than there may be, and everybody else a quick refusal (E1)', async () => {
  const pool = { warm: 0, max: 5, queue: 20, acquireTimeout: '8s' };
  await using bridge = await serve(
    { servers: { narrow: { command: fixture('well-behaved'), pool } } },
    { args: ['--allow-process'] },
  );
  const url = `${bridge.url}/narrow/mcp`;
  const flood = Array.from({ length: 500 }, () => open(url));
  let isLineFull = false;
  const peak = peakUntil(bridge, 'narrow', () => isLineFull);
  await until('a full line', async () => {
    const { leased, waiting, starting } = (await bridge.status()).servers['narrow']!.pool;
    return leased === 5 && waiting === 20 && starting === 0;
  });
  isLineFull = true;
  expect(await peak).toBe(5);

  // While it lasts, whoever comes is refused at once.
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  for (let i = 0; i < 100; i++) {
    const { ms, result } = await timedBeyond(bridge.url, () => open(url, undefined, agent));
    expect(result).toMatchObject({ status: 503, retryAfter: '1', reason: 'POOL_FULL' });
    times.push(ms);
  }
  agent.destroy();
  expect(median(times)).toBeLessThan(20);
  const answers = await Promise.all(flood);
  expect(tally(answers)).toEqual({ '200 ok': 5, '503 POOL_FULL': 475, '503 ACQUIRE_TIMEOUT': 20 });
  expect(answers.filter(({ status, retryAfter }) => status === 503 && retryAfter !== '1')).toEqual([]);
});

it('The limits of the node hold for all servers together; who finds no room is told so', async () => {
  const pool = { warm: 0, max: 5, acquireTimeout: '1s' };
  const server = { command: fixture('well-behaved'), pool };
  await using bridge = await serve(
    { limits: { containers: 3 }, servers: { one: server, two: server } },
    { args: ['--allow-process'] },
  );
  const urls = ['one', 'two'].map((name) => `${bridge.url}/${name}/mcp`);
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => open(urls[i % 2]!)));
  expect(tally(answers)).toEqual({ '200 ok': 3, '503 NODE_FULL': 5 });
  expect((await bridge.status()).limits).toEqual({
    ...{ containers: 3, memoryBytes: 3 * 512 * 1024 ** 2 },
    ...{ maxContainers: 3, maxMemoryBytes: 0 },
  });
});

it('A client has the room of another server’s idle containers', async () => {
  const idle = { command: fixture('well-behaved'), pool: { warm: 2 } };
  const wanted = { command: fixture('well-behaved'), pool: { warm: 0 } };
  await using bridge = await serve(
    { limits: { containers: 2 }, servers: { idle, wanted } },
    { args: ['--allow-process'] },
  );
  await until('two idle ones', async () => (await bridge.status()).servers['idle']?.pool.warm === 2);
  const session = await RawSession.open(bridge.url, 'wanted');
  expect((await bridge.status()).servers['idle']?.pool.warm).toBe(1);
  await session.delete();
  await until('both again', async () => (await bridge.status()).servers['idle']?.pool.warm === 2);
});

(isLinux ? it : it.skip)(
  'A client that fills the line locks nobody else out, and is served in turns (E2)',
  async () => {
    const pool = { warm: 0, max: 1, queue: 30, acquireTimeout: '20s' };
    await using bridge = await serve(
      { servers: { narrow: { command: fixture('well-behaved'), pool } } },
      { args: ['--allow-process'] },
    );
    const url = `${bridge.url}/narrow/mcp`;
    const inLine = async (): Promise<number> => (await bridge.status()).servers['narrow']?.pool.waiting ?? 0;
    const first = await RawSession.open(bridge.url, 'narrow');
    const served: Opened[] = [];
    const expelled: Opened[] = [];
    for (let i = 0; i < 30; i++) {
      open(url, '127.0.0.2')
        .then((opened) => (opened.status === 200 ? served : expelled).push(opened))
        .catch(() => undefined);
    }
    await until('a line of 30', async () => (await inLine()) === 30);
    const other = open(url, '127.0.0.3');
    await until('one to leave the line', () => expelled.length === 1);
    expect(expelled[0]).toMatchObject({ status: 503, reason: 'POOL_FULL' });

    await first.delete();
    const session = await until('the first in line', () => served[0]?.session);
    await fetch(url, { method: 'DELETE', headers: { 'Mcp-Session-Id': session } });
    // Twenty-eight callers of the greedy one wait still.
    expect([(await other).status, await inLine()]).toEqual([200, 28]);
  },
);
