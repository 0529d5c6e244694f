import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { serversIn, withServer } from '../../src/config/servers-file.ts';

const time = { image: 'docker.io/mcp/time', args: ['--local', 'UTC'], env: { KEY: '${KEY}' } };
const block = `  time:
    image: docker.io/mcp/time
    args: [--local, UTC]
    env:
      KEY: \${KEY}
`;

const file = `# my servers
listen: { port: 9000 }   # not the usual one

servers:
  # the first
  memory: { image:   "docker.io/mcp/memory" }   # odd spaces

  fetch:
    image: docker.io/mcp/fetch
    # pool: { min: 2 }

# the end
limits: { starts: 2 }
`;

describe('withServer()', () => {
  it('adds a server behind the last one and leaves every other byte', () => {
    const [before, after] = file.split('\n# the end');
    expect(withServer(file, 'time', time)).toBe(`${before!}\n${block}\n# the end${after!}`);
  });

  it('adds no empty line where there is none between servers', () => {
    const text = 'servers:\n    a:\n        image: x\n    b: { image: y }\n';
    expect(withServer(text, 'c', { image: 'z' })).toBe(`${text}    c:\n        image: z\n`);
  });

  it('puts another entry in the place of one, and leaves what is around it', () => {
    expect(withServer(file, 'memory', { image: 'x' })).toBe(
      file.replace('  memory: { image:   "docker.io/mcp/memory" }   # odd spaces\n', '  memory:\n    image: x\n'),
    );
  });

  it.each([
    ['nothing', '', 'servers:\n  a:\n    image: x\n'],
    ['a comment', '# mine', '# mine\nservers:\n  a:\n    image: x\n'],
    ['no servers', 'engine: docker # it\n', 'engine: docker # it\nservers:\n  a:\n    image: x\n'],
    ['no server', '# mine\nservers: {}\n', '# mine\nservers:\n  a:\n    image: x\n'],
    ['servers without a value', 'servers:\n', 'servers:\n  a:\n    image: x\n'],
    ['no end of line', 'servers:\n  b: { image: y }', 'servers:\n  b: { image: y }\n  a:\n    image: x\n'],
    ['lines that end as on Windows', 'servers:\r\n  b: {}\r\n', 'servers:\r\n  b: {}\r\n  a:\r\n    image: x\r\n'],
  ])('takes a file with %s', (_, text, wanted) => {
    expect(withServer(text, 'a', { image: 'x' })).toBe(wanted);
  });

  it('writes words on one line, and mappings below each other', () => {
    const entry = { args: ['a', '${X}'], mounts: [{ from: 'x', to: '/y' }] };
    expect(withServer('', 'a', entry)).toBe(
      "servers:\n  a:\n    args: [a, '${X}']\n    mounts:\n      - from: x\n        to: /y\n",
    );
  });

  it('adds to a file that is JSON', () => {
    const text = withServer('{ "servers": { "a": { "image": "x" } }, "engine": "docker" }', 'time', time);
    expect(serversIn(text)).toEqual({ a: { image: 'x' }, time });
    expect(text).toContain('"engine": "docker"');
  });

  it.each([
    ['servers:\n  # yours\n\n# the end\n', 'servers:\n  x:\n    image: x\n  # yours\n\n# the end\n'],
    ['servers:\r\n# yours\r\n', 'servers:\r\n  x:\r\n    image: x\r\n# yours\r\n'],
    ['servers:', 'servers:\n  x:\n    image: x\n'],
    ['servers: {}\r\n', 'servers:\r\n  x:\r\n    image: x\r\n'],
  ])('adds the first server to %j and leaves comments and line ends', (text, after) => {
    expect(withServer(text, 'x', { image: 'x' })).toBe(after);
  });

  it('adds behind a text of several lines', () => {
    const text = 'servers:\n  a:\n    image: x\n    env:\n      NOTE: |\n        one\n        two\n';
    expect(withServer(text, 'b', { image: 'y' })).toBe(`${text}  b:\n    image: y\n`);
  });

  it.each([
    ['servers: [', 'is not valid YAML'],
    ['x: &x { image: y }\nservers: { a: *x }\n', 'has aliases'],
    ['- a\n', 'is no mapping'],
    ['servers.yaml', 'is no mapping'],
  ])('refuses %j', (text, why) => {
    expect(() => withServer(text, 'a', { image: 'x' })).toThrow(`Cannot add a server: the configuration file ${why}`);
  });

  it('adds one line after the other to the servers.yaml of this repository', () => {
    const shipped = readFileSync(new URL('../../servers.yaml', import.meta.url), 'utf8');
    const after = withServer(withServer(shipped, 'one', { image: 'x' }), 'two', { image: 'y' });
    expect(after).toBe(`${shipped}\n  one:\n    image: x\n\n  two:\n    image: y\n`);
  });

  it('says what was there and the new entry, whatever was there', () => {
    const keys = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '9'), minLength: 1, maxLength: 6 });
    const texts = fc.oneof(
      fc.string(),
      fc.constantFrom('a: b', '# no', '- x', '${A}', 'two\nlines', "it's", 'null', '0x1'),
    );
    const entries = fc.record({ image: texts, args: fc.array(texts), env: fc.dictionary(keys, texts) });
    const given = fc.tuple(fc.dictionary(keys, entries), keys, entries, fc.constantFrom(0, 80), fc.boolean());
    fc.assert(
      fc.property(given, ([servers, name, entry, lineWidth, isFlow]) => {
        const text = stringify(
          { servers, engine: 'docker' },
          { lineWidth, collectionStyle: isFlow ? 'flow' : 'block' },
        );
        const after = withServer(text, name, entry);
        expect(parse(after)).toEqual({ servers: { ...servers, [name]: entry }, engine: 'docker' });
      }),
    );
  });
});
