import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, jest } from '@jest/globals';
import { initialize, post, RawSession, type Answer } from '../support/mcp-client.ts';
import { fixture, serve, temporaryFolder } from '../support/program.ts';
import { median, timed, timedBeyond, until } from '../support/until.ts';

jest.setTimeout(60_000);

/** What a refusal says: why, and for how long to wait, in both places. */
function refusal({ message, headers }: Answer): { reason: unknown; retryAfterMs: number; retryAfter: number } {
  const { reason, retryAfterMs } = { retryAfterMs: 0, ...message?.error?.data?.gangway };
  return { reason, retryAfterMs, retryAfter: Number(headers.get('retry-after')) };
}

it.each(['dies-at-start', 'dies-on-initialize'])(
  'A server that %s is left alone after five failures, and no other server is (C12)',
  async (habit) => {
    const broken = { command: fixture(habit), pool: { warm: 0 } };
    const sound = { command: fixture('well-behaved'), pool: { warm: 0 } };
    await using bridge = await serve({ servers: { broken, sound } }, { args: ['--allow-process'] });
    const url = `${bridge.url}/broken/mcp`;
    for (let i = 0; i < 5; i++) expect(refusal(await post(url, initialize())).reason).toBe('START_FAILED');
    const { starts } = (await bridge.status()).servers['broken']!.pool;

    const times: number[] = [];
    for (let i = 0; i < 20; i++) {
      const { ms, result } = await timedBeyond(bridge.url, () => post(url, initialize()));
      const { reason, retryAfterMs, retryAfter } = refusal(result);
      expect([result.status, reason, retryAfter]).toEqual([503, 'CIRCUIT_OPEN', Math.ceil(retryAfterMs / 1000)]);
      expect(result.message?.error?.message).toMatch(/it failed too often .* \(last error: Cannot start the server/);
      times.push(ms);
    }
    expect(median(times)).toBeLessThan(20);
    expect((await bridge.status()).servers['broken']?.pool).toMatchObject({ starts, circuit: 'open' });
    const session = await RawSession.open(bridge.url, 'sound');
    expect((await session.call('echo', { text: 'hello' })).status).toBe(200);
  },
);

it('A server that was mended serves again when the wait is over (C12)', async () => {
  using folder = temporaryFolder();
  const repair = path.join(folder.path, 'repair');
  const script = 'if (require("fs").existsSync(process.argv[1])) import(process.argv[2]); else process.exit(3)';
  const command = ['node', '-e', script, repair, fixture('well-behaved')[1]];
  const servers = { broken: { command, pool: { warm: 0 } } };
  await using bridge = await serve({ servers }, { args: ['--allow-process'] });
  const url = `${bridge.url}/broken/mcp`;
  for (let i = 0; i < 5; i++) await post(url, initialize());
  const { reason, retryAfterMs } = refusal(await post(url, initialize()));
  expect([reason, retryAfterMs <= 8000]).toEqual(['CIRCUIT_OPEN', true]);
  writeFileSync(repair, '');
  const { ms } = await timed(() => until('a session', () => RawSession.open(bridge.url, 'broken'), { everyMs: 100 }));
  expect(ms).toBeLessThan(retryAfterMs + 3000);
  expect((await bridge.status()).servers['broken']?.pool.circuit).toBe('closed');
});
