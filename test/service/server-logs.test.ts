import { describe, expect, it } from '@jest/globals';
import type { EnvEntry } from '../../src/config/config.ts';
import type { Exit } from '../../src/engine/engine.ts';
import { LogBook, type ServerLogs } from '../../src/service/server-logs.ts';
import { startUpstream } from '../../src/upstream/start.ts';
import { FakeEngine, type FakeChild } from '../support/fake-engine.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { serverConfig, startContext } from '../support/pool-rig.ts';

interface Rig {
  readonly logs: ServerLogs;
  readonly start: () => FakeChild;
  readonly follow: (count?: number) => { readonly heard: string[]; readonly cancel: () => void };
  readonly clock: ManualClock;
}

function rig(env: readonly EnvEntry[] = []): Rig {
  const clock = new ManualClock();
  const engine = new FakeEngine(clock);
  const context = startContext(clock);
  const logs = new LogBook().of('demo');
  return {
    ...{ logs, clock },
    start: () => {
      logs.add(startUpstream(engine, serverConfig({ env }), { kind: 'image', image: 'x' }, context));
      return engine.last;
    },
    follow: (count = 0) => {
      const heard: string[] = [];
      const cancel = logs.follow(count, {
        onLine: (container, text) => heard.push(`${container} | ${text}`),
        onNote: (container, text) => heard.push(`${container} * ${text}`),
        onEnd: () => heard.push('the end'),
      });
      return { heard, cancel };
    },
  };
}

async function end(child: FakeChild, exit: Exit): Promise<void> {
  child.exit(exit);
  await settle();
}

describe('ServerLogs.tails()', () => {
  it('has those that ended before those that run, each with its last lines', async () => {
    const { logs, start } = rig();
    const [first, second] = [start(), start()];
    second.stderr.write('one\ntwo\nthree\n');
    first.stderr.write('fatal\n');
    await end(first, { code: 3, signal: undefined });
    expect(logs.tails(2)).toEqual([
      { container: first.name, state: 'ended', exitCode: 3, lines: ['fatal'] },
      { container: second.name, state: 'running', lines: ['two', 'three'] },
    ]);
  });

  it('says which signal ended a container', async () => {
    const { logs, start } = rig();
    await end(start(), { code: undefined, signal: 'SIGSEGV' });
    expect(logs.tails(1)).toMatchObject([{ state: 'ended', signal: 'SIGSEGV', lines: [] }]);
  });

  it('remembers the last five that ended', async () => {
    const { logs, start } = rig();
    const children = Array.from({ length: 8 }, start);
    for (const [i, child] of children.entries()) {
      child.stderr.write(`line ${i}\n`);
      await end(child, { code: i, signal: undefined });
    }
    expect(logs.tails(1).map(({ lines }) => lines[0])).toEqual([3, 4, 5, 6, 7].map((i) => `line ${i}`));
  });

  it('has no secret of the server, neither while it runs nor after', async () => {
    const { logs, start } = rig([{ name: 'KEY', value: 'hunter2hunter2', secret: true }]);
    const child = start();
    child.stderr.write('bad key hunter2hunter2\n');
    await settle();
    const running = logs.tails(5);
    await end(child, { code: 1, signal: undefined });
    expect([...running, ...logs.tails(5)].map(({ lines }) => lines)).toEqual([
      ['bad key [redacted]'],
      ['bad key [redacted]'],
    ]);
  });

  it('has what a container wrote right before it ended', async () => {
    const { logs, start } = rig();
    const child = start();
    child.stderr.write('x'.repeat(600_000));
    child.stderr.write('\nlast words');
    await end(child, { code: 1, signal: undefined });
    await settle();
    expect(logs.tails(1)[0]).toMatchObject({ state: 'ended', lines: ['last words'] });
  });
});

describe('ServerLogs.follow()', () => {
  it('begins with the last lines of all, and goes on with new ones of any', async () => {
    const { start, follow } = rig();
    const [gone, old] = [start(), start()];
    gone.stderr.write('fatal\n');
    await end(gone, { code: 3, signal: undefined });
    old.stderr.write('one\ntwo\n');
    await settle();
    const { heard } = follow(1);
    const young = start();
    old.stderr.write('three\n');
    await settle();
    young.stderr.write('hello\n');
    await settle();
    expect(heard).toEqual([
      `${gone.name} | fatal`,
      `${gone.name} * ended with exit code 3`,
      `${old.name} | two`,
      `${old.name} | three`,
      `${young.name} | hello`,
    ]);
  });

  it('has the last words of a container, its unfinished line too, before its end', async () => {
    const { start, follow } = rig();
    const child = start();
    const { heard } = follow();
    child.stderr.write('going down\nno time to');
    await end(child, { code: undefined, signal: 'SIGKILL' });
    expect(heard.slice(-3)).toEqual([
      `${child.name} | going down`,
      `${child.name} | no time to`,
      `${child.name} * ended by SIGKILL`,
    ]);
  });

  it('says how many lines of a flood it left out', async () => {
    const { clock, start, follow } = rig();
    const child = start();
    const { heard } = follow();
    child.stderr.write('x\n'.repeat(250));
    await settle();
    await clock.advance(1000);
    expect(heard).toHaveLength(101);
    expect(heard.at(-1)).toBe(`${child.name} * 150 lines left out: more than 100 came within a second`);
  });

  it('is told nothing more once it is cancelled', async () => {
    const { start, follow } = rig();
    const child = start();
    const { heard, cancel } = follow();
    cancel();
    child.stderr.write('one\n');
    start().stderr.write('two\n');
    await end(child, { code: 0, signal: undefined });
    expect(heard).toEqual([]);
  });

  it('throws SESSION_LIMIT for an eleventh reader, and not when one has left', () => {
    const { follow } = rig();
    const readers = Array.from({ length: 10 }, () => follow());
    expect(() => follow()).toThrow(expect.objectContaining({ code: 'SESSION_LIMIT' }));
    readers[0]?.cancel();
    expect(follow().heard).toEqual([]);
  });
});

describe('LogBook', () => {
  it('knows one log for each name', () => {
    const book = new LogBook();
    expect(book.of('a')).toBe(book.of('a'));
    expect(book.of('a')).not.toBe(book.of('b'));
  });

  it('ends all reading when it is closed', () => {
    const book = new LogBook();
    const ends: string[] = [];
    for (const name of ['a', 'b']) {
      const mute = (): void => undefined;
      book.of(name).follow(0, { onLine: mute, onNote: mute, onEnd: () => ends.push(name) });
    }
    book.close();
    book.close();
    expect(ends).toEqual(['a', 'b']);
  });
});
