import { beforeEach, describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { StartHistory } from '../../src/pool/start-history.ts';
import { ManualClock } from '../support/manual-clock.ts';

const noImage = new BridgeError('IMAGE_UNAVAILABLE', 'no image');
const noEngine = new BridgeError('ENGINE_UNAVAILABLE', 'no engine');

let clock: ManualClock;
let history: StartHistory;

beforeEach(() => {
  clock = new ManualClock();
  history = new StartHistory(clock, () => 1);
});

function failStarts(times: number, error: unknown = noImage): void {
  for (let i = 0; i < times; i++) history.begin().fail(error);
}

/** Open, and its back-off of 8 s over. */
async function halfOpen(): Promise<void> {
  failStarts(5);
  await clock.advance(8000);
}

describe('StartHistory, closed,', () => {
  it('holds no client back after a failure, but the refills', async () => {
    failStarts(1);
    const early = [history.mayStart(), history.mayRefill()];
    await clock.advance(500);
    expect([...early, history.mayRefill()]).toEqual([true, false, true]);
  });

  it('has no refusal', () => {
    failStarts(4);
    expect(history.refusal()).toBeUndefined();
  });

  it('lets any number of starts begin', () => {
    for (let i = 0; i < 100; i++) history.begin();
    expect([history.mayStart(), history.mayRefill()]).toEqual([true, true]);
  });

  it('counts starts, failures and those that followed a failure', () => {
    history.begin().prove();
    failStarts(2);
    history.begin();
    history.begin();
    expect(history.stats()).toEqual({
      ...{ starts: 5, failedStarts: 2, restarts: 2 },
      ...{ lastError: 'no image', circuit: 'closed' },
    });
  });

  it('never holds an engine that is missing against a server', () => {
    failStarts(20, noEngine);
    expect(history.stats()).toMatchObject({ circuit: 'closed', failedStarts: 0, lastError: 'no engine' });
  });

  it('never holds it against a server that Gangway itself is short of something', () => {
    failStarts(20, new BridgeError('OVERLOADED', 'no descriptors'));
    expect(history.stats()).toMatchObject({ circuit: 'closed', failedStarts: 0, lastError: 'no descriptors' });
  });
});

describe('StartHistory, open,', () => {
  it('lets nothing start', () => {
    failStarts(5);
    expect([history.mayStart(), history.mayRefill()]).toEqual([false, false]);
  });

  it('refuses with the last error, and with the time that is left', async () => {
    failStarts(5);
    await clock.advance(500.25);
    const refusal = history.refusal();
    expect(refusal).toMatchObject({ code: 'CIRCUIT_OPEN', data: { retryAfterMs: 7500 } });
    expect(refusal?.message).toBe(
      'Cannot start the server: it failed too often and is left alone for 7.5 s (last error: no image)',
    );
  });

  it('tells nobody what went wrong inside', () => {
    failStarts(5, new TypeError('/secret/path'));
    expect(history.refusal()?.message).toContain('(last error: internal error)');
  });

  it('is opened by a server that many need and that ends', () => {
    for (let i = 0; i < 5; i++) history.fail(noImage);
    expect(history.stats().circuit).toBe('open');
  });

  it('is closed by an attempt that succeeds all the same', () => {
    const attempt = history.begin();
    failStarts(5);
    attempt.prove();
    expect([history.stats().circuit, history.mayRefill()]).toEqual(['closed', true]);
  });

  it('is closed by reset()', () => {
    failStarts(5);
    history.reset();
    expect([history.mayStart(), history.refusal()]).toEqual([true, undefined]);
  });
});

describe('StartHistory, half-open,', () => {
  it('lets one start begin, whoever it is for', async () => {
    await halfOpen();
    const before = [history.mayStart(), history.mayRefill()];
    history.begin();
    expect([...before, history.mayStart(), history.mayRefill()]).toEqual([true, true, false, false]);
  });

  it('refuses everybody else while that one is under way', async () => {
    await halfOpen();
    const before = history.refusal();
    history.begin();
    expect([before, history.refusal()]).toEqual([
      undefined,
      expect.objectContaining({ code: 'CIRCUIT_OPEN', data: {} }),
    ]);
  });

  it('closes when it is proven', async () => {
    await halfOpen();
    history.begin().prove();
    expect([history.stats().circuit, history.mayRefill()]).toEqual(['closed', true]);
  });

  it('opens for longer when it fails', async () => {
    await halfOpen();
    history.begin().fail(noImage);
    expect(history.refusal()?.data).toEqual({ retryAfterMs: 16_000 });
  });

  it('lets another one begin when it ended without a word', async () => {
    await halfOpen();
    history.begin().drop();
    expect([history.stats().circuit, history.mayStart()]).toEqual(['half-open', true]);
  });

  it('lets another one begin soon when it was the engine that was missing', async () => {
    await halfOpen();
    history.begin().fail(noEngine);
    const early = history.mayStart();
    await clock.advance(500);
    expect([early, history.mayStart()]).toEqual([false, true]);
  });

  it('takes no word of an earlier attempt for that of the one that decides', async () => {
    const earlier = history.begin();
    await halfOpen();
    history.begin();
    earlier.drop();
    expect(history.mayStart()).toBe(false);
  });

  it('lets no second one begin while the first is under way, although the back-off ended again', async () => {
    await halfOpen();
    history.begin();
    history.fail(noImage);
    await clock.advance(60_000);
    expect([history.stats().circuit, history.mayStart()]).toEqual(['half-open', false]);
  });
});

describe('Attempt', () => {
  it('counts once, however often it is said to have failed', () => {
    const attempt = history.begin();
    for (let i = 0; i < 5; i++) attempt.fail(noImage);
    expect(history.stats()).toMatchObject({ failedStarts: 1, circuit: 'closed' });
  });

  it('cannot fail after it was proven: a client that kills its server costs nobody anything', () => {
    for (let i = 0; i < 10; i++) {
      const attempt = history.begin();
      attempt.prove();
      attempt.fail(noImage);
    }
    expect(history.stats()).toMatchObject({ failedStarts: 0, circuit: 'closed', lastError: undefined });
  });

  it('cannot be proven after it was dropped', () => {
    const attempt = history.begin();
    attempt.drop();
    failStarts(5);
    attempt.prove();
    expect(history.stats().circuit).toBe('open');
  });
});

describe('StartHistory.first', () => {
  it('resolves when something came up', async () => {
    history.settle();
    await expect(history.first).resolves.toBeUndefined();
  });

  it('rejects with the first failure', async () => {
    history.begin().fail(noImage);
    history.settle();
    await expect(history.first).rejects.toBe(noImage);
  });
});
