import { describe, expect, it } from '@jest/globals';
import type { Engine } from '../../src/engine/engine.ts';
import { awaitLastContainers, removeLastContainers } from '../../src/service/last-containers.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { quietLog } from '../support/quiet-log.ts';

/** Containers, and an engine that does with them what it is told to. */
function rig(remove: (names: readonly string[], held: Set<string>) => Promise<void>) {
  const clock = new ManualClock();
  const { log, lines } = quietLog();
  const held = new Set(['one', 'two']);
  const asked: (readonly string[])[] = [];
  const engine = {
    remove: (names: readonly string[]) => {
      asked.push(names);
      return remove(names, held);
    },
  } as Engine;
  const around = { engines: () => [engine], held, clock, log };
  /** When it is over, in milliseconds. */
  const endOf = async (work: Promise<void>): Promise<number> => {
    let endedAt: number | undefined;
    void work.then(() => {
      endedAt = clock.now();
    });
    while (endedAt === undefined) await clock.advance(10);
    return endedAt;
  };
  return { around, held, asked, clock, lines, endOf };
}

describe('awaitLastContainers()', () => {
  it('removes nothing when all end by themselves', async () => {
    const { around, held, asked, clock, endOf } = rig(() => Promise.resolve());
    clock.after(400, () => {
      held.clear();
    });
    expect(await endOf(awaitLastContainers(around))).toBeLessThanOrEqual(450);
    expect(asked).toEqual([]);
  });

  it('removes after 1.5 s what is left', async () => {
    const { around, held, asked, clock, endOf } = rig((names, all) => {
      for (const name of names) all.delete(name);
      return Promise.resolve();
    });
    clock.after(400, () => {
      held.delete('one');
    });
    expect(await endOf(awaitLastContainers(around))).toBeLessThanOrEqual(1650);
    expect(asked).toEqual([['two']]);
  });
});

describe('removeLastContainers()', () => {
  it('tries again for what could not be removed', async () => {
    let tries = 0;
    const { around, held, asked, lines, endOf } = rig((names, all) => {
      tries += 1;
      if (tries === 1) return Promise.reject(new Error('not yet'));
      for (const name of names) all.delete(name);
      return Promise.resolve();
    });
    await endOf(removeLastContainers(around));
    expect([asked.length, held.size]).toEqual([2, 0]);
    expect(lines.map(({ msg }) => msg)).toEqual(['could not remove containers']);
  });

  it('is over in 3 s although the engine hangs, and says what is left', async () => {
    const { around, lines, endOf } = rig(() => new Promise(() => undefined));
    const endedAt = await endOf(removeLastContainers(around));
    expect(endedAt).toBeGreaterThanOrEqual(3000);
    expect(endedAt).toBeLessThanOrEqual(3200);
    expect(lines).toEqual([expect.objectContaining({ level: 50, containers: ['one', 'two'] })]);
  });
});
