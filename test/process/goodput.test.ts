import { setTimeout as pause } from 'node:timers/promises';
import { expect, it, jest } from '@jest/globals';
import { RawSession, type Answer } from '../support/mcp-client.ts';
import { fixture, serve } from '../support/program.ts';
import { resultOf } from '../support/together.ts';
import { timed } from '../support/until.ts';

jest.setTimeout(30_000);

/** A call takes this long, and four may be under way at once. */
const callMs = 50;
const atOnce = 4;

it('Ten times the load that a server can take costs little of what it does, and nothing afterwards', async () => {
  const pool = { min: 1, max: 1, maxOngoing: atOnce, queue: atOnce, acquireTimeout: '1s' };
  const servers = { busy: { command: fixture('together'), sharing: 'shared', pool } };
  await using bridge = await serve({ servers }, { args: ['--allow-process'] });
  await bridge.waitForLine(/✓ busy is ready/);
  const sessions = await Promise.all(Array.from({ length: 10 * atOnce }, () => RawSession.open(bridge.url, 'busy')));

  /** So many clients, each with a call every `callMs`, whatever becomes of them. */
  async function load(clients: number, forMs: number): Promise<{ perSecond: number; answers: readonly Answer[] }> {
    const endAt = performance.now() + forMs;
    const answers: Answer[] = [];
    const client = async (session: RawSession): Promise<void> => {
      while (performance.now() < endAt) {
        const [answer] = await Promise.all([session.call('sleep', { ms: callMs }), pause(callMs)]);
        answers.push(answer);
      }
    };
    const { ms } = await timed(() => Promise.all(sessions.slice(0, clients).map(client)));
    const good = answers.filter((answer) => resultOf(answer) === 'slept').length;
    return { perSecond: (good * 1000) / ms, answers };
  }

  const usual = await load(atOnce, 1000);
  const crowded = await load(10 * atOnce, 2000);
  process.stderr.write(
    `    ${usual.perSecond.toFixed(0)} good answers a second, ${crowded.perSecond.toFixed(0)} under ten times the load\n`,
  );
  const reasons = crowded.answers.map(({ message }) => message?.error?.data?.gangway?.reason);
  expect(new Set(reasons)).toEqual(new Set([undefined, 'POOL_FULL']));
  expect(crowded.perSecond).toBeGreaterThan(0.7 * usual.perSecond);
  const after = await timed(() => sessions[0]!.call('sleep', { ms: callMs }));
  expect(resultOf(after.result)).toBe('slept');
  expect(after.ms).toBeLessThan(1000);
});
