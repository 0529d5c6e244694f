import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { childrenOf } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(30_000);

let bridge: Program;

const habits = ['modern', 'dual', 'legacy', 'exits', 'slow'] as const;

beforeAll(async () => {
  const servers = Object.fromEntries(
    habits.flatMap((habit) => {
      const command = fixture('era', habit);
      return [
        [habit, { command }],
        [`${habit}-shared`, { command, sharing: 'shared' }],
      ];
    }),
  );
  const lazy = { command: fixture('era', 'legacy'), pool: { warm: 0 } };
  const chosen = { command: fixture('era', 'modern'), modern: 'fallback' };
  bridge = await serve({ servers: { ...servers, lazy, chosen } }, { args: ['--allow-process'] });
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

async function eraOf(server: string): Promise<unknown> {
  const { servers } = (await bridge.status()) as unknown as { servers: Record<string, { modern: { era: string } }> };
  return servers[server]?.modern.era;
}

describe('/status says of a server', () => {
  it.each([
    ['modern', 'modern'],
    ['modern-shared', 'modern'],
    ['dual', 'dual'],
    ['dual-shared', 'dual'],
    ['legacy', 'legacy'],
    ['legacy-shared', 'legacy'],
    ['exits', 'legacy'],
    ['exits-shared', 'legacy'],
    ['slow', 'legacy'],
    ['slow-shared', 'legacy'],
  ])('%s, once it was asked: %s', async (server, era) => {
    await until(`${server} to be known`, async () => (await eraOf(server)) !== 'unknown', { limitMs: 20_000 });
    expect(await eraOf(server)).toBe(era);
  });

  it.each(['lazy', 'chosen'])('%s nothing: it is not asked', async (server) => {
    await until('the others to be known', async () => (await eraOf('slow')) !== 'unknown', { limitMs: 20_000 });
    expect(await eraOf(server)).toBe('unknown');
  });
});

describe('A question', () => {
  it('leaves no process behind but those of the pools', async () => {
    const isKnown = async (server: string): Promise<boolean> => (await eraOf(server)) !== 'unknown';
    const legacyOnes = ['legacy', 'exits', 'slow'];
    await until('all to be known', async () => (await Promise.all(legacyOnes.map(isKnown))).every(Boolean), {
      limitMs: 20_000,
    });
    const processes = (): string[] =>
      childrenOf(bridge.pid).flatMap(({ environment }) => environment.get('GANGWAY_SERVER') ?? []);
    const left = (): string[] => processes().filter((server) => legacyOnes.includes(server));
    await until('one of each', () => Promise.resolve(left().length === legacyOnes.length), { limitMs: 10_000 });
    expect(left().sort()).toEqual(['exits', 'legacy', 'slow']);
  });
});
