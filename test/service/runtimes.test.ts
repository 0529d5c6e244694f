import { describe, expect, it } from '@jest/globals';
import type { ServerConfig } from '../../src/config/config.ts';
import type { ConfigDiff } from '../../src/config/diff.ts';
import { Runtimes, type Runtime } from '../../src/service/runtimes.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { serverConfig } from '../support/pool-rig.ts';
import { quietLog } from '../support/quiet-log.ts';

/** A runtime that only notes what is asked of it. */
class FakeRuntime implements Runtime {
  readonly config: ServerConfig;
  readonly asked: string[] = [];
  sessions = 0;
  containers = 0;

  constructor(config: ServerConfig) {
    this.config = config;
  }

  get isEmpty(): boolean {
    return this.containers === 0;
  }

  resize({ pool: { max } }: ServerConfig): void {
    this.asked.push(`resize ${max}`);
  }

  retire(): void {
    this.asked.push('retire');
  }

  drain(): void {
    this.asked.push('drain');
  }
}

interface Rig {
  readonly runtimes: Runtimes<FakeRuntime>;
  readonly clock: ManualClock;
  /** What is served under a name. */
  readonly at: (name: string) => FakeRuntime;
  readonly apply: (diff: Partial<ConfigDiff>, ...servers: ServerConfig[]) => FakeRuntime[];
}

const server = (name: string, max = 20): ServerConfig => serverConfig({ name, pool: { max } });

/** Serves "a" and "b". */
function rigOf(): Rig {
  const clock = new ManualClock();
  const runtimes = new Runtimes<FakeRuntime>([server('a'), server('b')], {
    make: (config) => new FakeRuntime(config),
    countSessions: ({ sessions }) => sessions,
    clock,
    log: quietLog().log,
  });
  const none = { added: [], removed: [], changed: [], resized: [], unchanged: [], adjusted: [], needsRestart: [] };
  return {
    runtimes,
    clock,
    at: (name) => {
      const runtime = runtimes.served.get(name);
      if (!runtime) throw new Error(`nothing is served as ${name}`);
      return runtime;
    },
    apply: (diff, ...servers) =>
      runtimes.apply({ ...none, ...diff }, new Map(servers.map((config) => [config.name, config]))),
  };
}

const changed = [{ name: 'a', keys: ['args'] }];

describe('Runtimes.apply()', () => {
  it('leaves what is unchanged alone', () => {
    const { apply, at, runtimes } = rigOf();
    const [a, b] = [at('a'), at('b')];
    expect(apply({ unchanged: ['a', 'b'] }, server('a'), server('b'))).toEqual([]);
    expect([runtimes.current(), a.asked, b.asked]).toEqual([[a, b], [], []]);
  });

  it('resizes in place', () => {
    const { apply, at } = rigOf();
    const a = at('a');
    expect(apply({ resized: [{ name: 'a', keys: ['pool.max'] }] }, server('a', 7))).toEqual([]);
    expect([at('a') === a, a.asked]).toEqual([true, ['resize 7']]);
  });

  it('gives back what is to be opened: the successors of the changed, and the added', () => {
    const { apply, runtimes } = rigOf();
    const fresh = apply({ changed, added: ['c'] }, server('a', 7), server('b'), server('c'));
    expect(fresh.map(({ config }) => [config.name, config.pool.max])).toEqual([
      ['a', 7],
      ['c', 20],
    ]);
    expect([...runtimes.served.keys()]).toEqual(['a', 'b', 'c']);
  });

  it('serves the successor under the name before the old one sends anybody away', () => {
    const { apply, at } = rigOf();
    const old = at('a');
    let found: FakeRuntime | undefined;
    old.retire = () => {
      found = at('a');
    };
    const [fresh] = apply({ changed }, server('a', 7), server('b'));
    expect(found).toBe(fresh);
  });

  it('takes a removed server without sessions away at once', () => {
    const { apply, runtimes, at, clock } = rigOf();
    const a = at('a');
    apply({ removed: ['a'] }, server('b'));
    expect([[...runtimes.served.keys()], runtimes.retiring(), a.asked]).toEqual([['b'], [], ['retire', 'drain']]);
    expect(clock.pending).toBe(0);
  });

  it('keeps a removed server where its sessions find it, and out of the current ones', () => {
    const { apply, runtimes, at } = rigOf();
    const a = at('a');
    a.sessions = 1;
    apply({ removed: ['a'] }, server('b'));
    expect([at('a'), a.asked, runtimes.retiring()]).toEqual([a, ['retire'], [a]]);
    expect(runtimes.current().map(({ config }) => config.name)).toEqual(['b']);
  });

  it('serves a server that comes back while old sessions last', async () => {
    const { apply, runtimes, at, clock } = rigOf();
    const a = at('a');
    a.sessions = 1;
    apply({ removed: ['a'] }, server('b'));
    const [back] = apply({ added: ['a'] }, server('a'), server('b'));
    a.sessions = 0;
    await clock.advance(1000);
    expect([at('a') === back, runtimes.retiring(), runtimes.current().length]).toEqual([true, [], 2]);
  });

  it('keeps several generations of one name', () => {
    const { apply, runtimes, at } = rigOf();
    for (const max of [1, 2, 3]) {
      at('a').sessions = 1;
      apply({ changed }, server('a', max), server('b'));
    }
    expect(runtimes.retiring().map(({ config }) => config.pool.max)).toEqual([20, 1, 2]);
    expect(at('a').config.pool.max).toBe(3);
  });
});

describe('Runtimes, when the last session of an old configuration has ended,', () => {
  it('drains it, and forgets it when its last container is gone', async () => {
    const { apply, runtimes, at, clock } = rigOf();
    const a = at('a');
    [a.sessions, a.containers] = [1, 1];
    apply({ changed }, server('a'), server('b'));
    await clock.advance(10_000);
    expect(a.asked).toEqual(['retire']);
    a.sessions = 0;
    await clock.advance(250);
    expect([a.asked.includes('drain'), runtimes.retiring()]).toEqual([true, [a]]);
    a.containers = 0;
    await clock.advance(250);
    expect([runtimes.retiring(), clock.pending]).toEqual([[], 0]);
  });

  it('serves nothing under the name of a removed one, although its container is still going', async () => {
    const { apply, runtimes, at, clock } = rigOf();
    const a = at('a');
    [a.sessions, a.containers] = [1, 1];
    apply({ removed: ['a'] }, server('b'));
    a.sessions = 0;
    await clock.advance(250);
    expect([[...runtimes.served.keys()], runtimes.retiring()]).toEqual([['b'], [a]]);
    runtimes.drain();
  });
});

describe('Runtimes.drain()', () => {
  it('drains the current ones and those that retire, and leaves no timer', () => {
    const { apply, runtimes, at, clock } = rigOf();
    const old = at('a');
    old.sessions = 1;
    apply({ changed }, server('a'), server('b'));
    runtimes.drain();
    expect([old, at('a'), at('b')].map(({ asked }) => asked.includes('drain'))).toEqual([true, true, true]);
    expect(clock.pending).toBe(0);
  });
});

describe('Runtimes.hasToldAll', () => {
  it('is false while a server that is somebody else’s has a session whose end it does not know', () => {
    const { runtimes, at, apply } = rigOf();
    at('a').containers = 1;
    apply({ added: ['far'] }, serverConfig({ name: 'far', source: { kind: 'url', url: 'https://x', headers: [] } }));
    const before = runtimes.hasToldAll;
    at('far').containers = 1;
    expect([before, runtimes.hasToldAll]).toEqual([true, false]);
  });
});
