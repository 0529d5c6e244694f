import { describe, expect, it } from '@jest/globals';
import { parseIgnoreFile } from '../../src/engine/ignore-file.ts';

const ignored = (text: string, ...paths: string[]): string[] =>
  paths.filter((path) => parseIgnoreFile(text).ignores(path));

describe('parseIgnoreFile()', () => {
  it.each([
    ['a name, at the top only', 'dist', ['dist', 'dist/a.js', 'src/dist', 'dist2'], ['dist', 'dist/a.js']],
    ['`*` within one part of a path', 'src/*.ts', ['src/a.ts', 'src/x/a.ts', 'a.ts'], ['src/a.ts']],
    ['`**/` at any depth', '**/*.log', ['a.log', 'x/y/a.log', 'a.logs'], ['a.log', 'x/y/a.log']],
    ['`**` at the end', 'a/**', ['a/b', 'a/b/c', 'b/a/c'], ['a/b', 'a/b/c']],
    ['`?` for one character', 'a?c', ['abc', 'ac', 'a/c'], ['abc']],
    ['a `/` at either end, and `./`', '/a/\n./b/', ['a', 'a/x', 'b/y', 'c'], ['a', 'a/x', 'b/y']],
    ['a dot for itself', 'a.b', ['a.b', 'axb'], ['a.b']],
    ['spaces around, comments and empty lines', '  a  \n# b\n\n', ['a', 'b', '# b'], ['a']],
  ])('knows %s', (_, text, paths, wanted) => {
    expect(ignored(text, ...paths)).toEqual(wanted);
  });

  it('takes everything but the exceptions', () => {
    const text = '*\n!src\n!package.json';
    expect(ignored(text, 'src', 'src/a.ts', 'package.json', 'README.md', 'dist/a.js')).toEqual([
      'README.md',
      'dist/a.js',
    ]);
  });

  it('lets the last line that matches decide', () => {
    expect(ignored('*.md\n!README.md\nREADME*', 'README.md', 'a.md')).toEqual(['README.md', 'a.md']);
    expect(ignored('*.md\nREADME*\n!README.md', 'README.md', 'a.md')).toEqual(['a.md']);
  });

  it('leaves less out where engines may not agree', () => {
    expect(ignored('[ab]\nc\\d', 'a', 'b', 'c\\d', 'cd')).toEqual([]);
    expect(ignored('*\n![ab]', 'a', 'c')).toEqual([]);
  });

  it.each([
    ['node_modules', 'node_modules', true],
    ['node_modules\n!src', 'node_modules', true],
    ['*\n!a/b', 'a', false],
    ['*\n!**/*.ts', 'a', false],
    ['', 'a', false],
  ])('says whether a whole folder is left out: %j, %s', (text, folder, isAll) => {
    expect(parseIgnoreFile(text).ignoresAllOf(folder)).toBe(isAll);
  });
});
