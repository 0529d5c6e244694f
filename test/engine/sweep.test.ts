import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ContainerRecord } from '../../src/engine/engine.ts';
import { labelKeys } from '../../src/engine/labels.ts';
import { isOrphan, localProcesses, sweep, type ProcessTable } from '../../src/engine/sweep.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { quietLog, type QuietLog } from '../support/quiet-log.ts';

const self = { instance: 'ours', token: 'here.100.5000' };

/** Processes 100 (ourselves) and 200 live here. */
const processes: ProcessTable = {
  space: 'here',
  isAlive: (pid, start) => (pid === 100 && start === '5000') || (pid === 200 && start === '6000'),
};

function record(name: string, labels: Record<string, string>): ContainerRecord {
  return { name, state: 'running', labels };
}

function owned(instance: string, token: string, name = 'c'): ContainerRecord {
  return record(name, { [labelKeys.instance]: instance, [labelKeys.owner]: token });
}

describe('isOrphan()', () => {
  it.each([
    ['our own token', 'ours', 'here.100.5000', false],
    ['a live process here', 'ours', 'here.200.6000', false],
    ['a live process here, of another instance', 'theirs', 'here.200.6000', false],
    ['a dead process here', 'ours', 'here.300.7000', true],
    ['a dead process here, of another instance', 'theirs', 'here.300.7000', true],
    ['a process id that is in use again, with another start time', 'ours', 'here.200.1', true],
    ['our own process id with another start time', 'ours', 'here.100.1', true],
    ['a live process id without a start time', 'ours', 'here.200', true],
    ['another space, our instance', 'ours', 'there.200.6000', true],
    ['another space, another instance', 'theirs', 'there.200.6000', false],
    ['a malformed token, our instance', 'ours', 'garbage', true],
    ['a malformed token, another instance', 'theirs', 'garbage', false],
    ['a token of this space with a malformed pid, another instance', 'theirs', 'here.abc.1', false],
    ['an empty token, another instance', 'theirs', '', false],
  ])('for %s', (_what, instance, token, expected) => {
    expect(isOrphan(owned(instance, token), self, processes)).toBe(expected);
  });

  it('is false without an owner', () => {
    expect(isOrphan(record('c', { [labelKeys.instance]: 'ours' }), self, processes)).toBe(false);
  });

  it('is false for another instance that has no instance label', () => {
    expect(isOrphan(record('c', { [labelKeys.owner]: 'there.1.1' }), self, processes)).toBe(false);
  });
});

describe('localProcesses.isAlive()', () => {
  it('is false for this process with another start time', () => {
    expect(localProcesses.isAlive(process.pid, '1')).toBe(false);
  });

  it('is false for a process that cannot exist', () => {
    expect(localProcesses.isAlive(2 ** 30, '1')).toBe(false);
  });
});

describe('sweep()', () => {
  let engine: FakeEngine;
  let quiet: QuietLog;

  beforeEach(() => {
    engine = new FakeEngine(new ManualClock());
    quiet = quietLog();
  });

  const nobody = (): boolean => false;

  it('removes containers whose owner is gone', async () => {
    engine.foreign = [owned('ours', 'here.300.1', 'gangway-dead'), owned('ours', 'here.200.6000', 'gangway-alive')];
    await sweep(engine, self, nobody, quiet.log, processes);
    expect(engine.removals).toEqual([['gangway-dead']]);
  });

  it('returns the names that it removed', async () => {
    engine.foreign = [owned('ours', 'here.300.1', 'gangway-dead'), owned('ours', 'there.9.9', 'gangway-former')];
    expect(await sweep(engine, self, nobody, quiet.log, processes)).toEqual(['gangway-dead', 'gangway-former']);
  });

  it('removes one of our own that nobody holds', async () => {
    engine.foreign = [owned('ours', self.token, 'gangway-leaked')];
    expect(await sweep(engine, self, nobody, quiet.log, processes)).toEqual(['gangway-leaked']);
  });

  it('keeps one of our own that is held', async () => {
    engine.foreign = [owned('ours', self.token, 'gangway-held')];
    expect(await sweep(engine, self, (name) => name === 'gangway-held', quiet.log, processes)).toEqual([]);
  });

  it('does not touch foreign containers', async () => {
    engine.foreign = [record('postgres', {}), owned('theirs', 'there.1.1', 'gangway-neighbour')];
    await sweep(engine, self, nobody, quiet.log, processes);
    expect(engine.removals).toEqual([]);
  });

  it('does not touch a container that somebody else has named, whatever its labels say', async () => {
    engine.foreign = [owned('ours', 'here.300.1', 'victim')];
    await sweep(engine, self, nobody, quiet.log, processes);
    expect(engine.removals).toEqual([]);
  });

  it('asks for no removal when there is nothing to remove', async () => {
    await sweep(engine, self, nobody, quiet.log, processes);
    expect(engine.removals).toEqual([]);
  });

  it('says in the log what it removed', async () => {
    engine.foreign = [owned('ours', 'here.300.1', 'gangway-dead')];
    await sweep(engine, self, nobody, quiet.log, processes);
    expect(quiet.lines).toMatchObject([{ engine: 'podman', containers: ['gangway-dead'] }]);
  });

  it('says in the log that an orphan cannot be removed: an engine that gave its list is there', async () => {
    engine.foreign = [owned('ours', 'here.300.1', 'gangway-dead')];
    engine.isFailing = true;
    expect(await sweep(engine, self, nobody, quiet.log, processes)).toEqual([]);
    expect(quiet.lines).toMatchObject([{ engine: 'podman', containers: ['gangway-dead'] }]);
  });

  it('throws ENGINE_UNAVAILABLE when the engine gives no list', async () => {
    engine.isSilent = true;
    await expect(sweep(engine, self, nobody, quiet.log, processes)).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    });
  });
});
