import { describe, expect, it } from '@jest/globals';
import { endChild, graceMs } from '../../src/upstream/stop.ts';
import { FakeEngine, type FakeChild, type Habit } from '../support/fake-engine.ts';
import type { EngineKind } from '../../src/engine/engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { quietLog, type LogLine } from '../support/quiet-log.ts';

interface Rig {
  readonly clock: ManualClock;
  readonly engine: FakeEngine;
  readonly child: FakeChild;
  readonly lines: LogLine[];
  /** What `endChild` said; undefined while it works. */
  result: boolean | undefined;
  readonly end: (grace?: number) => void;
}

function rig(habit: Habit = {}, kind: EngineKind = 'podman'): Rig {
  const clock = new ManualClock();
  const engine = new FakeEngine(clock, habit, kind);
  const { log, lines } = quietLog();
  const child = engine.launch({
    ...{ name: 'c', labels: {}, source: { kind: 'image', image: 'x' }, args: [], env: [], mounts: [] },
    ...{ user: undefined, network: 'outbound', sandbox: 'default', lifetimeSeconds: 1 },
    resources: { cpus: 0, memoryBytes: 0, pids: 0 },
  });
  const made: Rig = {
    ...{ clock, engine, child, lines, result: undefined },
    end(grace = graceMs) {
      void endChild(child, engine, grace, clock, log).then((result) => {
        made.result = result;
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
    expect(made.result).toBe(true);
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
    expect([made.result, made.engine.live]).toEqual([true, []]);
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
    expect([made.result, made.engine.live]).toEqual([true, []]);
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
    expect([made.result, made.child.wasKilled]).toEqual([true, false]);
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
    expect(made.result).toBe(true);
  });
});

describe('endChild(), with an engine that fails,', () => {
  it('tries again until it works', async () => {
    const made = rig({ ignoresEof: true });
    made.engine.isFailing = true;
    made.end();
    await made.clock.advance(3000);
    made.engine.isFailing = false;
    await made.clock.advance(5000);
    expect([made.result, made.engine.live]).toEqual([true, []]);
  });

  it('reports each failure', async () => {
    const { end, clock, engine, lines } = rig({ ignoresEof: true });
    engine.isFailing = true;
    end();
    await clock.advance(2000);
    expect(lines).toMatchObject([
      { level: 40, container: 'c', attempt: 1 },
      { level: 40, container: 'c', attempt: 2 },
    ]);
  });

  it('says in the end that it is not gone', async () => {
    const made = rig({ ignoresEof: true });
    made.engine.isFailing = true;
    made.end();
    await made.clock.advance(minutes);
    expect(made.result).toBe(false);
  });

  it('does not kill the client of a container that may still run', async () => {
    const { end, clock, child, engine } = rig({ ignoresEof: true });
    engine.isFailing = true;
    end();
    await clock.advance(minutes);
    expect(child.wasKilled).toBe(false);
  });
});

describe('endChild(), for a client that was killed,', () => {
  it('removes the container that it left behind', async () => {
    const made = rig({ ignoresEof: true });
    made.child.kill();
    made.end();
    await made.clock.advance(0);
    expect([made.result, made.engine.live]).toEqual([true, []]);
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
