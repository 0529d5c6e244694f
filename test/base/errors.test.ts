import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { errorTable } from '../../src/base/error-table.ts';
import { BridgeError, codeOf, messageOf } from '../../src/base/errors.ts';

const errorOfNode = (): unknown => {
  try {
    readFileSync('/nowhere/at-all');
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('errorTable', () => {
  it.each(Object.entries(errorTable))('says of %s when it happens and what to do, in whole sentences', (_code, row) => {
    expect([row.when, row.operator]).toEqual([expect.stringMatching(/^\S.*\.$/), expect.stringMatching(/^\S.*\.$/)]);
  });

  // 2026-07-28 answers what a request says wrongly with 200; another status would send its client back to a session.
  const answers = ['ROUND_UNKNOWN', 'INPUT_INVALID'];

  it.each(Object.entries(errorTable))('gives %s the status of an error', (code, { http, rpc }) => {
    if (answers.includes(code)) expect([http, rpc]).toEqual([200, -32_602]);
    else expect(http >= 400 && http <= 599).toBe(true);
  });
});

describe('BridgeError', () => {
  it('is an Error with a name of its own', () => {
    expect(String(new BridgeError('POOL_FULL', 'Cannot lease'))).toBe('BridgeError: Cannot lease');
  });

  it('carries its code', () => {
    expect(new BridgeError('POOL_FULL', 'x').code).toBe('POOL_FULL');
  });

  it('carries its data', () => {
    expect(new BridgeError('POOL_FULL', 'x', { limit: 3 }).data).toEqual({ limit: 3 });
  });

  it('has no data unless it is given some', () => {
    expect(new BridgeError('POOL_FULL', 'x').data).toEqual({});
  });

  it('carries its cause', () => {
    const cause = new Error('below');
    expect(new BridgeError('POOL_FULL', 'x', {}, { cause }).cause).toBe(cause);
  });
});

describe('messageOf()', () => {
  it.each<[string, unknown, string]>([
    ['an Error', new Error('broken'), 'broken'],
    ['an error of several lines: the first', new Error('broken\nat x'), 'broken'],
    ['an error of Node', errorOfNode(), "ENOENT: no such file or directory, open '/nowhere/at-all'"],
    ['a DOMException', new DOMException('stopped', 'AbortError'), 'stopped'],
    ['an object with a message', { message: 'broken' }, 'broken'],
    ['an object whose message is no text', { message: 7 }, '[object Object]'],
    ['a text', 'broken', 'broken'],
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
  ])('gives the message of %s', (_what, error, message) => {
    expect(messageOf(error)).toBe(message);
  });
});

describe('codeOf()', () => {
  it.each<[string, unknown, string | undefined]>([
    ['an error of Node', errorOfNode(), 'ENOENT'],
    ['a BridgeError', new BridgeError('POOL_FULL', 'x'), 'POOL_FULL'],
    ['an error without one', new Error('x'), undefined],
    ['a code that is a number', { code: 7 }, undefined],
    ['a DOMException, whose code is a number', new DOMException('x', 'AbortError'), undefined],
    ['a text', 'ENOENT', undefined],
    ['null', null, undefined],
  ])('gives the code of %s', (_what, error, code) => {
    expect(codeOf(error)).toBe(code);
  });
});
