import { describe, expect, it } from '@jest/globals';
import { LineCounter, parseDocument } from 'yaml';
import { diagnose, SourceMap, type KeyPath } from '../../src/config/diagnose.ts';
import { fileSchema } from '../../src/config/schema.ts';

const text = `# comment
servers:
  a:
    args: [b, c]
    mounts:
      - { from: ./d }
  "q": { image: x }
  7: { image: x }
`;

function describeAt(path: KeyPath, source = text): string {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines });
  return new SourceMap('f.yaml', document, lines).describe({ path, message: 'wrong' });
}

describe('SourceMap.describe()', () => {
  it.each<[string, KeyPath, string]>([
    ['a key at the top', ['servers'], '2:1: servers'],
    ['a key of a mapping', ['servers', 'a', 'args'], '4:5: servers.a.args'],
    ['an element of a list', ['servers', 'a', 'args', 1], '4:15: servers.a.args.1'],
    ['a key in a list', ['servers', 'a', 'mounts', 0, 'from'], '6:11: servers.a.mounts.0.from'],
    ['a quoted key', ['servers', 'q', 'image'], '7:10: servers.q.image'],
    ['a key that is a number', ['servers', '7'], '8:3: servers.7'],
    ['a key below one that is a number', ['servers', '7', 'image'], '8:8: servers.7.image'],
    ['the list of a mapping in it', ['servers', 'a', 'mounts', 0], '5:5: servers.a.mounts.0'],
    ['the parent of a key that is not there', ['servers', 'a', 'pool', 'max'], '3:3: servers.a.pool.max'],
    ['the parent of what is below a scalar', ['servers', 'a', 'args', 0, 'x'], '4:12: servers.a.args.0.x'],
    ['the start when nothing of it is there', ['listen', 'host'], '1:1: listen.host'],
  ])('names the place of %s', (_what, path, place) => {
    expect(describeAt(path)).toBe(`f.yaml:${place}: wrong`);
  });

  it('names the start for the whole file, without a key', () => {
    expect(describeAt([])).toBe('f.yaml:1:1: wrong');
  });

  it('names the start of an empty file', () => {
    expect(describeAt(['servers'], '')).toBe('f.yaml:1:1: servers: wrong');
  });

  it('counts lines that end as in Windows', () => {
    expect(describeAt(['b'], 'a: 1\r\nb: 2\r\n')).toBe('f.yaml:2:1: b: wrong');
  });
});

describe('diagnose()', () => {
  const messages = (raw: unknown): string[] =>
    diagnose(fileSchema.safeParse(raw).error?.issues ?? [], raw).map(
      ({ path, message }) => `${path.join('.')}: ${message}`,
    );

  it('finds nothing in a good file', () => {
    expect(messages({ servers: {} })).toEqual([]);
  });

  it.each([
    ['imag', 'image'],
    ['Image', 'image'],
    ['comand', 'command'],
    ['netwrok', 'network'],
    ['starttimeout', 'startTimeout'],
    ['max_line_bytes', 'maxLineBytes'],
  ])('names the key nearest to %s', (key, nearest) => {
    expect(messages({ servers: { a: { [key]: 1 } } })).toEqual([
      `servers.a.${key}: unknown key; did you mean "${nearest}"?`,
    ]);
  });

  it('names every unknown key', () => {
    expect(messages({ servers: {}, x: 1, y: 2 })).toHaveLength(2);
  });

  it('names the keys of a list’s element', () => {
    expect(messages({ servers: { a: { mounts: [{ from: 'a', to: '/b', something: 1 }] } } })).toEqual([
      'servers.a.mounts.0.something: unknown key; known here: from, to, readOnly',
    ]);
  });

  it.each([
    ['a text', 'x', 'got "x", '],
    ['a number', 1.5, 'got 1.5, '],
    ['a boolean', true, 'got true, '],
    ['null', null, 'got null, '],
    ['a list that holds something', ['hunter22'], ''],
    ['a mapping that holds something', { a: 'hunter22' }, ''],
  ])('says of %s what was there', (_what, port, found) => {
    expect(messages({ servers: {}, listen: { port } })).toEqual([
      `listen.port: ${found}wanted a whole number from 0 to 65535`,
    ]);
  });

  it('does not say what was there in an env', () => {
    expect(messages({ servers: { a: { env: 'hunter22' } } })).toEqual([
      'servers.a.env: wanted a mapping of variable names to values',
    ]);
  });
});
