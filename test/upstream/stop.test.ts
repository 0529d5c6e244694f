import { describe, expect, it } from '@jest/globals';
import { endChild, graceMs } from '../../src/upstream/stop.ts';
import { FakeEngine, type FakeChild, type Habit } from '../support/fake-engine.ts';
import type { EngineKind } from '../../src/engine/engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { Leaks } from '../../src/upstream/leaks.ts';
import { quietLog, type LogLine } from '../support/quiet-log.ts';

interface Rig {
  readonly clock: ManualClock;
  readonly engine: FakeEngine;
  readonly child: FakeChild;
  readonly lines: LogLine[];
  readonly leaks: Leaks;
  /** Whether `endChild` is done. */
  isDone: boolean;
  readonly end: (grace?: number) => void;
}

function rig(habit: Habit = {}, kind: EngineKind = 'podman'): Rig {
  const clock = new ManualClock();
  const engine = new FakeEngine(clock, habit, kind);
  const { log, lines } = quietLog();
  const leaks = new Leaks(clock);
  const child = engine.launch({
    ...{ name: 'c', labels: {}, source: { kind: 'image', image: 'x' }, args: [], env: [], mounts: [] },
    ...{ user: undefined, network: 'outbound', sandbox: 'default', lifetimeSeconds: 1 },
    resources: { cpus: 0, memoryBytes: 0, pids: 0 },
  });
  const made: Rig = {
    ...{ clock, engine, child, lines, leaks, isDone: false },
    end(grace = graceMs) {
      void endChild(child, { engine, clock, log, leaks, server: 'demo' }, grace).then(() => {
        made.isDone = true;
      });
    },
  };
  return made;
}

const minutes = 60_000;

describe('endChild(), for a server that ends with its input,', () => {
  it('asks for no removal', async () => {
    const { end, clock, engine } = rig();
    end();
    await clock.advance(minutes);
    expect(engine.removals).toEqual([]);
  });

  it('says that it is gone, without waiting', async () => {
    const made = rig();
    made.end();
    await made.clock.advance(0);
    expect(made.isDone).toBe(true);
  });

  it('leaves no timer behind', async () => {
    const { end, clock } = rig();
    end();
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });

  it('removes a plain process all the same, for what it may have started', async () => {
    const { end, clock, engine } = rig({}, 'process');
    end();
    await clock.advance(0);
    expect(engine.removals).toEqual([['c']]);
  });
});

describe('endChild(), for a stubborn server,', () => {
  it('asks for nothing before the grace is over', async () => {
    const { end, clock, engine } = rig({ ignoresEof: true });
    end();
    await clock.advance(999);
    expect(engine.removals).toEqual([]);
  });

  it('removes it by name after the grace', async () => {
    const { end, clock, engine } = rig({ ignoresEof: true });
    end();
    await clock.advance(1000);
    expect(engine.removals[0]).toEqual(['c']);
  });

  it('has it gone within 3 s', async () => {
    const made = rig({ ignoresEof: true });
    made.end();
    await made.clock.advance(3000);
    expect([made.isDone, made.engine.live]).toEqual([true, []]);
  });

  it('never kills its client', async () => {
    const { end, clock, child } = rig({ ignoresEof: true });
    end();
    await clock.advance(minutes);
    expect(child.wasKilled).toBe(false);
  });

  it('removes at once without a grace', async () => {
    const { end, clock, engine } = rig({ ignoresEof: true });
    end(0);
    await clock.advance(0);
    expect(engine.removals[0]).toEqual(['c']);
  });
});

describe('endChild(), while the client still starts,', () => {
  it('tries the removal again until there is something to remove', async () => {
    const made = rig({ ignoresEof: true, startsAfterMs: 4000 });
    made.end();
    await made.clock.advance(8000);
    expect([made.isDone, made.engine.live]).toEqual([true, []]);
  });

  it('does not kill the client', async () => {
    const { end, clock, child } = rig({ ignoresEof: true, startsAfterMs: 4000 });
    end();
    await clock.advance(8000);
    expect(child.wasKilled).toBe(false);
  });

  it('is content with one that comes up, sees the end of its input and leaves', async () => {
    const made = rig({ startsAfterMs: 4000 });
    made.end();
    await made.clock.advance(8000);
    expect([made.isDone, made.child.wasKilled]).toEqual([true, false]);
  });
});

describe('endChild(), for a client that never ends,', () => {
  it('kills the client only after many removals went through', async () => {
    const { end, clock, child, engine } = rig({ ignoresEof: true, ignoresRemoval: true });
    end();
    let removalsAtKill = -1;
    const kill = child.kill.bind(child);
    child.kill = () => {
      removalsAtKill = engine.removals.length;
      kill();
    };
    await clock.advance(minutes);
    expect(removalsAtKill).toBe(12);
  });

  it('removes once more after the kill', async () => {
    const { end, clock, engine } = rig({ ignoresEof: true, ignoresRemoval: true });
    end();
    await clock.advance(minutes);
    expect(engine.removals).toHaveLength(13);
  });

  it('comes to an end within half a minute', async () => {
    const made = rig({ ignoresEof: true, ignoresRemoval: true });
    made.end();
    await made.clock.advance(30_000);
    expect(made.isDone).toBe(true);
  });
});

