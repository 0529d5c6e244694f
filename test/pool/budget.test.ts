import { describe, expect, it } from '@jest/globals';
import { Budget } from '../../src/pool/budget.ts';

const mebibyte = 1024 ** 2;

/** A pool that takes a container whenever it is its turn, until its clients have what they want. */
class Taker {
  readonly name: string;
  wanted: number;
  taken = 0;
  calls = 0;

  constructor(name: string, wanted: number) {
    this.name = name;
    this.wanted = wanted;
  }

  /** @param order gets its name with each container that it takes */
  join(budget: Budget, memoryBytes = 0, order: string[] = []): this {
    budget.onFree(
      () => {
        this.calls += 1;
        while (this.wanted > 0 && budget.take(memoryBytes)) {
          this.wanted -= 1;
          this.taken += 1;
          order.push(this.name);
        }
      },
      () => this.wanted,
    );
    return this;
  }
}

/** A pool with idle containers. */
function idle(budget: Budget, count: number): { left: number; gone: () => void } {
  const pool = {
    left: count,
    gone: () => {
      budget.give(0);
    },
  };
  for (let i = 0; i < count; i++) budget.take(0);
  budget.onShortage(() => {
    if (pool.left === 0) return false;
    pool.left -= 1;
    return true;
  });
  return pool;
}

describe('Budget.take()', () => {
  it('gives no more containers than there may be', () => {
    const budget = new Budget({ containers: 2, memoryBytes: 0 });
    expect([budget.take(1), budget.take(1), budget.take(1)]).toEqual([true, true, false]);
  });

  it('gives no more memory than there may be, to the byte', () => {
    const budget = new Budget({ containers: 0, memoryBytes: 3 * mebibyte });
    expect([budget.take(2 * mebibyte), budget.take(mebibyte + 1), budget.take(mebibyte)]).toEqual([true, false, true]);
  });

  it('knows no limit with 0', () => {
    const budget = new Budget({ containers: 0, memoryBytes: 0 });
    expect(Array.from({ length: 1000 }, () => budget.take(1e15)).every(Boolean)).toBe(true);
  });

  it('takes nothing when it refuses', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 10 });
    budget.take(11);
    expect(budget.stats()).toEqual({ containers: 0, memoryBytes: 0, maxContainers: 1, maxMemoryBytes: 10 });
  });

  it('refuses a refill while a client of any pool waits for room, even where there is some', () => {
    const budget = new Budget({ containers: 0, memoryBytes: 10 });
    const large = new Taker('large', 1).join(budget, 20);
    const early = budget.take(1, 'refill');
    large.wanted = 0;
    expect([early, budget.take(1, 'refill')]).toEqual([false, true]);
  });

  it('lets a client pass that needs less than another waits for', () => {
    const budget = new Budget({ containers: 0, memoryBytes: 10 });
    new Taker('large', 1).join(budget, 20);
    expect(budget.take(1)).toBe(true);
  });
});

describe('Budget.give()', () => {
  it('makes room for another', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 5 });
    budget.take(5);
    budget.give(5);
    expect(budget.take(5)).toBe(true);
  });

  it('serves pools whose clients wait in turns, however many wait in each', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    const order: string[] = [];
    budget.take(0);
    new Taker('a', 100).join(budget, 0, order);
    new Taker('b', 2).join(budget, 0, order);
    new Taker('c', 1).join(budget, 0, order);
    for (let i = 0; i < 6; i++) budget.give(0);
    expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'a']);
  });

  it('gives each pool one container in its turn when much comes free at once', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    const order: string[] = [];
    budget.take(0);
    new Taker('a', 10).join(budget, 0, order);
    new Taker('b', 10).join(budget, 0, order);
    budget.resize({ containers: 5, memoryBytes: 0 });
    expect(order).toEqual(['a', 'b', 'a', 'b']);
  });

  it('passes over a pool that needs more than is free', () => {
    const budget = new Budget({ containers: 0, memoryBytes: 10 });
    const order: string[] = [];
    budget.take(5);
    budget.take(5);
    new Taker('large', 1).join(budget, 8, order);
    new Taker('small', 1).join(budget, 4, order);
    budget.give(5);
    expect(order).toEqual(['small']);
  });

  it('serves such a pool as soon as there is enough', () => {
    const budget = new Budget({ containers: 0, memoryBytes: 10 });
    budget.take(5);
    budget.take(5);
    const large = new Taker('large', 1).join(budget, 8);
    budget.give(5);
    const early = large.taken;
    budget.give(5);
    expect([early, large.taken]).toEqual([0, 1]);
  });

  it('asks no pool whose clients do not wait', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    budget.take(0);
    const quiet = new Taker('quiet', 0).join(budget);
    budget.give(0);
    expect(quiet.calls).toBe(0);
  });

  it('asks nobody who has left', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    let calls = 0;
    const cancel = budget.onFree(() => (calls += 1));
    budget.take(0);
    cancel();
    budget.give(0);
    expect(calls).toBe(0);
  });

  it('goes on after a pool that throws', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    const cancel = budget.onFree(() => {
      throw new Error('no');
    });
    budget.take(0);
    expect(() => {
      budget.give(0);
    }).toThrow('no');
    cancel();
    const next = new Taker('next', 1).join(budget);
    budget.take(0);
    budget.give(0);
    expect(next.taken).toBe(1);
  });
});

