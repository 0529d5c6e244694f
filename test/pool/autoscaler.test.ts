import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ScalingConfig } from '../../src/config/config.ts';
import { nextAim, type Aim, type Bounds, type Load } from '../../src/pool/autoscaler.ts';

const config: ScalingConfig = {
  ...{ target: 2, upscaleDelayMs: 0, downscaleDelayMs: 0, lookBackMs: 0 },
  ...{ upscaleFactor: 1, downscaleFactor: 1 },
};
const wide: Bounds = { min: 0, max: 100 };
const settled = (target: number): Aim => ({ target, wish: 'none', since: 0 });

/** The aim of a pool that runs as many as it aims at, with no delays. */
function aimAt(running: number, requests: number, scaling: Partial<ScalingConfig> = {}, bounds = wide): number {
  return nextAim(settled(running), { requests, waiting: 0, running }, bounds, { ...config, ...scaling }, 0).target;
}

describe('nextAim()', () => {
  it.each<[string, number, number, Partial<ScalingConfig>, number]>([
    ['twice too many requests: twice the containers', 2, 8, {}, 4],
    ['half as many as there could be: half the containers', 4, 4, {}, 2],
    ['just as many as wanted: as it is', 3, 6, {}, 3],
    ['one more than wanted: one container more', 3, 7, {}, 4],
    ['one less than wanted: as it is, for it rounds up', 3, 5, {}, 3],
    ['a target of one', 3, 10, { target: 1 }, 10],
    ['a target below one', 1, 2, { target: 0.5 }, 4],
    ['a factor below 1 goes a part of the way up', 2, 12, { upscaleFactor: 0.5 }, 4],
    ['a factor below 1 still goes up by one', 1, 3, { upscaleFactor: 0.1 }, 2],
    ['a factor above 1 goes further up', 2, 8, { upscaleFactor: 2 }, 6],
    ['a factor below 1 goes a part of the way down', 10, 4, { downscaleFactor: 0.5 }, 6],
    ['a factor above 1 goes further down', 10, 12, { downscaleFactor: 1.5 }, 4],
    ['a small factor that rounds to nothing still goes down by one', 3, 2, { downscaleFactor: 0.1 }, 2],
    ['stuck is only who has a whole container too many', 3, 5, { downscaleFactor: 0.1 }, 3],
    ['the factor for down does not count upwards', 2, 8, { downscaleFactor: 0.1 }, 4],
    ['the factor for up does not count downwards', 4, 4, { upscaleFactor: 0.1 }, 2],
    ['no requests: one is left', 8, 0, {}, 1],
    ['no requests, far beyond: one is left', 8, 0, { downscaleFactor: 3 }, 1],
    ['no requests for the last one', 1, 0, {}, 0],
    ['no requests for the last one, a small factor', 1, 0, { downscaleFactor: 0.2 }, 0],
    ['a trace of a request keeps the last one', 1, 0.01, {}, 1],
    ['an average a hair above a whole number is that number', 3, 6 + 1e-9, {}, 3],
  ])('%s', (_what, running, requests, scaling, wanted) => {
    expect(aimAt(running, requests, scaling)).toBe(wanted);
  });

  it.each<[string, number, number, Bounds, number]>([
    ['goes no higher than max', 2, 100, { min: 1, max: 5 }, 5],
    ['goes no lower than min', 5, 0, { min: 3, max: 5 }, 3],
    ['keeps a fixed number under any load', 2, 1000, { min: 2, max: 2 }, 2],
    ['keeps a fixed number without any load', 2, 0, { min: 2, max: 2 }, 2],
  ])('%s', (_what, running, requests, bounds, wanted) => {
    expect(aimAt(running, requests, {}, bounds)).toBe(wanted);
  });

  it('follows a smaller max at once', () => {
    const slow = { ...config, downscaleDelayMs: 60_000 };
    const load = { requests: 16, waiting: 0, running: 8 };
    expect(nextAim(settled(8), load, { min: 1, max: 3 }, slow, 0).target).toBe(3);
  });

  it('follows a larger min at once', () => {
    const slow = { ...config, upscaleDelayMs: 60_000 };
    const load = { requests: 0, waiting: 0, running: 1 };
    expect(nextAim(settled(1), load, { min: 4, max: 9 }, slow, 0).target).toBe(4);
  });

  it('counts from what runs, not from what was aimed at', () => {
    const load = { requests: 8, waiting: 0, running: 2 };
    expect(nextAim(settled(3), load, wide, { ...config, upscaleFactor: 0.5 }, 0).target).toBe(3);
  });
});

