import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { testsIn } from '../support/test-titles.ts';

const root = new URL('../../', import.meta.url);
const notAutomated = 'Not automated:';

interface Row {
  readonly id: string;
  /** The last cell. */
  readonly evidence: string;
  /** `FILE › OUTER › TITLE`, as they stand there. */
  readonly tests: readonly string[];
}

const rows = readFileSync(new URL('docs/faults.md', root), 'utf8')
  .split('\n')
  .flatMap((line): Row[] => {
    const id = /^\| ([A-Z]\d+) \|/.exec(line)?.[1];
    if (id === undefined) return [];
    const evidence = line.split(' | ').at(-1) ?? '';
    return [{ id, evidence, tests: [...evidence.matchAll(/`(test\/[^`]+)`/g)].map(([, test = '']) => test) }];
  });

const idsOf = (of: (row: Row) => boolean): string[] => rows.filter(of).map(({ id }) => id);

function numbered(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
}

describe('docs/faults.md', () => {
  it('has every fault once, in order', () => {
    const groups = { C: 15, D: 10, E: 9, F: 6, G: 6, P: 8, H: 8, R: 6, M: 6, V: 6 };
    expect(idsOf(() => true)).toEqual(Object.entries(groups).flatMap(([letter, count]) => numbered(letter, count)));
  });

  it.each(rows)('names tests of $id that exist, word for word', ({ tests }) => {
    for (const test of tests) {
      const [file = '', ...titles] = test.split(' › ');
      expect([...testsIn(new URL(file, root)).keys()]).toContain(titles.join(' › '));
    }
  });

  it('names a test of every fault but these, and says why not', () => {
    expect(idsOf(({ tests }) => tests.length === 0)).toEqual(['E7']);
  });

  it('says of these faults, and of no others, that something about them is not automated', () => {
    expect(idsOf(({ evidence }) => evidence.includes(notAutomated))).toEqual(partly);
  });

  it('names a test on real containers of both engines for every fault of a container, an engine and a restart, but these', () => {
    const isOnEngines = (test: string): boolean => {
      const [file = '', ...titles] = test.split(' › ');
      return testsIn(new URL(file, root)).get(titles.join(' › '))?.isOnEachEngine ?? false;
    };
    expect(idsOf(({ id, tests }) => /^[CDG]/.test(id) && !tests.some(isOnEngines))).toEqual(onNoneOrOne);
  });
});

/** D3 and D8 are shown on one engine in one file, and on the other in another or not at all. */
const onNoneOrOne = ['D2', 'D3', 'D8', 'G6'];
const partly = ['C1', 'C15', 'D2', 'D8', 'E3', 'E6', 'E7', 'G6'];
