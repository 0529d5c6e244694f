import { beforeEach, describe, expect, it } from '@jest/globals';
import { Breaker } from '../../src/pool/breaker.ts';
import { ManualClock } from '../support/manual-clock.ts';

let clock: ManualClock;
let breaker: Breaker;

beforeEach(() => {
  clock = new ManualClock();
  // Every wait is as long as it can be: 0.5 s, 1 s, 2 s, 4 s, 8 s …
  breaker = new Breaker(clock, () => 1);
});

/** Fails so many times, with so much time between. */
async function fail(times: number, everyMs = 0): Promise<void> {
  for (let i = 0; i < times; i++) {
    if (i > 0) await clock.advance(everyMs);
    breaker.fail();
  }
}

describe('Breaker', () => {
  it('is closed at first', () => {
    expect([breaker.circuit, breaker.remainingMs]).toEqual(['closed', 0]);
  });

  it.each([
    [4, 0, 'closed'],
    [5, 0, 'open'],
    [5, 15_000, 'open'],
    [5, 15_001, 'closed'],
    [50, 20_000, 'closed'],
  ] as const)('after %d failures, one every %d ms, is %s', async (times, everyMs, circuit) => {
    await fail(times, everyMs);
    expect(breaker.circuit).toBe(circuit);
  });

  it('opens with five failures within a minute, whatever was long before', async () => {
    await fail(3);
    await clock.advance(61_000);
    await fail(4);
    const early = breaker.circuit;
    await fail(1);
    expect([early, breaker.circuit]).toEqual(['closed', 'open']);
  });

  it('holds back longer with each failure, open or not', async () => {
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      breaker.fail();
      waits.push(breaker.remainingMs);
      await clock.advance(0);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('is half-open when the back-off is over, and not before', async () => {
    await fail(5);
    await clock.advance(7999);
    const early = breaker.circuit;
    await clock.advance(1);
    expect([early, breaker.circuit]).toEqual(['open', 'half-open']);
  });

  it('half-open, opens again with one failure, and for longer', async () => {
    await fail(5);
    await clock.advance(8000);
    breaker.fail();
    expect([breaker.circuit, breaker.remainingMs]).toEqual(['open', 16_000]);
  });

  it('half-open, opens again even where failures are far apart', async () => {
    await fail(5);
    for (let i = 0; i < 5; i++) {
      await clock.advance(60_000);
      breaker.fail();
    }
    expect(breaker.circuit).toBe('open');
  });

  it('is closed by a success, and counts from the start', async () => {
    await fail(5);
    breaker.reset();
    const closed = breaker.circuit;
    await fail(4);
    expect([closed, breaker.circuit, breaker.remainingMs]).toEqual(['closed', 'closed', 4000]);
  });

  it('forgets everything after five minutes without a failure', async () => {
    await fail(5);
    await clock.advance(299_999);
    const early = breaker.circuit;
    await clock.advance(1);
    const late = breaker.circuit;
    breaker.fail();
    expect([early, late, breaker.circuit, breaker.remainingMs]).toEqual(['half-open', 'closed', 'closed', 500]);
  });

  it('forgets in the moment of a failure, too', async () => {
    await fail(5);
    await clock.advance(300_000);
    breaker.fail();
    expect([breaker.circuit, breaker.remainingMs]).toEqual(['closed', 500]);
  });

  it('remembers as long as there is a failure every few minutes', async () => {
    await fail(5);
    await clock.advance(299_000);
    breaker.fail();
    await clock.advance(299_000);
    expect(breaker.circuit).toBe('half-open');
  });

  it('is not opened by a pause', () => {
    for (let i = 0; i < 100; i++) breaker.pause();
    expect([breaker.circuit, breaker.remainingMs]).toEqual(['closed', 500]);
  });

  it('half-open, waits half a second with a pause', async () => {
    await fail(5);
    await clock.advance(8000);
    breaker.pause();
    expect([breaker.circuit, breaker.remainingMs]).toEqual(['open', 500]);
  });
});
