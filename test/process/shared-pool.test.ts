import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { post, RawSession, textOf } from '../support/mcp-client.ts';
import { childrenOf } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { poolOf, resultOf } from '../support/together.ts';
import { until } from '../support/until.ts';

jest.setTimeout(20_000);

let bridge: Program;

beforeAll(async () => {
  const shared = (pool: object) => ({ command: fixture('together'), sharing: 'shared', modern: 'translate', pool });
  const soon = { upscaleDelay: '0s', downscaleDelay: '300ms', lookBack: '200ms' };
  const servers = {
    lazy: shared({ ...soon, min: 0, max: 1 }),
    'lazy-and-strict': shared({ ...soon, min: 0, max: 1, queue: 0 }),
    used: shared({ min: 1, max: 1, maxUses: 3 }),
    fixed: shared({ ...soon, min: 2, max: 2, target: 1 }),
    elastic: shared({ ...soon, min: 1, max: 4, target: 5, acquireTimeout: '10s' }),
    narrow: shared({ max: 1, maxOngoing: 1, queue: 1, acquireTimeout: '10s' }),
  };
  bridge = await serve({ servers }, { args: ['--allow-process'] });
  await bridge.waitForLine(/✓ narrow is ready/);
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

const sessions: RawSession[] = [];

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.delete()));
});

async function open(server: string): Promise<RawSession> {
  const session = await RawSession.open(bridge.url, server);
  sessions.push(session);
  return session;
}

/** Processes of one server that run. */
function processesOf(server: string): number {
  return childrenOf(bridge.pid).filter(({ environment }) => environment.get('GANGWAY_SERVER') === server).length;
}

interface Loaded {
  /** Each different answer. */
  readonly answers: Set<string>;
  /** The most processes that there were at a time. */
  readonly most: number;
}

/** So many clients that call a tool of 100 ms, each over and over, until there is nothing more to see. */
async function load(server: string, clients: number, isOver: (calls: number) => Promise<boolean>): Promise<Loaded> {
  const answers = new Set<string>();
  let calls = 0;
  let most = 0;
  let goesOn = true;
  const working = Array.from({ length: clients }, async () => {
    const session = await open(server);
    while (goesOn) {
      const { status, text, message } = await session.call('sleep', { ms: 100 });
      answers.add(message?.result ? textOf(message.result) : `${status} ${text}`);
      calls += 1;
    }
  });
  const look = async (): Promise<boolean> => {
    const { starting, ready, draining, retiring } = await poolOf(bridge, server);
    most = Math.max(most, starting + ready + draining + retiring);
    return isOver(calls);
  };
  await until('the load to show', look, { everyMs: 50 }).finally(() => {
    goesOn = false;
  });
  await Promise.all(working);
  return { answers, most };
}

describe('A shared server with min: 0', () => {
  const asleep = (server: string): Promise<boolean> =>
    until('its last process to end', async () => {
      const { starting, ready, draining, retiring } = await poolOf(bridge, server);
      return starting + ready + draining + retiring === 0 && processesOf(server) === 0;
    });

  it('starts once to learn what it offers, ends when nobody calls, and wakes for a call', async () => {
    await asleep('lazy');
    expect((await poolOf(bridge, 'lazy')).starts).toBe(1);
    const session = await open('lazy');
    expect(session.opened.message?.result?.['serverInfo']).toEqual({ name: 'together', version: '1.0.0' });
    const tools = (await session.request('tools/list')).message?.result?.['tools'] as { name: string }[];
    expect(tools.map(({ name }) => name)).toContain('echo');
    const { message } = await session.request('resources/list', {}, { id: '1' });
    expect(message).toEqual({ jsonrpc: '2.0', id: '1', result: { resources: [{ uri: 'test://one', name: 'one' }] } });
    expect((await session.request('ping')).message?.result).toEqual({});
    expect([(await poolOf(bridge, 'lazy')).starts, processesOf('lazy')]).toEqual([1, 0]);
    expect(resultOf(await session.call('echo', { text: 'awake' }))).toBe('awake');
    expect((await poolOf(bridge, 'lazy')).starts).toBe(2);
    await asleep('lazy');
  });

  it('stays awake for a client that watches a resource', async () => {
    const [a, b] = [await open('lazy'), await open('lazy')];
    await a.request('resources/subscribe', { uri: 'test://one' });
    const stream = await a.listen();
    const { starts } = await poolOf(bridge, 'lazy');
    // Another one with the same delays goes to sleep meanwhile.
    await (await open('lazy-and-strict')).call('echo');
    await asleep('lazy-and-strict');
    await b.call('touch', { uri: 'test://one' });
    await until('a to hear of it', () => stream.messages.length === 1);
    expect([(await poolOf(bridge, 'lazy')).starts, processesOf('lazy')]).toEqual([starts, 1]);
    stream.close();
    await a.delete();
    await asleep('lazy');
  });

  it('wakes for a call also when nobody may wait in line', async () => {
    await asleep('lazy-and-strict');
    const session = await open('lazy-and-strict');
    expect(resultOf(await session.call('echo', { text: 'awake' }))).toBe('awake');
  });
});

