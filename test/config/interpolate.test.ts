import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { parseDocument } from 'yaml';
import { interpolate, type Interpolated } from '../../src/config/interpolate.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gangway-interpolate-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function secretFile(name: string, text: string, mode = 0o600): string {
  writeFileSync(path.join(folder, name), text);
  chmodSync(path.join(folder, name), mode);
  return name;
}

function fill(text: string, environment: NodeJS.ProcessEnv = {}): Interpolated & { readonly value: unknown } {
  const document = parseDocument(text);
  const found = interpolate(document, environment, folder);
  return { ...found, value: document.toJS() as unknown };
}

const inEnv = (value: string, environment: NodeJS.ProcessEnv = {}): ReturnType<typeof fill> =>
  fill(`servers: { a: { env: { A: ${value} } } }`, environment);

const envValue = (value: string, environment: NodeJS.ProcessEnv = {}): unknown =>
  (inEnv(value, environment).value as { servers: { a: { env: { A: unknown } } } }).servers.a.env.A;

describe('interpolate() puts in', () => {
  const environment = { HOST: 'h', PORT: '1', EMPTY: '', DOLLAR: '${HOST}$$' };
  it.each([
    ['${HOST}', 'h'],
    ['a${HOST}b${PORT}c', 'ahb1c'],
    ['${HOST:-x}', 'h'],
    ['${NONE:-x}', 'x'],
    ['${EMPTY:-x}', 'x'],
    ['${NONE:-}', ''],
    ['${NONE:-a:-b $ c}', 'a:-b $ c'],
    ['$$', '$'],
    ['$$$$', '$$'],
    ['$${HOST}', '${HOST}'],
    ['$$${HOST}', '$h'],
    ['${DOLLAR}', '${HOST}$$'],
  ])('%s', (text, value) => {
    expect(fill(`k: '${text}'`, environment).value).toEqual({ k: value });
  });

  it.each(['$', '$HOST', '${', '${}', '${1A}', '${A-B}', '{HOST}', 'a$b'])('nothing in %s', (text) => {
    expect(fill(`k: '${text}'`, environment).value).toEqual({ k: text });
  });

  it('values of lists', () => {
    expect(fill("k: [a, '${HOST}']", environment).value).toEqual({ k: ['a', 'h'] });
  });

  it('values, not keys', () => {
    expect(fill("'${HOST}': a", environment).value).toEqual({ '${HOST}': 'a' });
  });

  it('no variable of a prototype', () => {
    expect(fill("k: '${constructor}'").errors).toHaveLength(1);
  });
});

describe('interpolate() gives a plain value', () => {
  it.each<[string, unknown]>([
    ['8808', 8808],
    ['0.5', 0.5],
    ['true', true],
    ['null', 'null'],
    ['abc', 'abc'],
    ['30s', '30s'],
    ['*x', '*x'],
    ['&x *x', '&x *x'],
    ['[1]', '[1]'],
    ['{a: 1}', '{a: 1}'],
    ['a: b: c', 'a: b: c'],
    ['!!int x', '!!int x'],
    ['"8808"', '"8808"'],
  ])('%s the type that it would have in the file', (text, value) => {
    expect(fill('k: ${V}', { V: text }).value).toEqual({ k: value });
  });

  it('the type of its default', () => {
    expect(fill('k: ${PORT:-8808}').value).toEqual({ k: 8808 });
  });
});

describe('interpolate() leaves a text', () => {
  it.each(["'${PORT:-8808}'", '"${PORT:-8808}"', '|-\n  ${PORT:-8808}'])('that is written as %j', (text) => {
    expect(fill(`k: ${text}`).value).toEqual({ k: '8808' });
  });

  it('in an env, plain as it may be', () => {
    const { value } = fill('servers:\n  a:\n    env:\n      A: ${PORT:-8808}\n');
    expect(value).toEqual({ servers: { a: { env: { A: '8808' } } } });
  });
});

