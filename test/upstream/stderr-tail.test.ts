import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Redactor } from '../../src/base/redact.ts';
import { readInTurns } from '../../src/upstream/read-in-turns.ts';
import { StderrTail } from '../../src/upstream/stderr-tail.ts';
import { ManualClock } from '../support/manual-clock.ts';

interface Rig {
  readonly tail: StderrTail;
  readonly clock: ManualClock;
  readonly push: (...texts: readonly string[]) => void;
  readonly follow: (count?: number) => { readonly lines: string[]; readonly cancel: () => void };
}

function rig(secrets: readonly string[] = []): Rig {
  const clock = new ManualClock();
  const tail = new StderrTail(new Redactor(secrets), clock);
  return {
    ...{ tail, clock },
    push: (...texts) => {
      for (const text of texts) tail.push(Buffer.from(text));
    },
    follow: (count = 0) => {
      const lines: string[] = [];
      const cancel = tail.follow(count, {
        onLine: (text) => lines.push(text),
        onLeftOut: (left) => lines.push(`(${left} left out)`),
      });
      return { lines, cancel };
    },
  };
}

describe('StderrTail.lines()', () => {
  it('gives as many as are asked for, the newest last', () => {
    const { tail, push } = rig();
    push('one\ntwo\nthree\n');
    expect([tail.lines(2), tail.lines(0), tail.lines(9)]).toEqual([['two', 'three'], [], ['one', 'two', 'three']]);
  });

  it('keeps the indent of a line', () => {
    const { tail, push } = rig();
    push('Error: x\n    at f (x.js:1)  \n');
    expect(tail.lines(5)).toEqual(['Error: x', '    at f (x.js:1)']);
  });

  it('is the end of what was written, however it was cut to chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 60 }), (sizes) => {
        const { tail } = rig();
        const all = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `line-${i}\n`).join(''));
        let at = 0;
        for (const size of sizes) {
          tail.push(all.subarray(at, at + size));
          at += size;
        }
        const written = all.subarray(0, at).toString().split('\n').filter(Boolean);
        const kept = tail.lines(Infinity);
        // At least 16 KiB, at most twice as much and one chunk; the first line may be torn.
        const length = kept.join('\n').length;
        expect(length).toBeGreaterThanOrEqual(Math.min(at, 16 * 1024) - 32);
        expect(length).toBeLessThanOrEqual(32 * 1024);
        expect(kept.slice(1)).toEqual(written.slice(written.length - kept.length + 1));
      }),
      { numRuns: 50 },
    );
  });
});

describe('StderrTail.follow()', () => {
  it('gives the last lines at once, then each as it ends', () => {
    const { push, follow } = rig();
    push('one\ntwo\nthr');
    const { lines } = follow(1);
    expect(lines).toEqual(['two']);
    push('ee\nfo', 'ur\n');
    expect(lines).toEqual(['two', 'three', 'four']);
  });

  it('gives nothing twice and leaves nothing out, wherever it begins', () => {
    const text = 'a\nbb\nccc\n\ndddd\ne';
    for (let at = 0; at <= text.length; at++) {
      const { tail, push, follow } = rig();
      push(text.slice(0, at));
      const { lines } = follow(Infinity);
      push(text.slice(at));
      tail.end();
      expect(lines).toEqual(['a', 'bb', 'ccc', 'dddd', 'e']);
    }
  });

  it('gives nothing any more when it is cancelled', () => {
    const { clock, push, follow } = rig();
    const { lines, cancel } = follow();
    push('one\n');
    cancel();
    push('two\n');
    expect(lines).toEqual(['one']);
    expect(clock.pending).toBe(0);
  });

  it('cuts a line at 8 KiB and says so', () => {
    const { push, follow } = rig();
    const { lines } = follow();
    push('x'.repeat(5000), 'x'.repeat(1_000_000), '\nnext\n');
    expect(lines.map(({ length }) => length)).toEqual([8 * 1024, 4]);
    expect(lines[0]?.endsWith('x…')).toBe(true);
  });

  it('gives 100 lines a second, counts the others, and goes on', async () => {
    const { clock, push, follow } = rig();
    const { lines } = follow();
    push(Array.from({ length: 1000 }, (_, i) => `line ${i}\n`).join(''), 'torn ');
    expect(lines).toEqual(Array.from({ length: 100 }, (_, i) => `line ${i}`));
    await clock.advance(999);
    expect(lines).toHaveLength(100);
    await clock.advance(1);
    expect(lines[100]).toBe('(900 left out)');
    push('but whole\n');
    expect(lines.slice(101)).toEqual(['torn but whole']);
  });

  it('says at the end how many it left out', () => {
    const { tail, push, follow } = rig();
    const { lines } = follow();
    push('x\n'.repeat(150));
    tail.end();
    expect(lines.at(-1)).toBe('(50 left out)');
  });

  it('leaves no timer behind when nothing comes', async () => {
    const { clock, push, follow } = rig();
    follow();
    push('one\n');
    await clock.advance(1000);
    expect(clock.pending).toBe(0);
  });

  it('gives no control characters, so that a line is one line', () => {
    const { push, follow } = rig();
    const { lines } = follow();
    push('\u001b[2J\u001b[31mred\u001b[0m\rover\u2028gangway-x-1 | forged\n');
    expect(lines).toEqual(['redovergangway-x-1 | forged']);
  });
});

