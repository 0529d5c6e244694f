import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Exit } from '../../src/engine/engine.ts';
import { Fates } from '../../src/engine/fates.ts';
import { settle } from '../support/manual-clock.ts';

let fates: Fates;

beforeEach(() => {
  fates = new Fates();
});

const killed: Exit = { code: 137, signal: undefined };

/** What is known of a container so far. */
function follow(name: string): { isRunning: boolean; exit: Exit | undefined } {
  const known: { isRunning: boolean; exit: Exit | undefined } = { isRunning: false, exit: undefined };
  const { running, died } = fates.expect(name);
  void running.then(() => {
    known.isRunning = true;
  });
  void died.then((exit) => {
    known.exit = exit;
  });
  return known;
}

describe('Fates', () => {
  it('tells whoever expected a name, and nobody else', async () => {
    const a = follow('a');
    const b = follow('b');
    fates.runs('a');
    fates.dies('a', killed);
    await settle();
    expect([a, b]).toEqual([
      { isRunning: true, exit: killed },
      { isRunning: false, exit: undefined },
    ]);
  });

  it('believes the first word about an end', async () => {
    const a = follow('a');
    fates.dies('a', { code: 3, signal: undefined });
    fates.close('a', { code: 125, signal: undefined });
    await settle();
    expect(a.exit).toEqual({ code: 3, signal: undefined });
  });

  it('takes the end of the client for the end of the container when nobody else told', async () => {
    const a = follow('a');
    fates.close('a', { code: 7, signal: undefined });
    await settle();
    expect(a).toEqual({ isRunning: true, exit: { code: 7, signal: undefined } });
  });

  it.each([
    ['killed', 137, true],
    ['ended with a code of its own', 1, undefined],
  ])('says of a server that had no memory left and was %s: oomKilled %s', async (_how, code, isOomKilled) => {
    const a = follow('a');
    fates.ranOutOfMemory('a');
    fates.dies('a', { code, signal: undefined });
    await settle();
    expect(a.exit?.isOomKilled).toBe(isOomKilled);
  });

  it('says nothing about memory of a server that was killed otherwise', async () => {
    const a = follow('a');
    follow('b');
    fates.ranOutOfMemory('b');
    fates.dies('a', killed);
    await settle();
    expect(a.exit).toEqual(killed);
  });

  it('lists as starting what does not run yet', () => {
    for (const name of ['a', 'b', 'c']) follow(name);
    fates.runs('a');
    fates.close('b', killed);
    expect(fates.starting()).toEqual(['c']);
  });

  it('knows whether a container ever ran, until its client has ended', () => {
    follow('a');
    expect(fates.hasRun('a')).toBe(false);
    fates.runs('a');
    fates.dies('a', killed);
    expect(fates.hasRun('a')).toBe(true);
    fates.close('a', killed);
    expect(fates.hasRun('a')).toBe(false);
  });

  it('ignores names that nobody expects', () => {
    expect(() => {
      fates.runs('x');
      fates.ranOutOfMemory('x');
      fates.dies('x', killed);
      fates.close('x', killed);
    }).not.toThrow();
    expect(fates.starting()).toEqual([]);
  });
});
