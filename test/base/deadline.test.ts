import { describe, expect, it } from '@jest/globals';
import { comesTrueWithin, settlesWithin, withDeadline } from '../../src/base/deadline.ts';
import { deferred } from '../../src/base/deferred.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const late = (): Error => new Error('late');

describe('withDeadline()', () => {
  it('gives the value of work that is in time', async () => {
    const clock = new ManualClock();
    const work = deferred<number>();
    const result = withDeadline(work.promise, 100, clock, late);
    await clock.advance(99);
    work.resolve(7);
    await expect(result).resolves.toBe(7);
  });

  it('gives the error of work that fails in time', async () => {
    const failure = new Error('broken');
    await expect(withDeadline(Promise.reject(failure), 100, new ManualClock(), late)).rejects.toBe(failure);
  });

  it('fails with the error of its caller when time is up', async () => {
    const clock = new ManualClock();
    const result = withDeadline(deferred().promise, 100, clock, late);
    const outcome = expect(result).rejects.toThrow('late');
    await clock.advance(100);
    await outcome;
  });

  it('does not make the error before time is up', async () => {
    let made = 0;
    const clock = new ManualClock();
    void withDeadline(deferred().promise, 100, clock, () => {
      made += 1;
      return late();
    });
    await clock.advance(99);
    expect(made).toBe(0);
  });

  it('disarms its timer once the work is done', async () => {
    const clock = new ManualClock();
    await withDeadline(Promise.resolve(), 100, clock, late);
    await settle();
    expect(clock.pending).toBe(0);
  });

  it('disarms its timer once the work has failed', async () => {
    const clock = new ManualClock();
    await withDeadline(Promise.reject(new Error('broken')), 100, clock, late).catch(() => undefined);
    await settle();
    expect(clock.pending).toBe(0);
  });

  it('keeps its outcome when the work fails after time was up', async () => {
    const clock = new ManualClock();
    const work = deferred();
    const outcome = expect(withDeadline(work.promise, 100, clock, late)).rejects.toThrow('late');
    await clock.advance(100);
    work.reject(new Error('broken'));
    await outcome;
  });
});

describe('settlesWithin()', () => {
  it('is true for work that succeeds in time', async () => {
    await expect(settlesWithin(Promise.resolve(), 100, new ManualClock())).resolves.toBe(true);
  });

  it('is true for work that fails in time', async () => {
    await expect(settlesWithin(Promise.reject(new Error('broken')), 100, new ManualClock())).resolves.toBe(true);
  });

  it('is false when time is up first', async () => {
    const clock = new ManualClock();
    const result = settlesWithin(deferred().promise, 100, clock);
    await clock.advance(100);
    await expect(result).resolves.toBe(false);
  });

  it('disarms its timer once the work is done', async () => {
    const clock = new ManualClock();
    await settlesWithin(Promise.resolve(), 100, clock);
    expect(clock.pending).toBe(0);
  });

  it('stays false when the work fails after time was up', async () => {
    const clock = new ManualClock();
    const work = deferred();
    const result = settlesWithin(work.promise, 100, clock);
    await clock.advance(100);
    work.reject(new Error('broken'));
    await expect(result).resolves.toBe(false);
  });
});

describe('comesTrueWithin()', () => {
  it('resolves as soon as it is seen to be true, and leaves no timer', async () => {
    const clock = new ManualClock();
    let isTrue = false;
    const done = comesTrueWithin(() => isTrue, 1000, clock);
    await clock.advance(500);
    expect(clock.pending).toBe(1);
    isTrue = true;
    await clock.advance(20);
    expect(clock.pending).toBe(0);
    await done;
  });

  it('resolves when time is up', async () => {
    const clock = new ManualClock();
    const done = comesTrueWithin(() => false, 1000, clock);
    await clock.advance(1000);
    expect(clock.pending).toBe(0);
    await done;
  });
});
