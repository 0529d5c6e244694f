import { describe, expect, it } from '@jest/globals';
import { LineSink } from '../../src/base/line-sink.ts';
import { ManualClock } from '../support/manual-clock.ts';

type Failure = 'EAGAIN' | 'EPIPE' | 'ENOSPC';

/** A file descriptor that takes what it is told to: `room` bytes, or nothing for a reason. */
function rig() {
  const clock = new ManualClock();
  const state = { text: '', room: Infinity, failure: undefined as Failure | undefined, writes: 0 };
  const pending: (() => void)[] = [];
  const take = (bytes: Uint8Array): number => {
    state.writes += 1;
    const code = state.failure ?? (state.room === 0 ? 'EAGAIN' : undefined);
    if (code) throw Object.assign(new Error(code), { code });
    const taken = bytes.subarray(0, Math.min(state.room, bytes.length));
    state.room -= taken.length;
    state.text += Buffer.from(taken).toString();
    return taken.length;
  };
  const sink = new LineSink(2, {
    clock,
    write: (_fd, bytes, done) => {
      pending.push(() => {
        try {
          done(null, take(bytes));
        } catch (error) {
          done(error as Error, 0);
        }
      });
    },
    writeSync: (_fd, bytes) => take(bytes),
  });
  /** Lets everything that was handed to the system be written. */
  const settle = (): void => {
    for (let next = pending.shift(); next; next = pending.shift()) next();
  };
  return { clock, state, sink, settle, pending };
}

describe('LineSink.write()', () => {
  it('writes lines in the order they came', () => {
    const { sink, state, settle } = rig();
    for (const line of ['a\n', 'b\n', 'c\n']) sink.write(line);
    settle();
    expect(state.text).toBe('a\nb\nc\n');
    expect(sink.dropped).toBe(0);
  });

  it('writes what came in the meantime in one piece', () => {
    const { sink, state, settle } = rig();
    for (let n = 0; n < 100; n++) sink.write(`${n}\n`);
    settle();
    expect(state.writes).toBe(2);
    expect(state.text.split('\n')).toHaveLength(101);
  });

  it('goes on where a partial write ended', async () => {
    const { sink, state, settle, clock } = rig();
    state.room = 3;
    sink.write('grüße\n');
    settle();
    expect(state.text).toBe('gr\ufffd');
    state.room = Infinity;
    state.text = '';
    await clock.advance(100);
    settle();
    expect(state.text).toBe('\ufffdße\n');
  });

  it('tries a sink that is full again after 100 ms, and not before', async () => {
    const { sink, state, settle, clock } = rig();
    state.room = 0;
    sink.write('a\n');
    settle();
    sink.write('b\n');
    await clock.advance(99);
    settle();
    expect(state.writes).toBe(1);
    state.room = Infinity;
    await clock.advance(1);
    settle();
    expect(state.text).toBe('a\nb\n');
    expect(sink.dropped).toBe(0);
  });

  it('keeps 4 Mi characters for a sink that takes nothing, and counts the lines beyond', async () => {
    const { sink, state, settle, clock } = rig();
    const line = `${'x'.repeat(1023)}\n`;
    state.room = 0;
    for (let n = 0; n < 5000; n++) sink.write(line);
    // The first is being written; 4096 wait.
    expect(sink.dropped).toBe(5000 - 4097);
    settle();
    state.room = Infinity;
    await clock.advance(100);
    settle();
    expect(state.text).toBe(line.repeat(4097));
    sink.write('again\n');
    settle();
    expect(state.text.endsWith('again\n')).toBe(true);
    expect(sink.dropped).toBe(5000 - 4097);
  });

  it.each(['EPIPE', 'ENOSPC'] as const)(
    'drops and counts what a sink refuses (%s), and uses it once it works',
    (why) => {
      const { sink, state, settle } = rig();
      state.failure = why;
      for (let n = 0; n < 10; n++) sink.write(`${n}\n`);
      settle();
      expect(sink.dropped).toBe(10);
      state.failure = undefined;
      sink.write('back\n');
      settle();
      expect(state.text).toBe('back\n');
      expect(sink.dropped).toBe(10);
    },
  );
});

describe('LineSink.writeLast()', () => {
  it('writes what waits at once, but not again what is being written', () => {
    const { sink, state, settle } = rig();
    sink.write('under way\n');
    sink.write('waits\n');
    sink.writeLast();
    expect(state.text).toBe('waits\n');
    settle();
    expect(state.text).toContain('under way\n');
  });

  it('gives a full sink up after a quarter of a second', () => {
    const { sink, state, settle } = rig();
    state.room = 0;
    sink.write('a\n');
    settle();
    const startedAt = performance.now();
    sink.writeLast();
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(200);
    expect(tookMs).toBeLessThan(2000);
    expect(state.text).toBe('');
  });

  it.each(['EPIPE', 'ENOSPC'] as const)('gives a sink up that refuses (%s)', (why) => {
    const { sink, state, settle } = rig();
    state.room = 0;
    sink.write('a\n');
    settle();
    state.failure = why;
    sink.writeLast();
    expect(state.writes).toBe(2);
  });
});
