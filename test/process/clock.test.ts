import { expect, it, jest } from '@jest/globals';
import { RawSession, textOf } from '../support/mcp-client.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { trouble } from '../support/trouble.ts';
import { until } from '../support/until.ts';

jest.setTimeout(30_000);

const hourMs = 3_600_000;

/** How far the clock of a bridge is from ours, by the newest line of its log. */
function aheadMs({ stderr }: Program): number {
  const { time } = JSON.parse(stderr.at(-1) ?? '{}') as { time?: string };
  return Date.parse(time ?? '') - Date.now();
}

it('A wall clock that jumps an hour ahead, then back, expires no session, and keeps none from its end', async () => {
  const server = (pool: object, more: object = {}): object => ({ command: fixture('well-behaved'), pool, ...more });
  const servers = {
    kept: server({ warm: 1, idleTimeout: '10m', maxAge: '30m' }, { callTimeout: '1s' }),
    short: server({ warm: 0, idleTimeout: '2s' }),
  };
  await using bridge = await serve({ servers }, { args: ['--allow-process'], env: trouble('jump') });
  const kept = await RawSession.open(bridge.url, 'kept');
  await until('a warm one', async () => (await bridge.status()).servers['kept']?.pool.warm === 1);
  const { starts } = (await bridge.status()).servers['kept']!.pool;

  for (const jumpMs of [hourMs, -hourMs]) {
    const short = await RawSession.open(bridge.url, 'short');
    bridge.signal('SIGUSR2');
    await until('the jump', async () => {
      await (await RawSession.open(bridge.url, 'short')).delete();
      return Math.abs(aheadMs(bridge) - jumpMs) < hourMs / 60;
    });
    expect(textOf((await kept.call('echo', { text: 'still here' })).message?.result)).toBe('still here');
    expect((await short.call('echo', { text: 'x' })).status).toBe(200);
    // What lasts for a second or two still does.
    expect((await kept.call('sleep', { ms: 600_000 })).message?.error?.data?.gangway?.reason).toBe('CALL_TIMEOUT');
    await until('an idle session to end', async () => (await bridge.status()).sessions === 1);
    expect((await short.call('echo', { text: 'x' })).status).toBe(404);
  }
  expect((await bridge.status()).servers['kept']?.pool).toMatchObject({ starts, warm: 1 });
});