describe('endChild(), with an engine that fails,', () => {
  /** A stubborn child that is to end, while removals fail. */
  function failing(): Rig {
    const made = rig({ ignoresEof: true });
    made.engine.isFailing = true;
    made.end();
    return made;
  }

  it('tries again until it works', async () => {
    const made = failing();
    await made.clock.advance(3000);
    made.engine.isFailing = false;
    await made.clock.advance(5000);
    expect([made.isDone, made.engine.live]).toEqual([true, []]);
  });

  it('shows the container as leaked after the second failure', async () => {
    const { clock, leaks } = failing();
    await clock.advance(1000);
    expect(leaks.list()).toEqual([]);
    await clock.advance(500);
    expect(leaks.list()).toEqual([{ container: 'c', server: 'demo', sinceSeconds: 0, attempts: 2 }]);
  });

  it('tries for ever, every half minute in the end, and forgets nothing', async () => {
    const made = failing();
    await made.clock.advance(10 * minutes);
    const before = made.engine.removals.length;
    await made.clock.advance(10 * minutes);
    expect([made.isDone, made.engine.removals.length - before]).toEqual([false, 20]);
    expect(made.leaks.list()).toMatchObject([{ container: 'c', sinceSeconds: 1199 }]);
  });

  it('is done at once when the engine is back and says so', async () => {
    const made = failing();
    await made.clock.advance(10 * minutes);
    made.engine.isFailing = false;
    made.leaks.retryNow();
    await made.clock.advance(0);
    expect([made.engine.live, made.leaks.list()]).toEqual([[], []]);
  });

  it('shows nothing any more when the container has ended by itself', async () => {
    const made = failing();
    await made.clock.advance(minutes);
    made.child.exit();
    await made.clock.advance(0);
    expect([made.isDone, made.leaks.list()]).toEqual([true, []]);
  });

  it('never removes twice at the same time', async () => {
    const { clock, engine, leaks } = failing();
    let under = 0;
    let most = 0;
    engine.remove = async () => {
      under += 1;
      most = Math.max(most, under);
      await new Promise<void>((resolve) => clock.after(3000, resolve));
      under -= 1;
      throw new Error('fake');
    };
    for (let n = 0; n < 60; n++) {
      leaks.retryNow();
      await clock.advance(1000);
    }
    expect(most).toBe(1);
  });

  it('reports each failure', async () => {
    const { end, clock, engine, lines } = rig({ ignoresEof: true });
    engine.isFailing = true;
    end();
    await clock.advance(2000);
    expect(lines).toMatchObject([
      { level: 40, container: 'c', attempt: 1 },
      { level: 40, container: 'c', attempt: 2 },
      { level: 50, container: 'c', server: 'demo' },
    ]);
  });

  it('does not kill the client of a container that may still run', async () => {
    const { end, clock, child, engine } = rig({ ignoresEof: true });
    engine.isFailing = true;
    end();
    await clock.advance(minutes);
    expect(child.wasKilled).toBe(false);
  });
});

describe('Leaks.pause()', () => {
  it('leaves nothing behind that waits', async () => {
    const clock = new ManualClock();
    const leaks = new Leaks(clock);
    const over = Promise.resolve();
    await Promise.all([leaks.pause(1000, over), clock.advance(0)]);
    expect(clock.pending).toBe(0);
  });
});

describe('endChild(), for a client that was killed,', () => {
  it('removes the container that it left behind', async () => {
    const made = rig({ ignoresEof: true });
    made.child.kill();
    made.end();
    await made.clock.advance(0);
    expect([made.isDone, made.engine.live]).toEqual([true, []]);
  });

  it('tries again when the engine fails', async () => {
    const made = rig({ ignoresEof: true });
    made.child.kill();
    made.engine.isFailing = true;
    made.end();
    await made.clock.advance(0);
    made.engine.isFailing = false;
    await made.clock.advance(10_000);
    expect(made.engine.live).toEqual([]);
  });
});

describe('endChild(), after an exit of its own,', () => {
  it.each([125, 126, 127, 137, 143])('removes what exit code %d may have left behind', async (code) => {
    const { child, end, clock, engine } = rig();
    child.exit({ code, signal: undefined });
    end(0);
    await clock.advance(0);
    expect(engine.removals).toEqual([['c']]);
  });

  it.each([0, 1, 124])('removes nothing after exit code %d', async (code) => {
    const { child, end, clock, engine } = rig();
    child.exit({ code, signal: undefined });
    end(0);
    await clock.advance(0);
    expect(engine.removals).toEqual([]);
  });

  it('removes what a program that could not be started may have left behind', async () => {
    const { child, end, clock, engine } = rig();
    child.exit({ code: undefined, signal: undefined, error: 'EAGAIN' });
    end(0);
    await clock.advance(0);
    expect(engine.removals).toEqual([['c']]);
  });
});
