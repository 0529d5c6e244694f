import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ContainerRecord } from '../../src/engine/engine.ts';
import { RunningWatch } from '../../src/engine/running-watch.ts';
import { ManualClock } from '../support/manual-clock.ts';

let clock: ManualClock;
let watch: RunningWatch;
let records: ContainerRecord[];
let asked: number;
let isFailing: boolean;

beforeEach(() => {
  clock = new ManualClock();
  records = [];
  asked = 0;
  isFailing = false;
  watch = new RunningWatch(() => {
    asked += 1;
    return isFailing ? Promise.reject(new Error('engine failed')) : Promise.resolve(records);
  }, clock);
});

/** Whether a wait is over. */
function follow(name: string): { isOver: boolean } {
  const state = { isOver: false };
  void watch.wait(name).then(() => {
    state.isOver = true;
  });
  return state;
}

function record(name: string, state: string): ContainerRecord {
  return { name, state, labels: {} };
}

describe('RunningWatch', () => {
  it('asks nothing while nothing starts', async () => {
    await clock.advance(10_000);
    expect(asked).toBe(0);
  });

  it('resolves once the engine says that the container runs', async () => {
    const a = follow('a');
    records = [record('a', 'running')];
    await clock.advance(300);
    expect(a.isOver).toBe(true);
  });

  it.each(['created', 'configured', 'initialized', 'exited', 'paused'])('waits on while it is %s', async (state) => {
    const a = follow('a');
    records = [record('a', state)];
    await clock.advance(3000);
    expect(a.isOver).toBe(false);
  });

  it('asks one question for all that are starting', async () => {
    follow('a');
    follow('b');
    follow('c');
    await clock.advance(300);
    expect(asked).toBe(1);
  });

  it('resolves only those that run', async () => {
    const a = follow('a');
    const b = follow('b');
    records = [record('b', 'running')];
    await clock.advance(300);
    expect([a.isOver, b.isOver]).toEqual([false, true]);
  });

  it('stops asking when all run', async () => {
    follow('a');
    records = [record('a', 'running')];
    await clock.advance(300);
    await clock.advance(10_000);
    expect(asked).toBe(1);
  });

  it('begins again for a later start', async () => {
    follow('a');
    records = [record('a', 'running'), record('b', 'running')];
    await clock.advance(1000);
    const b = follow('b');
    await clock.advance(300);
    expect(b.isOver).toBe(true);
  });

  it('asks again when the engine fails to answer', async () => {
    const a = follow('a');
    isFailing = true;
    await clock.advance(900);
    isFailing = false;
    records = [record('a', 'running')];
    await clock.advance(300);
    expect(a.isOver).toBe(true);
  });
});

describe('RunningWatch.stop()', () => {
  it('resolves the wait', async () => {
    const a = follow('a');
    watch.stop('a');
    await clock.advance(0);
    expect(a.isOver).toBe(true);
  });

  it('ends the questions', async () => {
    follow('a');
    watch.stop('a');
    await clock.advance(10_000);
    expect(asked).toBe(0);
  });

  it('does nothing for a name that nobody waits for', () => {
    expect(() => {
      watch.stop('nobody');
    }).not.toThrow();
  });
});