describe('interpolate() misses', () => {
  it.each([
    ['that is not set', {}, 'is not set'],
    ['that is empty', { V: '' }, 'is empty'],
  ])('a variable in an env %s, for that server', (_what, environment, state) => {
    expect([...inEnv("'${V}'", environment).missing]).toEqual([['a', `the environment variable V ${state}`]]);
  });

  it('a variable in an env without an error', () => {
    expect(inEnv("'${V}'").errors).toEqual([]);
  });

  it.each([
    ['that is not set', {}, 'is not set'],
    ['that is empty', { V: '' }, 'is empty'],
  ])('a variable anywhere else %s, as an error in its place', (_what, environment, state) => {
    expect(fill("servers: { a: { args: [b, '${V}'] } }", environment).errors).toEqual([
      { path: ['servers', 'a', 'args', 1], message: `the environment variable V ${state}` },
    ]);
  });

  it('every variable that is missing elsewhere', () => {
    expect(fill("a: '${V}'\nb: '${W}'").errors).toHaveLength(2);
  });
});

describe('interpolate() reads a secret file', () => {
  it.each([
    ['without its line end', 'hunter22\n', 'hunter22'],
    ['without a line end of Windows', 'hunter22\r\n', 'hunter22'],
    ['with all but one line end', 'hunter22\n\n', 'hunter22\n'],
    ['with its spaces', ' hunter 22 ', ' hunter 22 '],
    ['as it is, with a dollar sign', '${HOME}$$', '${HOME}$$'],
  ])('%s', (_how, text, value) => {
    expect(envValue(`'file:${secretFile('token', text)}'`)).toBe(value);
  });

  it('by an absolute path', () => {
    secretFile('token', 'hunter22');
    expect(envValue(`'file:${path.join(folder, 'token')}'`)).toBe('hunter22');
  });

  it('in a folder that the environment names', () => {
    secretFile('token', 'hunter22');
    expect(envValue("'file:${DIR}/token'", { DIR: folder })).toBe('hunter22');
  });

  it.each([0o604, 0o644, 0o666])('unless every user can: mode %o', (mode) => {
    expect([...inEnv(`'file:${secretFile('open', 'hunter22', mode)}'`).missing]).toEqual([
      ['a', 'the secret file open can be read by every user; set its mode to 600'],
    ]);
  });

  it.each([0o400, 0o600, 0o640])('when not every user can: mode %o', (mode) => {
    expect(envValue(`'file:${secretFile('closed', 'hunter22', mode)}'`)).toBe('hunter22');
  });

  it('and misses one that is not there', () => {
    expect([...inEnv("'file:./none'").missing]).toEqual([['a', 'the secret file ./none cannot be read (ENOENT)']]);
  });

  it('only in an env', () => {
    expect(fill('k: file:token').value).toEqual({ k: 'file:token' });
  });

  it('only where the file says so, not where a variable does', () => {
    expect(envValue("'${URL}'", { URL: 'file:./data.db' })).toBe('file:./data.db');
  });

  it('and never shows the value of a variable', () => {
    const { missing } = inEnv("'${URL}'", { URL: 'file:hunter22' });
    expect([...missing.values()].join()).not.toContain('hunter22');
  });
});

describe('interpolate() calls a value secret', () => {
  it.each([
    ['from a variable', "'${V}'"],
    ['from a variable in a text', "'Bearer ${V}'"],
    ['from a variable with a default', "'${V:-x}'"],
    ['from a file', "'file:token'"],
  ])('%s', (_what, value) => {
    secretFile('token', 'hunter22');
    expect([...inEnv(value, { V: 'hunter22' }).secrets]).toEqual(['["a","env","A"]']);
  });

  it('that happens to look like its reference', () => {
    expect([...inEnv("'${V}'", { V: '${V}' }).secrets]).toEqual(['["a","env","A"]']);
  });

  it.each([
    ['written out', 'hunter22'],
    ['with a dollar sign', "'a$$b'"],
  ])('not when it is %s', (_what, value) => {
    expect([...inEnv(value).secrets]).toEqual([]);
  });

  it('only in an env', () => {
    expect([...fill("k: '${V}'", { V: 'hunter22' }).secrets]).toEqual([]);
  });
});