describe('A shared server with maxUses', () => {
  it('gets a new process after so many calls, and no call fails', async () => {
    const session = await open('used');
    const pids: string[] = [];
    await until('a third process', async () => {
      pids.push(resultOf(await session.call('pid')));
      return new Set(pids).size === 3;
    });
    expect(pids.every((pid) => /^\d+$/.test(pid))).toBe(true);
    for (const pid of [...new Set(pids)].slice(0, 2))
      expect(pids.filter((each) => each === pid).length).toBeGreaterThanOrEqual(3);
  });
});

describe('A shared server with a fixed number of processes', () => {
  it('has them from the beginning, and no more under load', async () => {
    expect(await poolOf(bridge, 'fixed')).toMatchObject({ ready: 2, starts: 2 });
    const { answers, most } = await load('fixed', 40, (calls) => Promise.resolve(calls > 100));
    expect([[...answers], most]).toEqual([['slept'], 2]);
    expect(await poolOf(bridge, 'fixed')).toMatchObject({ ready: 2, starts: 2 });
  });
});

describe('A shared server between min and max', () => {
  it('follows 60 calls of 100 ms up and down again, and no call fails', async () => {
    expect(await poolOf(bridge, 'elastic')).toMatchObject({ ready: 1, target: 1 });
    const { answers, most } = await load('elastic', 60, async () => (await poolOf(bridge, 'elastic')).ready === 4);
    expect([[...answers], most]).toEqual([['slept'], 4]);
    await until('all but one to end', async () => {
      const { ready, draining, retiring } = await poolOf(bridge, 'elastic');
      return ready === 1 && draining + retiring === 0 && processesOf('elastic') === 1;
    });
    expect((await poolOf(bridge, 'elastic')).target).toBe(1);
  });
});

describe('The line of a shared server', () => {
  it('that is full: POOL_FULL, and when to come back', async () => {
    const [a, b] = [await open('narrow'), await open('narrow')];
    const held = a.call('hold');
    await until('a call', async () => (await poolOf(bridge, 'narrow')).ongoing === 1);
    const waits = b.call('echo', { text: 'waited' });
    await until('a call in line', async () => (await poolOf(bridge, 'narrow')).waiting === 1);
    const body = { jsonrpc: '2.0', id: 'too many', method: 'tools/call', params: { name: 'echo' } };
    const { status, headers, message } = await post(b.url, body, { headers: b.headers });
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    expect(message).toMatchObject({
      ...{ id: 'too many' },
      error: {
        code: -32603,
        data: { gangway: { reason: 'POOL_FULL', retryable: true, max: 1, waiting: 1, queue: 1 } },
      },
    });
    // `ping` needs no process.
    expect((await b.request('ping')).message?.result).toEqual({});
    await a.delete();
    expect(resultOf(await waits)).toBe('waited');
    await held;
  });
});
