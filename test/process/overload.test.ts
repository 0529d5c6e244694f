import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, jest } from '@jest/globals';
import { ByteClient } from '../support/byte-client.ts';
import { launcherOf, launcherPid } from '../support/launcher.ts';
import { initialize, post, RawSession, textOf, type Answer, type Listening } from '../support/mcp-client.ts';
import { childrenOf } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { trouble } from '../support/trouble.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(60_000);

const allow = ['--allow-process'];
const server = (pool: object = {}): object => ({ command: fixture('well-behaved'), pool: { warm: 0, ...pool } });

const reasonOf = ({ message }: Answer): string | undefined => message?.error?.data?.gangway?.reason;

/** What every refusal for want of room looks like. */
function expectRefusal(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  expect(answer.message?.error?.data?.gangway).toMatchObject({ retryable: true, retryAfterMs: expect.any(Number) });
}

interface LoadStatus {
  readonly isRefusing: string;
  readonly gates: readonly { readonly gate: string; readonly refuses: string }[];
  readonly descriptors: number;
  readonly maxDescriptors: number;
}

async function loadOf(bridge: Program): Promise<LoadStatus> {
  const status = (await (await fetch(`${bridge.url}/status`)).json()) as { load: LoadStatus };
  return status.load;
}

describe('A flood of initialize', () => {
  it('never starts more servers than max; the others are refused with 503 and Retry-After, or were served', async () => {
    const pool = { max: 5, queue: 10, acquireTimeout: '2s' };
    await using bridge = await serve({ servers: { small: server(pool) } }, { args: allow });
    let most = 0;
    let isOver = false;
    const watch = (async () => {
      await until(
        'the end of the flood',
        () => {
          most = Math.max(most, childrenOf(bridge.pid).length);
          return isOver;
        },
        { limitMs: 40_000 },
      );
    })();
    const flood = (): Promise<Answer[]> =>
      Promise.all(Array.from({ length: 500 }, (_, id) => post(`${bridge.url}/small/mcp`, initialize(id))));
    const { ms, result: answers } = await timed(flood);
    isOver = true;
    await watch;

    expect(most).toBe(5);
    expect(answers).toHaveLength(500);
    const refused = answers.filter(({ status }) => status !== 200);
    for (const answer of refused) expectRefusal(answer);
    expect(new Set(refused.map(reasonOf))).toContain('POOL_FULL');
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(5);
    expect(answers.map(({ message }) => message?.id)).toEqual(Array.from({ length: 500 }, (_, id) => id));
    expect(ms).toBeLessThan(20_000);
    expect((await bridge.status()).containers).toBeLessThanOrEqual(5);
  });
});

describe('limits.calls', () => {
  it('bounds the requests of all sessions together', async () => {
    await using bridge = await serve({ limits: { calls: 4 }, servers: { good: server() } }, { args: allow });
    const [one, two] = [await RawSession.open(bridge.url, 'good'), await RawSession.open(bridge.url, 'good')];
    const slow = [one, one, two, two].map((session) => session.call('sleep', { ms: 1500 }));
    await until('four calls', async () => (await bridge.status()).callsInFlight === 4);
    const refused = await Promise.all([
      one.call('echo', { text: 'x' }),
      two.call('echo', { text: 'x' }),
      post(`${bridge.url}/good/mcp`, initialize()),
    ]);
    for (const answer of refused) {
      expectRefusal(answer);
      expect(reasonOf(answer)).toBe('OVERLOADED');
    }
    expect((await one.notify('notifications/x')).status).toBe(202);
    for (const answer of await Promise.all(slow)) expect(textOf(answer.message?.result)).toBe('slept');
    expect(textOf((await two.call('echo', { text: 'again' })).message?.result)).toBe('again');
  });
});

describe('A bridge that is short of something', () => {
  it.each([
    ['time', 'loopDelay', trouble('block')],
    ['memory', 'heap', trouble('hoard', '--max-old-space-size=200')],
  ] as const)('(%s) takes no session, goes on with those that it has, and recovers', async (_, gate, env) => {
    await using bridge = await serve({ servers: { good: server() } }, { args: allow, env });
    const session = await RawSession.open(bridge.url, 'good');
    bridge.signal('SIGUSR2');
    await until(
      'sessions to be refused, for this reason alone',
      async () => JSON.stringify((await loadOf(bridge)).gates) === JSON.stringify([{ gate, refuses: 'sessions' }]),
      { limitMs: 20_000, everyMs: 200 },
    );
    const refused = await post(`${bridge.url}/good/mcp`, initialize());
    expectRefusal(refused);
    expect(reasonOf(refused)).toBe('OVERLOADED');
    expect(textOf((await session.call('echo', { text: 'still here' })).message?.result)).toBe('still here');
    const [health, ready] = await Promise.all([fetch(`${bridge.url}/healthz`), fetch(`${bridge.url}/readyz`)]);
    expect([health.status, ready.status]).toEqual([200, 200]);

    bridge.signal('SIGUSR2');
    // Memory is given back when V8 finds the time.
    await until('everything to be taken again', async () => (await loadOf(bridge)).isRefusing === 'nothing', {
      limitMs: 30_000,
      everyMs: 200,
    });
    expect((await post(`${bridge.url}/good/mcp`, initialize())).status).toBe(200);
    const told = bridge.stderr.filter((line) => line.includes(`"gate":"${gate}","refuses":"sessions"`));
    expect(told).toEqual([
      expect.stringContaining('"overloaded: new sessions are refused"'),
      expect.stringContaining('"no longer overloaded: new sessions are taken again"'),
    ]);
  });
});

const hasPrlimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;

