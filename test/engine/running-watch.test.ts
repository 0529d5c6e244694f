import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ContainerRecord } from '../../src/engine/engine.ts';
import { Fates } from '../../src/engine/fates.ts';
import { RunningWatch } from '../../src/engine/running-watch.ts';
import { ManualClock } from '../support/manual-clock.ts';

let clock: ManualClock;
let fates: Fates;
let watch: RunningWatch;
let records: ContainerRecord[];
let asked: number;
let isFailing: boolean;

beforeEach(() => {
  clock = new ManualClock();
  records = [];
  asked = 0;
  isFailing = false;
  fates = new Fates();
  const list = (): Promise<ContainerRecord[]> => {
    asked += 1;
    return isFailing ? Promise.reject(new Error('engine failed')) : Promise.resolve(records);
  };
  watch = new RunningWatch(list, fates, 300, clock);
});

/** Whether a wait is over. */
function follow(name: string): { isOver: boolean } {
  const state = { isOver: false };
  void fates.expect(name).running.then(() => {
    state.isOver = true;
  });
  watch.begin();
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

describe('RunningWatch, when somebody else tells,', () => {
  it('asks nothing about what runs already', async () => {
    follow('a');
    fates.runs('a');
    await clock.advance(10_000);
    expect(asked).toBe(0);
  });

  it('asks nothing about what has ended', async () => {
    follow('a');
    fates.close('a', { code: 0, signal: undefined });
    await clock.advance(10_000);
    expect(asked).toBe(0);
  });
});