describe('Budget.makeRoom()', () => {
  it('gives an idle container up for each client that waits', () => {
    const budget = new Budget({ containers: 5, memoryBytes: 0 });
    const pool = idle(budget, 5);
    new Taker('a', 2).join(budget);
    budget.makeRoom();
    expect(pool.left).toBe(3);
  });

  it('counts those that were given up and are not gone yet', () => {
    const budget = new Budget({ containers: 5, memoryBytes: 0 });
    const pool = idle(budget, 5);
    new Taker('a', 2).join(budget);
    for (let i = 0; i < 10; i++) budget.makeRoom();
    expect(pool.left).toBe(3);
  });

  it('gives the room to the client that it was made for', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    const pool = idle(budget, 1);
    const client = new Taker('a', 1).join(budget);
    budget.makeRoom();
    pool.gone();
    expect([client.taken, budget.stats().containers]).toEqual([1, 1]);
  });

  it('goes on when what came free is not enough', () => {
    const budget = new Budget({ containers: 0, memoryBytes: 10 });
    let left = 2;
    for (let i = 0; i < 2; i++) budget.take(5);
    budget.onShortage(() => left-- > 0);
    const large = new Taker('large', 1).join(budget, 8);
    budget.makeRoom();
    budget.give(5);
    const early = left;
    budget.give(5);
    expect([early, large.taken]).toEqual([0, 1]);
  });

  it('asks the pools in turns', () => {
    const budget = new Budget({ containers: 6, memoryBytes: 0 });
    const pools = [idle(budget, 3), idle(budget, 3)];
    new Taker('a', 4).join(budget);
    budget.makeRoom();
    expect(pools.map(({ left }) => left)).toEqual([1, 1]);
  });

  it('gives nothing up when nobody waits', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    const pool = idle(budget, 1);
    budget.makeRoom();
    expect(pool.left).toBe(1);
  });

  it('gives nothing up where what is free serves everybody', () => {
    const budget = new Budget({ containers: 4, memoryBytes: 0 });
    const pool = idle(budget, 4);
    const client = new Taker('a', 3).join(budget);
    budget.resize({ containers: 10, memoryBytes: 0 });
    expect([client.taken, pool.left]).toEqual([3, 4]);
  });

  it('is no use where nothing is idle, and can be asked for again later', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    budget.take(0);
    let left = 0;
    budget.onShortage(() => left-- > 0);
    new Taker('a', 1).join(budget);
    budget.makeRoom();
    left = 1;
    budget.makeRoom();
    expect(left).toBe(0);
  });

  it('asks no pool that has left', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    let calls = 0;
    budget.onShortage(() => (calls += 1) > 0)();
    new Taker('a', 1).join(budget);
    budget.makeRoom();
    expect(calls).toBe(0);
  });
});

describe('Budget.isMakingRoom', () => {
  it('is true as long as enough is on its way out for all who wait', () => {
    const budget = new Budget({ containers: 2, memoryBytes: 0 });
    idle(budget, 2);
    const client = new Taker('a', 2).join(budget);
    const before = budget.isMakingRoom;
    budget.makeRoom();
    const then = budget.isMakingRoom;
    client.wanted = 3;
    expect([before, then, budget.isMakingRoom]).toEqual([false, true, false]);
  });
});

describe('Budget.resize()', () => {
  it('takes nothing away from anybody, and gives nothing before there is room again', () => {
    const budget = new Budget({ containers: 3, memoryBytes: 0 });
    for (let i = 0; i < 3; i++) budget.take(0);
    budget.resize({ containers: 2, memoryBytes: 0 });
    budget.give(0);
    const early = budget.take(0);
    budget.give(0);
    expect([early, budget.take(0)]).toEqual([false, true]);
  });

  it('serves those who wait at once', () => {
    const budget = new Budget({ containers: 1, memoryBytes: 0 });
    budget.take(0);
    const client = new Taker('a', 1).join(budget);
    budget.resize({ containers: 2, memoryBytes: 0 });
    expect(client.taken).toBe(1);
  });
});

describe('Budget.fits()', () => {
  it.each([
    [0, 1e15, true],
    [10, 10, true],
    [10, 11, false],
  ])('with a limit of %d bytes, a container of %d: %p', (limit, memoryBytes, expected) => {
    expect(new Budget({ containers: 0, memoryBytes: limit }).fits(memoryBytes)).toBe(expected);
  });
});
