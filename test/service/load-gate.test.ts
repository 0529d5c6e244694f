import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { CallLimit } from '../../src/service/call-limit.ts';
import { LoadGate } from '../../src/service/load-gate.ts';
import type { Load } from '../../src/service/load-sampler.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { quietLog } from '../support/quiet-log.ts';

const quiet: Load = { heapRatio: 0.2, loopDelayMs: 3, descriptors: 100, maxDescriptors: 1000 };

function rig(limit = 1000) {
  const clock = new ManualClock();
  const { log, lines } = quietLog();
  const state = { load: quiet, underWay: 0, isSampling: true };
  const sampler = {
    sample: () => state.load,
    close: () => {
      state.isSampling = false;
    },
  };
  const gate = new LoadGate({
    sampler,
    callLimit: new CallLimit(
      () => limit,
      () => state.underWay,
      clock,
    ),
    clock,
    log,
  });
  /** What is refused once these loads have been seen, one a second. */
  const after = async (...loads: readonly Partial<Load>[]): Promise<string[]> => {
    for (const load of loads) {
      state.load = { ...quiet, ...load };
      await clock.advance(1000);
    }
    const refused = (what: () => void): string | undefined => {
      try {
        what();
        return undefined;
      } catch (error) {
        if (!(error instanceof BridgeError)) throw error;
        return `${error.code} ${String(error.data['gate'])}`;
      }
    };
    const session = refused(() => {
      gate.session();
    });
    const calls = refused(() => {
      gate.calls(1);
    });
    return [session ?? 'session', calls ?? 'call'];
  };
  return { gate, clock, state, lines, after };
}

describe('LoadGate', () => {
  it.each<[string, Partial<Load>[], string[]]>([
    ['takes all when nothing is short', [quiet], ['session', 'call']],
    ['refuses sessions at 85 % of the heap', [{ heapRatio: 0.85 }], ['OVERLOADED heap', 'call']],
    ['refuses calls too at 92 % of the heap', [{ heapRatio: 0.92 }], ['OVERLOADED heap', 'OVERLOADED heap']],
    ['takes no notice of one pause', [{ loopDelayMs: 3000 }], ['session', 'call']],
    [
      'refuses sessions when the loop is 200 ms late for two seconds',
      [{ loopDelayMs: 200 }, { loopDelayMs: 200 }],
      ['OVERLOADED loopDelay', 'call'],
    ],
    [
      'refuses calls too when it is 500 ms late for two seconds',
      [{ loopDelayMs: 500 }, { loopDelayMs: 500 }],
      ['OVERLOADED loopDelay', 'OVERLOADED loopDelay'],
    ],
    ['refuses sessions at 85 % of the descriptors', [{ descriptors: 850 }], ['OVERLOADED descriptors', 'call']],
    [
      'refuses calls too at 95 % of the descriptors',
      [{ descriptors: 950 }],
      ['OVERLOADED descriptors', 'OVERLOADED descriptors'],
    ],
    ['has no such gate where descriptors cannot be counted', [{ descriptors: undefined }], ['session', 'call']],
    ['has no such gate where their limit is not known', [{ maxDescriptors: undefined }], ['session', 'call']],
    [
      'keeps refusing between the levels',
      [{ heapRatio: 0.9 }, { heapRatio: 0.76 }, quiet],
      ['OVERLOADED heap', 'call'],
    ],
    ['takes sessions again after two seconds of quiet', [{ heapRatio: 0.9 }, quiet, quiet], ['session', 'call']],
    [
      'takes calls again before it takes sessions',
      [{ heapRatio: 0.95 }, { heapRatio: 0.8 }, { heapRatio: 0.8 }],
      ['OVERLOADED heap', 'call'],
    ],
  ])('%s', async (_, loads, wanted) => {
    expect(await rig().after(...loads)).toEqual(wanted);
  });

  it('refuses requests beyond limits.calls, and says the limit', () => {
    const { gate, state } = rig(2);
    gate.calls(2);
    state.underWay = 2;
    expect(() => {
      gate.calls(1);
    }).toThrow(new BridgeError('OVERLOADED', 'Cannot take the request: 2 are under way already'));
    expect(() => {
      gate.session();
    }).not.toThrow();
  });

  it('logs each closing and opening once, whatever is refused in between', async () => {
    const { after, lines } = rig();
    await after({ descriptors: 900 });
    for (let n = 0; n < 50; n++) await after();
    await after(quiet, quiet);
    expect(lines.map(({ level, msg, gate }) => [level, msg, gate])).toEqual([
      [40, 'overloaded: new sessions are refused', 'descriptors'],
      [30, 'no longer overloaded: new sessions are taken again', 'descriptors'],
    ]);
    expect(lines[1]).toMatchObject({ refusals: 51 });
  });

  it('tells in its stats what is refused, for which reasons, and how often', async () => {
    const { gate, after } = rig();
    expect(gate.stats()).toEqual({ ...quiet, isRefusing: 'nothing', gates: [], refusals: 0 });
    await after({ heapRatio: 0.93, descriptors: 860 });
    expect(gate.stats()).toEqual({
      ...quiet,
      heapRatio: 0.93,
      descriptors: 860,
      isRefusing: 'calls',
      gates: [
        { gate: 'heap', refuses: 'sessions' },
        { gate: 'heap', refuses: 'calls' },
        { gate: 'descriptors', refuses: 'sessions' },
      ],
      refusals: 2,
    });
    await after({ heapRatio: 0.88 }, {}, {});
    expect(gate.stats()).toMatchObject({ isRefusing: 'nothing' });
  });

  it('stops sampling when it is closed', () => {
    const { gate, clock, state } = rig();
    expect(clock.pending).toBe(1);
    gate.close();
    expect(clock.pending).toBe(0);
    expect(state.isSampling).toBe(false);
  });
});
