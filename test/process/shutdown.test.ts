import { describe, expect, it, jest } from '@jest/globals';
import { bodyOf, ByteClient } from '../support/byte-client.ts';
import { initialize, post, RawSession, textOf } from '../support/mcp-client.ts';
import { childrenOf } from '../support/processes.ts';
import { fixture, serve } from '../support/program.ts';
import { trouble } from '../support/trouble.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(40_000);

const args = ['--allow-process'];
const servers = {
  good: { command: fixture('well-behaved'), pool: { warm: 0 } },
  stubborn: { command: fixture('ignores-eof-and-sigterm'), pool: { warm: 0 } },
};

describe('The first signal', () => {
  it('lets 30 calls end, as documents and as streams, and takes nothing new meanwhile', async () => {
    await using bridge = await serve({ servers }, { args });
    using idle = await ByteClient.open(bridge.url, 'good');
    const sessions = await Promise.all([1, 2, 3].map(() => RawSession.open(bridge.url, 'good')));
    const listening = await sessions[0]!.listen();
    const calls = sessions.flatMap((session, s) =>
      Array.from({ length: 10 }, (_, n) => {
        const ms = 3000 + 50 * (10 * s + n);
        if (n % 2 === 0) return session.call('sleep', { ms });
        return session.request('tools/call', {
          name: 'progress',
          arguments: { steps: 3, ms: ms / 3 },
          _meta: { progressToken: n },
        });
      }),
    );
    await until('30 calls', async () => (await bridge.status()).callsInFlight === 30);
    bridge.signal('SIGTERM');
    await bridge.waitForLine(/"draining"/);

    const ready = await fetch(`${bridge.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'not ready', reason: 'draining' }]);
    expect((await fetch(`${bridge.url}/healthz`)).status).toBe(200);
    const late = await post(`${bridge.url}/good/mcp`, initialize('late'));
    expect([late.status, late.message?.id, late.message?.error?.data?.gangway?.reason]).toEqual([
      503,
      'late',
      'DRAINING',
    ]);
    expect(late.headers.get('retry-after')).toBe('1');
    const more = await idle.send({ pieces: [Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}')] });
    more.resume();
    expect([more.statusCode, more.headers.connection]).toEqual([503, 'close']);

    const answers = await Promise.all(calls);
    expect(answers.map(({ message }) => textOf(message?.result))).toEqual(
      answers.map((_, i) => ((i % 10) % 2 === 0 ? 'slept' : 'done')),
    );
    expect(answers.filter(({ messages }) => messages.length === 4)).toHaveLength(15);
    await listening.ended;
    expect(await bridge.ended).toBe(0);
    expect(childrenOf(bridge.pid)).toEqual([]);
  });
});

describe('The first signal, when somebody does not come to an end,', () => {
  const bulk = { bulk: { command: fixture('bulk'), pool: { warm: 0 } } };

  it('leaves an answer to a slow reader the time that it takes', async () => {
    await using bridge = await serve({ servers: bulk }, { args });
    using client = await ByteClient.open(bridge.url, 'bulk');
    const bytes = 24 * 1024 ** 2;
    const call = { jsonrpc: '2.0', id: 1, method: 'text', params: { bytes } };
    const unread = await client.send({ pieces: [Buffer.from(JSON.stringify(call))] });
    bridge.signal('SIGTERM');
    // Its session is over, and its server gone.
    await until('the server to be gone', () => childrenOf(bridge.pid).length === 0);
    await bridge.waitForLine(/session closed/);
    const closedAt = performance.now();
    await until('a second to pass', () => performance.now() - closedAt > 1000);
    const { result } = JSON.parse(String(await bodyOf(unread))) as { result: { content: { text: string }[] } };
    expect(textOf(result).length).toBeGreaterThanOrEqual(bytes - 1024);
    const { ms, result: code } = await timed(() => bridge.ended);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(5000);
  });

  it('ends within 25 s: a call that never ends gets DRAINING', async () => {
    await using bridge = await serve({ servers: { good: { ...servers.good, callTimeout: '5m' } } }, { args });
    const session = await RawSession.open(bridge.url, 'good');
    const call = session.call('sleep', { ms: 600_000 });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    const { ms, result } = await timed(() => bridge.stop());
    expect((await call).message?.error?.data?.gangway?.reason).toBe('DRAINING');
    expect(result).toBe(0);
    expect(ms).toBeGreaterThan(19_000);
    expect(ms).toBeLessThan(25_000);
    expect(childrenOf(bridge.pid)).toEqual([]);
  });
});

describe('The second signal', () => {
  it('ends with 1 also when only servers are left that will not go', async () => {
    await using bridge = await serve({ servers }, { args });
    await RawSession.open(bridge.url, 'stubborn');
    bridge.signal('SIGTERM');
    await bridge.waitForLine(/session closed/);
    bridge.signal('SIGTERM');
    expect(await bridge.ended).toBe(1);
    expect(childrenOf(bridge.pid)).toEqual([]);
  });
});

describe('A fault that nobody caught', () => {
  it.each([
    ['uncaughtException', trouble('throw')],
    ['unhandledRejection', trouble('reject')],
  ])('(%s) is logged, answers what is open, leaves no process and ends with 1 within 5 s', async (fault, env) => {
    await using bridge = await serve({ servers }, { args, env });
    const session = await RawSession.open(bridge.url, 'stubborn');
    const call = session.call('sleep', { ms: 60_000 });
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    bridge.signal('SIGUSR2');
    const { ms, result } = await timed(() => bridge.ended);
    expect(result).toBe(1);
    expect(ms).toBeLessThan(5000);
    expect((await call).message?.error?.data?.gangway?.reason).toBe('DRAINING');
    expect(childrenOf(bridge.pid)).toEqual([]);
    const faults = bridge.stderr.filter((line) => line.includes('a fault in Gangway: injected'));
    expect(faults.map((line) => (JSON.parse(line) as { fault: string }).fault)).toEqual([fault]);
  });
});
