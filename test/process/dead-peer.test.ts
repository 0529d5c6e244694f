import { expect, it, jest } from '@jest/globals';
import { ByteClient } from '../support/byte-client.ts';
import { canMakeMachines, connectionsTo, makeMachine } from '../support/far-client.ts';
import { fixture, serve } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(90_000);

const limitMs = 30_000;

const isRequired = (process.env['GANGWAY_REQUIRE_ENGINES'] ?? '') !== '';
const canRun = isRequired || canMakeMachines();
// eslint-disable-next-line no-console
if (!canRun) console.warn('Skipped: no network namespaces here; they need Linux, root and `ip` (iproute2).');

/**
 * The kernel's own time-outs do not do: it asks after an idle peer only when nothing is left to be acknowledged, and
 * repeats what is not acknowledged for a quarter of an hour.
 */
(canRun ? it : it.skip)('A client that vanishes without a word is noticed within 30 s, idle or not', async () => {
  using idle = makeMachine(0);
  using busy = makeMachine(1);
  const listen = { host: '0.0.0.0', insecureNoAuth: true };
  const servers = { good: { command: fixture('well-behaved'), pool: { warm: 0 } } };
  await using bridge = await serve({ listen, servers }, { args: ['--allow-process'] });
  const port = Number(new URL(bridge.url).port);
  const base = `http://127.0.0.1:${port}`;
  using quiet = await ByteClient.open(base, 'good');
  using chatty = await ByteClient.open(base, 'good');
  using near = await ByteClient.open(base, 'good');
  const change = (id: number): string =>
    JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'change' } });

  const alive = await near.listen();
  let isAlive = true;
  alive.resume().once('close', () => {
    isAlive = false;
  });
  await idle.listen(port, 'good', quiet.id);
  const stream = await busy.listen(port, 'good', chatty.id);
  await chatty.post(change(1));
  await until('an event over there', () => stream.text().includes('list_changed'));
  expect([connectionsTo(idle.far), connectionsTo(busy.far)]).toEqual([1, 1]);

  const vanishedAt = performance.now();
  idle.vanish();
  busy.vanish();
  // This one stays without an acknowledgement; the idle stream has a comment every 15 s.
  await chatty.post(change(2));
  const gone = async (address: string): Promise<number> => {
    await until(`the end of ${address}`, () => connectionsTo(address) === 0, { limitMs, everyMs: 200 });
    return performance.now() - vanishedAt;
  };
  const times = await Promise.all([gone(idle.far), gone(busy.far)]);
  expect(Math.max(...times)).toBeLessThan(limitMs);

  // Streams of others stay, and so do the sessions: their clients may come back.
  expect(isAlive).toBe(true);
  for (const client of [quiet, chatty, near]) expect((await client.post(change(9))).status).toBe(200);
  alive.destroy();
});
