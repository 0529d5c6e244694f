import { describe, expect, it } from '@jest/globals';
import { lineDiff } from '../../../src/cli/connect/line-diff.ts';

const lines = (...all: string[]): string => all.map((line) => `${line}\n`).join('');

describe('lineDiff()', () => {
  it('shows what comes and goes, with two lines around it', () => {
    const before = lines('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
    const after = lines('a', 'b', 'c', 'D', 'e', 'f', 'g', 'h', 'i');
    expect(lineDiff(before, after)).toEqual(['  b', '  c', '- d', '+ D', '  e', '  f', '  g', '  h', '+ i']);
  });

  it('shows a new file as a whole', () => {
    expect(lineDiff('', lines('a', 'b'))).toEqual(['+ a', '+ b']);
  });

  it('shows nothing when nothing changes', () => {
    expect(lineDiff(lines('a', 'b'), lines('a', 'b'))).toEqual([]);
  });
});
