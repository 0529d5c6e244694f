import { describe, expect, it } from '@jest/globals';
import { errorTable, type ErrorCode } from '../../src/base/error-table.ts';
import { BridgeError } from '../../src/base/errors.ts';
import { describeError, errorMessage, retryAfterMs } from '../../src/jsonrpc/error-message.ts';

const codes = Object.keys(errorTable) as ErrorCode[];
const parsed = (error: unknown, idText = '1'): unknown => JSON.parse(errorMessage(error, idText).toString('utf8'));
const full = new BridgeError('POOL_FULL', 'Cannot lease "a": 3 callers wait', { limit: 3 });

describe('errorMessage()', () => {
  it('is a JSON-RPC error with the facts in data.gangway', () => {
    expect(parsed(full)).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: {
        code: -32603,
        message: 'Cannot lease "a": 3 callers wait',
        data: { gangway: { limit: 3, reason: 'POOL_FULL', retryable: true, retryAfterMs: 1000 } },
      },
    });
  });

  it('has what the protocol wants beside data.gangway', () => {
    const error = new BridgeError('REVISION_UNSUPPORTED', 'x', {}, { peerData: { supported: ['a'], gangway: 1 } });
    expect(parsed(error)).toMatchObject({
      error: { data: { supported: ['a'], gangway: { reason: 'REVISION_UNSUPPORTED' } } },
    });
  });

  it('leaves retryAfterMs out when trying again is no use', () => {
    expect(parsed(new BridgeError('MESSAGE_INVALID', 'x'))).toMatchObject({
      error: { data: { gangway: { reason: 'MESSAGE_INVALID', retryable: false } } },
    });
  });

  it.each(['1.0', '1e2', '9007199254740993', '"a"', 'null'])('carries the id %s as it was written', (idText) => {
    expect(errorMessage(full, idText).toString()).toContain(`"id":${idText},`);
  });

  it('is one line', () => {
    expect(errorMessage(new BridgeError('CONFIG_INVALID', 'a\nb\r\nc'), '1').includes('\n')).toBe(false);
  });

  it('is UTF-8', () => {
    expect(parsed(new BridgeError('POOL_FULL', 'é€😀'))).toMatchObject({ error: { message: 'é€😀' } });
  });

  it('lets no data change the reason', () => {
    const liar = new BridgeError('POOL_FULL', 'x', { reason: 'INTERNAL', retryable: false, retryAfterMs: 0 });
    expect(parsed(liar)).toMatchObject({
      error: { data: { gangway: { reason: 'POOL_FULL', retryable: true, retryAfterMs: 1000 } } },
    });
  });

  it.each(codes)('has the JSON-RPC code of %s', (code) => {
    expect(parsed(new BridgeError(code, 'x'))).toMatchObject({ error: { code: errorTable[code].rpc } });
  });

  it.each<[string, unknown]>([
    ['an Error', new Error('hunter22')],
    ['an object like ours', { code: 'POOL_FULL', message: 'hunter22', data: { hunter22: 1 } }],
    ['a text', 'hunter22'],
    ['undefined', undefined],
    ['null', null],
  ])('tells nothing about %s', (_what, error) => {
    expect(parsed(error)).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: { code: -32603, message: 'Internal error', data: { gangway: { reason: 'INTERNAL', retryable: false } } },
    });
  });

  it('tells nothing about a cause', () => {
    const error = new BridgeError('START_FAILED', 'x', {}, { cause: new Error('hunter22') });
    expect(errorMessage(error, '1').toString()).not.toContain('hunter22');
  });
});

describe('describeError()', () => {
  it('gives our own error as it is', () => {
    expect(describeError(full)).toBe(full);
  });

  it('gives INTERNAL for any other', () => {
    expect(describeError(new TypeError('x')).code).toBe('INTERNAL');
  });
});

describe('retryAfterMs()', () => {
  it.each(codes)('is a time just when %s can be tried again', (code) => {
    expect(retryAfterMs({ code, data: {} }) !== undefined).toBe(errorTable[code].retry);
  });

  it('is what the error knows of it', () => {
    expect(retryAfterMs({ code: 'CIRCUIT_OPEN', data: { retryAfterMs: 7250 } })).toBe(7250);
  });

  it.each([0, -1, Number.NaN, 'soon'])('is a second where the error says %p', (known) => {
    expect(retryAfterMs({ code: 'CIRCUIT_OPEN', data: { retryAfterMs: known } })).toBe(1000);
  });

  it('is no time where trying again is no use, whatever the error says', () => {
    expect(retryAfterMs({ code: 'MESSAGE_INVALID', data: { retryAfterMs: 5 } })).toBeUndefined();
  });
});
