import { readdirSync } from 'node:fs';
import { expect, it, jest } from '@jest/globals';
import { containersOf, fixtureImage } from '../support/containers.ts';
import { containerTestMs, describeEachEngine, type EngineName } from '../support/engines.ts';
import { RawSession, textOf } from '../support/mcp-client.ts';
import { residentBytes } from '../support/processes.ts';
import { serve } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(2 * containerTestMs);

const max = 20;
const sessions = 100;

describeEachEngine('Clients that leave without a word', (engine) => {
  it('100 of them never hold more than 20 containers, and leave none, nor memory, nor files, behind', async () => {
    const image = await fixtureImage(engine);
    const pool = { warm: 0, max, queue: sessions, acquireTimeout: '2m', idleTimeout: '3s' };
    const churned = { image, args: ['/servers/well-behaved.mjs'], network: 'none', pull: 'never', startTimeout: '60s' };
    await using bridge = await serve(
      // As many starts at once as places: the cap alone holds them back.
      { limits: { starts: max }, servers: { churned: { ...churned, pool } } },
      // A small nursery: garbage that nobody has collected yet must not look like a leak.
      { args: ['--engine', engine], env: { NODE_OPTIONS: '--max-semi-space-size=1' } },
    );
    const { instance } = await bridge.status();
    await until('readiness', async () => (await fetch(`${bridge.url}/readyz`)).ok);
    const descriptorsBefore = countDescriptors(bridge.pid);
    const samples: number[] = [];
    const memory: number[] = [];
    let begun = 0;
    const client = async (): Promise<void> => {
      while (begun < sessions) {
        begun += 1;
        const text = `client ${begun}`;
        const session = await RawSession.open(bridge.url, 'churned');
        // It says one thing and is never heard of again.
        expect(textOf((await session.call('echo', { text })).message?.result)).toBe(text);
        memory.push(residentBytes(bridge.pid));
      }
    };
    let isOver = false;
    const sampling = until(
      'the end',
      async () => {
        samples.push((await containersOf(engine, instance)).length);
        return isOver;
      },
      { limitMs: 2 * containerTestMs, everyMs: 250 },
    );
    const [opened, afterLast] = await measure(client, engine, instance).finally(() => {
      isOver = true;
    });
    await sampling;

    const growth = Math.max(...memory.slice(-max)) - Math.max(...memory.slice(0, max));
    process.stderr.write(
      `    ${engine}: ${sessions} sessions in ${Math.round(opened.ms / 1000)} s, at most ${Math.max(...samples)} containers in ${samples.length} samples, ` +
        `all gone ${Math.round(afterLast.ms)} ms after the last, memory grew by ${(growth / 1024 ** 2).toFixed(1)} MiB\n`,
    );
    expect(memory.length).toBeGreaterThanOrEqual(sessions);
    expect(Math.max(...samples)).toBeLessThanOrEqual(max);
    expect(growth).toBeLessThan(30 * 1024 ** 2);
    // The engine's client ends a moment after its container is off the list.
    await until('the bridge to hold none', async () => (await bridge.status()).containers === 0);
    expect(await bridge.status()).toMatchObject({ sessions: 0, containers: 0 });
    // What the clients' connections hold goes with them.
    await until('no file to be left open', () => countDescriptors(bridge.pid) <= descriptorsBefore + 5);
  });
});

function countDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** How long all clients took, and how long after the last one the last container was gone. */
async function measure(
  client: () => Promise<void>,
  engine: EngineName,
  instance: string,
): Promise<readonly [{ ms: number }, { ms: number }]> {
  const opened = await timed(() => Promise.all(Array.from({ length: 2 * max }, () => client())));
  const afterLast = await timed(() =>
    until('the last containers to be gone', async () => (await containersOf(engine, instance)).length === 0),
  );
  return [opened, afterLast];
}
