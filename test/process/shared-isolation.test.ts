import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Juggler, randomOf, violations, type History } from '../support/juggle.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(60_000);

const sessions = 18;
const servers = ['one', 'two', 'three'] as const;

let bridge: Program;

beforeAll(async () => {
  const shared = (count: number) => ({
    command: fixture('juggler', 'shared'),
    sharing: 'shared',
    pool: { min: count, max: count, queue: 1000, acquireTimeout: '30s' },
  });
  const config = { one: shared(1), two: shared(2), three: shared(3), mortal: shared(1) };
  bridge = await serve({ servers: config }, { args: ['--allow-process'] });
  await bridge.waitForLine(/✓ mortal is ready/);
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

async function untilQuiet(): Promise<void> {
  await until('nothing to be left', async () => {
    const { sessions: left, callsInFlight, servers: all } = await bridge.status();
    return left + callsInFlight + Object.values(all).reduce((sum, { pool }) => sum + pool.ongoing, 0) === 0;
  });
}

describe('Many sessions on one, two and three processes, with the same ids and progress tokens', () => {
  it.each([1, Date.now() % 100_000])('keep to themselves, and each request has one answer (seed %i)', async (seed) => {
    const history: History = { calls: [], received: [], totals: new Map() };
    const random = randomOf(seed);
    const manners = ['tidy', 'tidy', 'rough', 'deleted'] as const;
    const runs = Array.from({ length: sessions }, (_, i) => {
      const manner = manners[Math.floor(i / servers.length) % manners.length] ?? 'tidy';
      const name = `${seed}-${i}`;
      const sharing = { isShared: true, isMortal: false };
      return Juggler.run(bridge.url, servers[i % 3]!, name, manner, randomOf(random(2 ** 31)), history, sharing);
    });
    await Promise.all(runs);
    expect(violations(history)).toEqual([]);
    expect(history.received.length).toBeGreaterThan(sessions * 15);
    await untilQuiet();
  });

  it('get one answer each, too, when a process of theirs dies, and go on with another', async () => {
    const history: History = { calls: [], received: [], totals: new Map() };
    const manners = ['tidy', 'tidy', 'mortal', 'tidy', 'rough', 'tidy', 'mortal', 'tidy'] as const;
    const runs = manners.map((manner, i) => {
      const sharing = { isShared: true, isMortal: true };
      return Juggler.run(bridge.url, 'mortal', `mortal-${i}`, manner, randomOf(i), history, sharing);
    });
    await Promise.all(runs);
    expect(violations(history)).toEqual([]);
    const { starts } = (await bridge.status()).servers['mortal']!.pool;
    expect(starts).toBeGreaterThan(1);
    await untilQuiet();
  });
});
