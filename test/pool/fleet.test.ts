import { beforeEach, describe, expect, it } from '@jest/globals';
import { deferred } from '../../src/base/deferred.ts';
import { BridgeError } from '../../src/base/errors.ts';
import { Fleet } from '../../src/pool/fleet.ts';
import type { Place } from '../../src/pool/place.ts';
import type { StartPriority } from '../../src/pool/start-gate.ts';
import { StartHistory } from '../../src/pool/start-history.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import type { Habit } from '../support/fake-engine.ts';
import { settle } from '../support/manual-clock.ts';
import { linesOf, serve, serving, startRig, type StartRig } from '../support/shared-rig.ts';

const hour = 3_600_000;

interface Rig extends StartRig {
  readonly fleet: Fleet;
  readonly history: StartHistory;
  /** What the fleet said, in its order. */
  readonly events: string[];
  readonly errors: unknown[];
}

function rig(habit: Habit | ((count: number) => Habit) = serving, overrides: Partial<StartRig> = {}, starts = 4): Rig {
  const base = startRig({}, habit, starts);
  const history = new StartHistory(base.clock, base.random);
  const events: string[] = [];
  const errors: unknown[] = [];
  const fleet = new Fleet(
    history,
    { ...base, ...overrides },
    {
      onRoom: () => void events.push('room'),
      onChange: () => void events.push('change'),
      onStartFailed: (error) => {
        events.push('failed');
        errors.push(error);
      },
    },
  );
  return Object.assign(base, { fleet, history, events, errors });
}

/** How many are in each state. */
function counts({ fleet }: Rig): Record<string, number> {
  const all = (['starting', 'ready', 'draining', 'retiring'] as const).map(
    (kind) => [kind, fleet.count(kind)] as const,
  );
  return Object.fromEntries(all.filter(([, count]) => count > 0));
}

/** A fleet with so many that serve. */
async function withReady(count: number, ...parts: Parameters<typeof rig>): Promise<Rig> {
  const made = rig(...parts);
  for (let i = 0; i < count; i++) made.fleet.begin('refill', hour);
  await settle();
  made.events.length = 0;
  return made;
}

let one: Rig;

beforeEach(async () => {
  one = await withReady(1);
});

describe('Fleet.begin()', () => {
  it('takes a place before anything is awaited', () => {
    const some = rig();
    some.fleet.begin('refill', hour);
    some.fleet.begin('refill', hour);
    expect([counts(some), some.fleet.total, some.history.stats().starts]).toEqual([{ starting: 2 }, 2, 2]);
  });

  it('serves when the handshake is done, and says so', async () => {
    const some = rig();
    some.fleet.begin('refill', hour);
    await settle();
    expect([counts(some), some.events]).toEqual([{ ready: 1 }, ['change']]);
    expect(linesOf(some.engine.last).map(({ method }) => method)).toEqual(['initialize', 'notifications/initialized']);
  });

  it('starts in the order of priority', async () => {
    const seen: StartPriority[] = [];
    const some = rig(serving, {
      start: (priority) => {
        seen.push(priority);
        return Promise.reject(new BridgeError('ENGINE_UNAVAILABLE', 'down'));
      },
    });
    some.fleet.begin('refill', hour);
    some.fleet.begin('foreground', hour);
    await settle();
    expect(seen).toEqual(['refill', 'foreground']);
  });

  it('tells why it could not be started, and frees the place', async () => {
    const some = rig();
    some.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no such image');
    some.fleet.begin('refill', hour);
    await settle();
    expect([counts(some), some.errors, some.history.stats().failedStarts]).toEqual([{}, [some.startError], 1]);
  });

  it('tells why the server was not ready, and removes its container before the place is free', async () => {
    const some = rig({ onLine: () => undefined, ignoresEof: true });
    some.fleet.begin('refill', hour);
    await some.clock.advance(30_000);
    expect([counts(some), some.errors]).toEqual([
      { retiring: 1 },
      [expect.objectContaining({ code: 'READY_TIMEOUT' })],
    ]);
    await some.clock.advance(3000);
    expect([counts(some), some.engine.live, some.held.size]).toEqual([{}, [], 0]);
  });

  it('writes down an error that nobody expected', async () => {
    const some = rig();
    some.startError = new TypeError('oops');
    some.fleet.begin('refill', hour);
    await settle();
    expect(some.lines.map(({ msg }) => msg)).toContain('a start failed');
  });
});

describe('Fleet.hurry()', () => {
  it('lets starts that wait for their turn go before the refills of others', async () => {
    const launched: string[] = [];
    const some = rig(() => (launched.push('this one'), serving), {}, 1);
    const other = (name: string) => (): Upstream => {
      launched.push(name);
      throw new Error('of no interest');
    };
    // The one place of the gate is taken for a while.
    const isFree = deferred();
    some.gate.start('foreground', () => ({ settled: isFree.promise, gone: isFree.promise }) as unknown as Upstream);
    some.gate.start('refill', other('a refill of another pool')).upstream.catch(() => undefined);
    some.fleet.begin('refill', hour);
    await settle();
    some.fleet.hurry();
    isFree.resolve();
    await settle();
    expect(launched).toEqual(['this one', 'a refill of another pool']);
  });
});