/** Walks through loads, one every 100 ms. */
function walk(first: Aim, loads: readonly Load[], scaling: Partial<ScalingConfig>, bounds = wide): number[] {
  let aim = first;
  return loads.map((load, tick) => {
    aim = nextAim(aim, load, bounds, { ...config, ...scaling }, tick * 100);
    return aim.target;
  });
}

const times = (count: number, load: Load): Load[] => Array.from({ length: count }, () => load);
const busy: Load = { requests: 8, waiting: 0, running: 2 };
const quiet: Load = { requests: 2, waiting: 0, running: 2 };
const even: Load = { requests: 4, waiting: 0, running: 2 };

describe('nextAim(), over time,', () => {
  it('goes up when more were wanted for upscaleDelay', () => {
    expect(walk(settled(2), times(4, busy), { upscaleDelayMs: 300 })).toEqual([2, 2, 2, 4]);
  });

  it('goes down when fewer were wanted for downscaleDelay', () => {
    expect(walk(settled(2), times(4, quiet), { downscaleDelayMs: 300 })).toEqual([2, 2, 2, 1]);
  });

  it('forgets a wish that was interrupted', () => {
    const loads = [...times(3, busy), even, ...times(4, busy)];
    expect(walk(settled(2), loads, { upscaleDelayMs: 300 })).toEqual([2, 2, 2, 2, 2, 2, 2, 4]);
  });

  it('begins anew with a wish that turns', () => {
    const loads = [...times(3, busy), ...times(4, quiet)];
    const scaling = { upscaleDelayMs: 300, downscaleDelayMs: 300 };
    expect(walk(settled(2), loads, scaling)).toEqual([2, 2, 2, 2, 2, 2, 1]);
  });

  it('takes the number of the moment in which the delay is over', () => {
    const loads = [busy, busy, { ...busy, requests: 20 }];
    expect(walk(settled(2), loads, { upscaleDelayMs: 200 })).toEqual([2, 2, 10]);
  });

  it('waits for the delay again after each step', () => {
    const loads = [...times(2, busy), ...times(3, { requests: 16, waiting: 0, running: 4 })];
    expect(walk(settled(2), loads, { upscaleDelayMs: 100 })).toEqual([2, 4, 4, 8, 8]);
  });

  it('goes to none only from one, each step after its delay', () => {
    const idle = (running: number): Load => ({ requests: 0, waiting: 0, running });
    const loads = [...times(3, idle(5)), ...times(3, idle(1))];
    expect(walk(settled(5), loads, { downscaleDelayMs: 200 })).toEqual([5, 5, 1, 1, 1, 0]);
  });

  it('does not go below min of one', () => {
    const loads = times(5, { requests: 0, waiting: 0, running: 1 });
    expect(walk(settled(1), loads, {}, { min: 1, max: 3 })).toEqual([1, 1, 1, 1, 1]);
  });
});

describe('nextAim(), with nothing running,', () => {
  const none: Load = { requests: 0, waiting: 0, running: 0 };

  it('stays at none while nobody waits', () => {
    expect(walk(settled(0), times(3, none), {})).toEqual([0, 0, 0]);
  });

  it('keeps aiming at what it has begun to start', () => {
    expect(walk(settled(3), times(3, none), {})).toEqual([3, 3, 3]);
  });

  it.each([
    [1, 1],
    [0.3, 1],
    [2.5, 3],
  ])('goes up at once when somebody waits: with a factor of %d to %d', (upscaleFactor, wanted) => {
    const scaling = { upscaleFactor, upscaleDelayMs: 60_000 };
    expect(walk(settled(0), [{ ...none, waiting: 1 }], scaling)).toEqual([wanted]);
  });

  it('does not aim at less than before when somebody waits', () => {
    expect(walk(settled(4), [{ ...none, waiting: 1 }], {})).toEqual([4]);
  });

  it('stays within max when somebody waits', () => {
    expect(walk(settled(0), [{ ...none, waiting: 1 }], { upscaleFactor: 9 }, { min: 0, max: 2 })).toEqual([2]);
  });

  it('does not take the load of the past for somebody who waits', () => {
    expect(walk(settled(0), [{ ...none, requests: 7 }], {})).toEqual([0]);
  });
});

interface CountedScaling {
  readonly target: number;
  readonly upQuarters: number;
  readonly downQuarters: number;
  readonly upRounds: number;
  readonly downRounds: number;
}

/**
 * The same arithmetic, as Ray Serve's documentation has it: decisions are counted in rounds of its control loop.
 * Whole numbers throughout: factors are quarters, targets are integers.
 */
class CountedPolicy {
  target: number;
  #counter = 0;
  readonly #bounds: Bounds;
  readonly #scaling: CountedScaling;

  constructor(first: number, bounds: Bounds, scaling: CountedScaling) {
    this.target = first;
    this.#bounds = bounds;
    this.#scaling = scaling;
  }