(hasPrlimit ? describe : describe.skip)('A bridge with few file descriptors', () => {
  const used = ({ pid }: Pick<Program, 'pid'>): number => readdirSync(`/proc/${pid}/fd`).length;
  const allowDescriptors = ({ pid }: Pick<Program, 'pid'>, soft: number): void => {
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`]);
  };

  /** Lets it open so many more: its limit is one on numbers, and the lowest free ones are given first. */
  const leaveFree = ({ pid }: Pick<Program, 'pid'>, count: number): void => {
    const taken = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
    const free = Array.from({ length: taken.size + count + 1 }, (_, i) => i).filter((each) => !taken.has(each));
    allowDescriptors({ pid }, free[count]!);
  };

  /** Connections that say nothing; those that the bridge does not take end. */
  function idle(bridge: Program, count: number): { open(): number; end(): void } {
    const sockets = Array.from({ length: count }, (): Socket => {
      const socket = connect(Number(new URL(bridge.url).port), '127.0.0.1');
      socket.on('error', () => undefined);
      return socket;
    });
    return {
      open: () => sockets.filter(({ closed, pending }) => !closed && !pending).length,
      end: () => {
        for (const socket of sockets) socket.destroy();
      },
    };
  }

  it('keeps half of them from connections: sessions go on, and so do starts', async () => {
    const through = ['prlimit', '--nofile=192:192'];
    await using bridge = await serve({ servers: { good: server() } }, { args: allow, through });
    using client = await ByteClient.open(bridge.url, 'good');
    // Another one, which has a connection by now.
    using newcomer = new ByteClient(`${bridge.url}/good/mcp`);
    expect((await newcomer.post('{"jsonrpc":"2.0","id":1,"method":"ping"}')).status).toBe(400);
    const before = used(bridge);
    const crowd = idle(bridge, 300);
    await until('the bridge to have taken what it takes', () => crowd.open() <= 96 && used(bridge) > 96);
    for (let id = 1; id <= 20; id++) {
      const { status } = await client.post(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
      expect(status).toBe(200);
    }
    expect(used(bridge)).toBeLessThanOrEqual(before + 96);
    expect((await newcomer.post(JSON.stringify(initialize()))).status).toBe(200);
    crowd.end();
    await until('room for another', async () => (await RawSession.open(bridge.url, 'good')).id);
  });

  it('refuses a session rather than begin a start that cannot end well, and recovers', async () => {
    await using bridge = await serve({ servers: { good: server() } }, { args: allow });
    using client = await ByteClient.open(bridge.url, 'good');
    const session = await RawSession.open(bridge.url, 'good');
    leaveFree(bridge, 3);
    const refused = await post(`${bridge.url}/good/mcp`, initialize());
    expectRefusal(refused);
    expect(reasonOf(refused)).toBe('OVERLOADED');
    expect((await client.post('{"jsonrpc":"2.0","id":1,"method":"ping"}')).status).toBe(200);
    expect(await session.delete()).toBe(200);
    allowDescriptors(bridge, 1024);
    await until('a session', async () => (await post(`${bridge.url}/good/mcp`, initialize())).status === 200, {
      everyMs: 200,
    });
  });

  it.each([
    ['for a program', 6, 'OVERLOADED'],
    ['for its streams', 1, 'ENGINE_UNAVAILABLE'],
  ])(
    'refuses a session when its launcher has none left %s, blames no server, and recovers',
    async (_, left, reason) => {
      await using bridge = await serve({ servers: { good: server() } }, { args: allow });
      const session = await RawSession.open(bridge.url, 'good');
      const launcher = { pid: await launcherPid(bridge) };
      leaveFree(launcher, left);
      for (let n = 0; n < 6; n++) {
        const refused = await post(`${bridge.url}/good/mcp`, initialize());
        expectRefusal(refused);
        expect(reasonOf(refused)).toBe(reason);
      }
      expect(textOf((await session.call('echo', { text: 'still here' })).message?.result)).toBe('still here');
      allowDescriptors(launcher, 1024);
      expect((await post(`${bridge.url}/good/mcp`, initialize())).status).toBe(200);
      expect(await launcherOf(bridge)).toEqual({ pid: launcher.pid, restarts: 0 });
    },
  );

  it('survives when there is none left for a connection', async () => {
    await using bridge = await serve({ servers: { good: server() } }, { args: allow });
    using client = await ByteClient.open(bridge.url, 'good');
    allowDescriptors(bridge, 128);
    const crowd = idle(bridge, 200);
    // Whether the system turns the others away or lets them wait is its business.
    await until('none to be left', () => used(bridge) >= 124);
    // Over the connection that it has: an answer, whatever it is.
    const { status } = await client.post('{"jsonrpc":"2.0","id":1,"method":"ping"}');
    expect([200, 503]).toContain(status);
    crowd.end();
    await until('the session to go on', async () => {
      const answer = await client.post('{"jsonrpc":"2.0","id":2,"method":"ping"}');
      return answer.status === 200;
    });
    await until('a new one', async () => (await post(`${bridge.url}/good/mcp`, initialize())).status === 200);
    expect(bridge.stderr.filter((line) => line.includes('a fault in Gangway'))).toEqual([]);
  });
});

describe('Many GET streams', () => {
  it('of one session are four at the most: a new one ends the oldest', async () => {
    await using bridge = await serve({ servers: { good: server() } }, { args: allow });
    const session = await RawSession.open(bridge.url, 'good');
    const streams: Listening[] = [];
    for (let n = 0; n < 12; n++) streams.push(await session.listen());
    await Promise.all(streams.slice(0, 8).map(({ ended }) => ended));
    await session.call('change');
    await until('the newest to have the news', () => streams.at(-1)?.messages.length === 1);
    expect(streams.map(({ messages }) => messages.length)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    for (const stream of streams) stream.close();
  });
});
