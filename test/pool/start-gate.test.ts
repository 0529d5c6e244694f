import { beforeEach, describe, expect, it } from '@jest/globals';
import { deferred, type Deferred } from '../../src/base/deferred.ts';
import { StartGate, type StartPriority, type Turn } from '../../src/pool/start-gate.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { settle } from '../support/manual-clock.ts';

let gate: StartGate;
/** Names in the order of their starts. */
let opened: string[];
let settling: Map<string, Deferred<void>>;
let leaving: Map<string, Deferred<void>>;

beforeEach(() => {
  gate = new StartGate(1);
  opened = [];
  settling = new Map();
  leaving = new Map();
});

function start(name: string, priority: StartPriority = 'foreground'): Turn {
  const settled = deferred();
  const gone = deferred();
  settling.set(name, settled);
  leaving.set(name, gone);
  return gate.start(priority, () => {
    opened.push(name);
    return { name, settled: settled.promise, gone: gone.promise } as unknown as Upstream;
  });
}

async function finish(name: string): Promise<void> {
  settling.get(name)?.resolve();
  await settle();
}

describe('StartGate.start()', () => {
  it('opens at once when there is room', async () => {
    start('a');
    await settle();
    expect(opened).toEqual(['a']);
  });

  it('resolves with what was opened before it has settled', async () => {
    await expect(start('a').upstream).resolves.toMatchObject({ name: 'a' });
  });

  it('opens no more at once than it is told', async () => {
    gate = new StartGate(3);
    for (const name of ['a', 'b', 'c', 'd', 'e']) start(name);
    await settle();
    expect(opened).toEqual(['a', 'b', 'c']);
  });

  it('gives a place on when a server runs', async () => {
    start('a');
    start('b');
    await finish('a');
    expect(opened).toEqual(['a', 'b']);
  });

  it('gives a place on when a server is gone that never ran', async () => {
    start('a');
    start('b');
    leaving.get('a')?.resolve();
    await settle();
    expect(opened).toEqual(['a', 'b']);
  });

  it('keeps the order among equals', async () => {
    for (const name of ['a', 'b', 'c', 'd']) start(name, 'refill');
    for (const name of ['a', 'b', 'c', 'd']) await finish(name);
    expect(opened).toEqual(['a', 'b', 'c', 'd']);
  });

  it('lets a client go before the refills', async () => {
    start('a', 'refill');
    start('b', 'refill');
    start('c', 'foreground');
    await finish('a');
    expect(opened).toEqual(['a', 'c']);
  });

  it('rejects with what opening threw', async () => {
    const { upstream } = gate.start('foreground', () => {
      throw new Error('no');
    });
    await expect(upstream).rejects.toThrow('no');
  });

  it('goes on after an opening that threw', async () => {
    gate
      .start('foreground', () => {
        throw new Error('no');
      })
      .upstream.catch(() => undefined);
    start('b');
    await settle();
    expect(opened).toEqual(['b']);
  });

  it('counts those that wait', async () => {
    for (const name of ['a', 'b', 'c']) start(name);
    await settle();
    expect(gate.waiting).toBe(2);
  });
});

describe('StartGate.resize()', () => {
  it('lets more of those that wait begin at once', async () => {
    for (const name of ['a', 'b', 'c', 'd']) start(name);
    gate.resize(3);
    await settle();
    expect(opened).toEqual(['a', 'b', 'c']);
  });

  it('lets those that have begun go on when it becomes smaller', async () => {
    gate = new StartGate(2);
    for (const name of ['a', 'b', 'c', 'd']) start(name);
    gate.resize(1);
    await finish('a');
    const whileTwoRan = [...opened];
    await finish('b');
    expect([whileTwoRan, opened]).toEqual([
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]);
  });
});

describe('Turn.promote()', () => {
  it('moves a refill before the others', async () => {
    start('a', 'refill');
    start('b', 'refill');
    start('c', 'refill').promote();
    await finish('a');
    expect(opened).toEqual(['a', 'c']);
  });

  it('does not pass a client that came before', async () => {
    start('a', 'refill');
    const turn = start('b', 'refill');
    start('c', 'foreground');
    turn.promote();
    await finish('a');
    expect(opened).toEqual(['a', 'c']);
  });

  it('does nothing once the start has begun', async () => {
    const turn = start('a', 'refill');
    await settle();
    expect(() => {
      turn.promote();
    }).not.toThrow();
  });

  it('may be called twice', async () => {
    start('a', 'refill');
    const turn = start('b', 'refill');
    turn.promote();
    turn.promote();
    await finish('a');
    expect(opened).toEqual(['a', 'b']);
  });
});