describe('StderrTail.follow() and secrets', () => {
  const secret = 'SECRETVALUE12345';

  it('masks one that comes in two pieces', () => {
    const { push, follow } = rig([secret]);
    const { lines } = follow();
    push('key=SECRETVA', 'LUE12345 refused\n');
    expect(lines).toEqual(['key=[redacted] refused']);
  });

  it('masks one whose first half came before', () => {
    const { push, follow } = rig([secret]);
    push('key=SECRETVA');
    const { lines } = follow(Infinity);
    push('LUE12345 refused\n');
    expect(lines).toEqual(['key=[redacted] refused']);
  });

  it('gives no part of one, wherever the cut of a long line falls', () => {
    for (let shift = 0; shift <= 2 * secret.length; shift++) {
      const { push, follow } = rig([secret]);
      const { lines } = follow();
      push(`${'x'.repeat(8 * 1024 - shift)}${secret}${'y'.repeat(100)}\n`);
      expect(lines.join()).not.toMatch(/[A-Z0-9]{3,}/);
    }
  });

  it('gives no part of many, whose masks are shorter than they', () => {
    const { push, follow } = rig([secret]);
    for (let shift = 0; shift < secret.length; shift++) {
      const { lines } = follow();
      push(`${'x'.repeat(shift)}${secret.repeat(2000)}\n`);
      expect(lines.join()).not.toMatch(/[A-Z0-9]{3,}/);
    }
  });

  it('gives nothing of a line whose beginning was dropped', () => {
    const { push, follow } = rig([secret]);
    push('x'.repeat(40_000), secret.slice(8), 'y'.repeat(16 * 1024 - 8));
    const { lines } = follow(Infinity);
    push('z\nnext\n');
    expect(lines).toEqual(['next']);
  });
});

describe('readInTurns()', () => {
  it('lets others have their turn after a while, and reads all', async () => {
    const stream = new PassThrough({ highWaterMark: 4 * 1024 * 1024 });
    for (let i = 0; i < 64; i++) stream.write(Buffer.alloc(64 * 1024));
    let bytes = 0;
    const inTurn: number[] = [];
    let before = 0;
    readInTurns(stream, (chunk) => {
      bytes += chunk.length;
    });
    while (bytes < 64 * 64 * 1024) {
      await new Promise((resolve) => setImmediate(resolve));
      inTurn.push(bytes - before);
      before = bytes;
    }
    expect(Math.max(...inTurn)).toBeLessThanOrEqual(512 * 1024);
    expect(inTurn.length).toBeGreaterThanOrEqual(8);
  });
});