  round(requests: number, running: number): void {
    const desired = this.#desired(requests, running);
    if (desired > this.target) this.#up(desired);
    else if (desired < this.target) this.#down(desired);
    else this.#counter = 0;
  }

  /** current + factor × (current × ratio − current), rounded up; ratio = requests / (target × current). */
  #desired(requests: number, running: number): number {
    const { target, upQuarters, downQuarters } = this.#scaling;
    const excess = requests - target * running;
    const quarters = excess > 0 ? upQuarters : downQuarters;
    let scaled = running + Math.ceil((quarters * excess) / (4 * target));
    if (Math.ceil(requests / target) < running && scaled === running) scaled -= 1;
    return Math.max(this.#bounds.min, Math.min(this.#bounds.max, scaled));
  }

  #up(desired: number): void {
    this.#counter = Math.max(0, this.#counter) + 1;
    if (this.#counter > this.#scaling.upRounds) this.#decide(desired);
  }

  #down(desired: number): void {
    this.#counter = Math.min(0, this.#counter) - 1;
    const wanted = this.target === 1 ? desired : Math.max(1, desired);
    if (-this.#counter > this.#scaling.downRounds) this.#decide(wanted);
  }

  #decide(desired: number): void {
    this.#counter = 0;
    this.target = desired;
  }
}

describe('nextAim(), against decisions that are counted every 0.1 s,', () => {
  const scalings = fc.record({
    target: fc.integer({ min: 1, max: 12 }),
    upQuarters: fc.integer({ min: 1, max: 10 }),
    downQuarters: fc.integer({ min: 1, max: 10 }),
    upRounds: fc.integer({ min: 0, max: 6 }),
    downRounds: fc.integer({ min: 0, max: 6 }),
  });
  const bounds = fc
    .tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 40 }))
    .map(([min, more]) => ({ min, max: min + more }));
  interface Stretch {
    readonly requests: number;
    readonly lasts: number;
    readonly running: number;
    readonly follows: boolean;
  }
  const stretch: fc.Arbitrary<Stretch> = fc.record({
    requests: fc.integer({ min: 0, max: 200 }),
    lasts: fc.integer({ min: 1, max: 8 }),
    running: fc.integer({ min: 1, max: 40 }),
    follows: fc.boolean(),
  });

  /** Aims of both, round by round. The containers follow the aim, or lag behind at a number of their own. */
  function both(
    scaling: CountedScaling,
    within: Bounds,
    stretches: readonly Stretch[],
    extraMs: number,
  ): [ours: number[], theirs: number[]] {
    const { target, upQuarters, downQuarters, upRounds, downRounds } = scaling;
    const ours: ScalingConfig = {
      ...{ target, lookBackMs: 0, upscaleFactor: upQuarters / 4, downscaleFactor: downQuarters / 4 },
      ...{ upscaleDelayMs: upRounds * 100 + extraMs, downscaleDelayMs: downRounds * 100 + extraMs },
    };
    const first = Math.max(1, within.min);
    const theirs = new CountedPolicy(first, within, scaling);
    let aim = settled(first);
    let now = 0;
    const aims: [number[], number[]] = [[], []];
    for (const { requests, lasts, running, follows } of stretches) {
      for (let i = 0; i < lasts; i++) {
        const there = follows ? Math.max(1, theirs.target) : running;
        now += 100;
        aim = nextAim(aim, { requests, waiting: 0, running: there }, within, ours, now);
        theirs.round(requests, there);
        aims[0].push(aim.target);
        aims[1].push(theirs.target);
      }
    }
    return aims;
  }

  it('aims at the same in each round', () => {
    fc.assert(
      fc.property(
        scalings,
        bounds,
        fc.array(stretch, { minLength: 1, maxLength: 20 }),
        (scaling, within, stretches) => {
          const [ours, theirs] = both(scaling, within, stretches, 0);
          expect(ours).toEqual(theirs);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('is one round later when a delay is no whole number of rounds', () => {
    fc.assert(
      fc.property(scalings, bounds, fc.integer({ min: 0, max: 300 }), (scaling, within, requests) => {
        const lasting = { requests, lasts: 20, running: Math.max(1, within.min), follows: false };
        const [ours, theirs] = both(scaling, within, [lasting], 50);
        const changeOf = (aims: readonly number[]): number => aims.findIndex((aim) => aim !== Math.max(1, within.min));
        const [at, theirAt] = [changeOf(ours), changeOf(theirs)];
        expect(at).toBe(theirAt === -1 ? -1 : theirAt + 1);
        expect(ours[at]).toBe(theirs[theirAt]);
      }),
      { numRuns: 1000 },
    );
  });
});