describe('Fleet.take()', () => {
  it('is room on the one with the fewest calls', async () => {
    const three = await withReady(3);
    const at = Array.from({ length: 6 }, () => three.fleet.take(10)?.shared.upstream.name);
    expect(new Set(at.slice(0, 3)).size).toBe(3);
    expect(new Set(at.slice(3)).size).toBe(3);
  });

  it('is nothing when each has as many as it may', () => {
    expect([one.fleet.take(2), one.fleet.take(2), one.fleet.take(2)].map(Boolean)).toEqual([true, true, false]);
  });

  it('is nothing on a server that has ended, from the moment on in which it has', async () => {
    one.engine.last.exit({ code: 1, signal: undefined });
    await one.engine.last.exited;
    await Promise.resolve();
    expect([counts(one), one.fleet.take(1)]).toEqual([{ ready: 1 }, undefined]);
  });

  it('is given back once, however often it is released', () => {
    const [first, second] = [one.fleet.take(2), one.fleet.take(2)];
    first?.release();
    first?.release();
    expect([one.fleet.ongoing, one.events]).toEqual([1, ['room']]);
    second?.release();
    expect([one.fleet.ongoing, one.events]).toEqual([0, ['room', 'room']]);
  });

  it('counts the calls of those that drain as well', () => {
    one.fleet.take(2);
    one.fleet.drain(one.fleet.ready()[0]!, 'surplus');
    expect(one.fleet.ongoing).toBe(1);
  });
});

describe('Fleet.drain()', () => {
  it('ends an idle one at once, and tells when its container is gone', async () => {
    one.fleet.drain(one.fleet.ready()[0]!, 'surplus');
    expect([counts(one), one.fleet.take(1)]).toEqual([{ retiring: 1 }, undefined]);
    await settle();
    expect([counts(one), one.engine.live, one.events]).toEqual([{}, [], ['change']]);
  });

  it('lets a busy one finish what it has, and gives it nothing new', async () => {
    const places = [one.fleet.take(9), one.fleet.take(9)];
    one.fleet.drain(one.fleet.ready()[0]!, 'surplus');
    expect([counts(one), one.fleet.take(9)]).toEqual([{ draining: 1 }, undefined]);
    places[0]?.release();
    await settle();
    expect(counts(one)).toEqual({ draining: 1 });
    places[1]?.release();
    await settle();
    expect([counts(one), one.engine.live]).toEqual([{}, []]);
  });

  it('is over when a busy one dies', async () => {
    const place = one.fleet.take(9);
    one.fleet.drain(one.fleet.ready()[0]!, 'surplus');
    one.engine.last.exit({ code: 1, signal: undefined });
    await one.clock.advance(3000);
    place?.release();
    expect([counts(one), one.fleet.ongoing]).toEqual([{}, 0]);
  });

  it('keeps the place until the container is gone for certain', async () => {
    const stubborn = await withReady(1, { onLine: serve, ignoresEof: true });
    stubborn.engine.isFailing = true;
    stubborn.fleet.drain(stubborn.fleet.ready()[0]!, 'surplus');
    await stubborn.clock.advance(5000);
    expect([counts(stubborn), stubborn.engine.live.length]).toEqual([{ retiring: 1 }, 1]);
    stubborn.engine.isFailing = false;
    await stubborn.clock.advance(5000);
    expect([counts(stubborn), stubborn.engine.live]).toEqual([{}, []]);
  });
});

describe('Fleet.drainAll(), while one starts,', () => {
  it('never launches one whose turn has not come', async () => {
    const some = rig(serving, {}, 1);
    some.fleet.begin('refill', hour);
    some.fleet.begin('refill', hour);
    some.fleet.drainAll();
    await some.clock.advance(3000);
    expect([counts(some), some.engine.live, some.engine.children.length]).toEqual([{}, [], 1]);
  });

  it('ends one that is being initialised', async () => {
    const some = rig({ onLine: () => undefined });
    some.fleet.begin('refill', hour);
    await settle();
    some.fleet.drainAll();
    await some.clock.advance(3000);
    expect([counts(some), some.engine.live, some.errors, some.history.stats().failedStarts]).toEqual([{}, [], [], 0]);
  });

  it('ends one that has just been launched without a word to it', async () => {
    const some = rig({ onLine: () => undefined });
    const { start } = some;
    const fleet = new Fleet(
      some.history,
      {
        ...some,
        start: async (...args) => {
          const turn = await start(...args);
          // Between its launch and the moment in which the fleet hears of it.
          const upstream = turn.upstream.then((launched) => {
            fleet.drainAll();
            return launched;
          });
          return { ...turn, upstream };
        },
      },
      { onRoom: () => undefined, onChange: () => undefined, onStartFailed: () => undefined },
    );
    fleet.begin('refill', hour);
    await some.clock.advance(3000);
    expect([fleet.total, some.engine.live, some.engine.last.received]).toEqual([0, [], []]);
  });
});

