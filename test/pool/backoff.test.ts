import { describe, expect, it } from '@jest/globals';
import { Backoff } from '../../src/pool/backoff.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** How long it holds back after so many failures in a row, to the millisecond. */
async function waitAfter(failures: number, random: number): Promise<number> {
  const clock = new ManualClock();
  const backoff = new Backoff(clock, () => random);
  for (let i = 0; i < failures; i++) backoff.fail();
  let waited = 0;
  while (!backoff.isOver()) {
    await clock.advance(1);
    waited += 1;
  }
  return waited;
}

describe('Backoff', () => {
  it('holds nothing back at first', () => {
    expect(new Backoff(new ManualClock()).isOver()).toBe(true);
  });

  it.each([
    [1, 250],
    [2, 500],
    [3, 1000],
  ])('after %d failures waits %d ms at the least', async (failures, ms) => {
    expect(await waitAfter(failures, 0)).toBe(ms);
  });

  it.each([
    [1, 500],
    [2, 1000],
    [3, 2000],
  ])('after %d failures waits %d ms at the most', async (failures, ms) => {
    expect(await waitAfter(failures, 1)).toBe(ms);
  });

  it('never waits longer than a minute', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff(clock, () => 1);
    for (let i = 0; i < 5000; i++) backoff.fail();
    await clock.advance(60_000);
    expect(backoff.isOver()).toBe(true);
  });

  it('still holds back after a thousand failures', () => {
    const backoff = new Backoff(new ManualClock(), () => 0);
    for (let i = 0; i < 5000; i++) backoff.fail();
    expect(backoff.isOver()).toBe(false);
  });

  it('pauses for half a second', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff(clock);
    backoff.pause();
    await clock.advance(499);
    const early = backoff.isOver();
    await clock.advance(1);
    expect([early, backoff.isOver()]).toEqual([false, true]);
  });

  it('does not count a pause as a failure', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff(clock, () => 1);
    for (let i = 0; i < 10; i++) backoff.pause();
    backoff.fail();
    await clock.advance(500);
    expect(backoff.isOver()).toBe(true);
  });

  it('is not shortened by a pause', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff(clock, () => 1);
    for (let i = 0; i < 5; i++) backoff.fail();
    backoff.pause();
    await clock.advance(7999);
    expect(backoff.isOver()).toBe(false);
  });

  it('is over at once after a success', () => {
    const backoff = new Backoff(new ManualClock(), () => 1);
    backoff.fail();
    backoff.succeed();
    expect(backoff.isOver()).toBe(true);
  });

  it('begins anew after a success', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff(clock, () => 1);
    for (let i = 0; i < 10; i++) backoff.fail();
    backoff.succeed();
    backoff.fail();
    await clock.advance(500);
    expect(backoff.isOver()).toBe(true);
  });
});
