import { expect, it, jest } from '@jest/globals';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { RawSession } from '../support/mcp-client.ts';
import { serve } from '../support/program.ts';
import { median, timed, until } from '../support/until.ts';
import { uncounted } from '../support/containers.ts';

jest.setTimeout(containerTestMs);

const rounds = 5;

describeEachEngine('A warm container', (engine) => {
  it('answers initialize in less than a fifth of the time that a cold start takes', async () => {
    const memory = { image: 'docker.io/mcp/memory', network: 'none', startTimeout: '60s' };
    const servers = {
      cold: { ...memory, pool: { warm: 0 } },
      warm: { ...memory, pool: { warm: 1 } },
    };
    await using bridge = await serve({ defaults: uncounted, servers }, { args: ['--engine', engine] });
    await bridge.waitForLine(/✓ cold is ready/, 60_000);
    const times = { cold: [] as number[], warm: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      for (const server of ['cold', 'warm'] as const) {
        // One at a time: nothing else is starting or ending.
        await until('a quiet moment', async () => {
          const pools = Object.values((await bridge.status()).servers).map(({ pool }) => pool);
          const isQuiet = pools.every(({ starting, retiring }) => starting === 0 && retiring === 0);
          return isQuiet && pools.some(({ warm }) => warm === 1);
        });
        const { ms, result: session } = await timed(() => RawSession.open(bridge.url, server));
        times[server].push(ms);
        await session.delete();
      }
    }
    const [cold, warm] = [median(times.cold), median(times.warm)];
    process.stderr.write(`    ${engine}: initialize cold ${cold.toFixed(0)} ms, warm ${warm.toFixed(0)} ms\n`);
    expect(warm).toBeLessThan(cold / 5);
  });
});