describe('Fleet, when a server ends by itself,', () => {
  it('frees its place when the container is gone, and holds it against the server', async () => {
    one.fleet.take(9);
    one.engine.last.exit({ code: 1, signal: undefined });
    await one.clock.advance(100);
    expect([counts(one), one.events.includes('change'), one.history.stats().failedStarts]).toEqual([{}, true, 1]);
    expect(one.lines.map(({ msg, exitCode }) => [msg, exitCode])).toContainEqual([
      'a shared server ended by itself',
      1,
    ]);
  });
});

describe('Fleet.check()', () => {
  /** Lets time pass as the pool does. */
  async function pass(some: Rig, ms: number): Promise<void> {
    for (let rest = ms; rest > 0; rest -= 200) {
      await some.clock.advance(200);
      some.fleet.check();
    }
  }

  const asked = ({ engine }: Rig): number => linesOf(engine.children[0]!, 'ping').length;
  /** It answers one ping, and then it is paused. */
  const paused: Habit = {
    onLine: (line, child) => {
      if (linesOf(child, 'ping').length < 2) serve(line, child);
    },
  };

  it('asks an idle one now and then', async () => {
    await pass(one, 61_000);
    expect(asked(one)).toBe(5);
  });

  it('does not ask one that works', async () => {
    one.fleet.take(9);
    await pass(one, 61_000);
    expect(asked(one)).toBe(0);
  });

  it('ends one that does not answer any more, within two intervals', async () => {
    const some = await withReady(1, paused);
    await pass(some, 15_600);
    expect([asked(some), counts(some)]).toEqual([2, { ready: 1 }]);
    await pass(some, 15_000);
    expect([counts(some)['ready'], some.history.stats().failedStarts]).toEqual([undefined, 1]);
    expect(some.lines.map(({ msg }) => msg)).toContain('a server does not answer; it is replaced');
    await pass(some, 3000);
    expect([counts(some), some.engine.live]).toEqual([{}, []]);
  });

  it('gives a suspect no calls until it has said something', async () => {
    const some = await withReady(2);
    const place = some.fleet.take(9);
    await pass(some, 5000);
    place?.suspect();
    place?.release();
    const at = [some.fleet.take(9), some.fleet.take(9)].map((other) => other?.shared);
    expect(at).not.toContain(place?.shared);
    await pass(some, 400);
    expect(some.fleet.take(9)?.shared).toBe(place?.shared);
  });

  it('does not suspect a server whose client changed its mind at once', () => {
    const place = one.fleet.take(9);
    place?.suspect();
    place?.release();
    expect(one.fleet.take(9)).toBeDefined();
  });

  it('holds it for proven when it has served for a while', async () => {
    one.history.fail(new BridgeError('START_FAILED', 'before'));
    one.history.fail(new BridgeError('START_FAILED', 'before'));
    await pass(one, 9800);
    one.history.fail(new BridgeError('START_FAILED', 'before'));
    await pass(one, 200);
    expect(one.history.mayRefill()).toBe(true);
  });

  it('does not take an old one for a proof that new ones come up', async () => {
    await pass(one, 20_000);
    one.history.fail(new BridgeError('START_FAILED', 'a new one'));
    one.fleet.check();
    expect(one.history.mayRefill()).toBe(false);
  });
});

describe('Fleet.expired()', () => {
  const { pool } = startRig().config;
  const after = async (some: Rig, ms: number): Promise<number> => {
    await some.clock.advance(ms);
    return some.fleet.expired(pool).length;
  };

  it.each([
    [0, 0.9],
    [0.5, 0.95],
    [1, 1],
  ])('has those that are too old: with a chance of %d at %d of maxAge', async (chance, part) => {
    const some = await withReady(1, serving, { random: () => chance });
    expect([await after(some, part * hour - 1), await after(some, 2)]).toEqual([0, 1]);
  });

  it('has those that are used up', () => {
    const places: (Place | undefined)[] = [one.fleet.take(9)];
    expect(one.fleet.expired({ ...pool, maxUses: 2 }).length).toBe(0);
    places.push(one.fleet.take(9));
    expect(one.fleet.expired({ ...pool, maxUses: 2 }).length).toBe(1);
  });

  it('has all that served when they were told to go, and no later one', async () => {
    one.fleet.recycle();
    one.fleet.begin('refill', hour);
    await settle();
    expect([one.fleet.ready().length, one.fleet.expired(pool).length]).toEqual([2, 1]);
  });
});
