import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import {
  checkAccept,
  checkContentType,
  checkVersion,
  jsonOrStream,
  sessionIdOf,
  streamOnly,
} from '../../src/http/headers.ts';

function request(headers: IncomingHttpHeaders): IncomingMessage {
  return { headers } as unknown as IncomingMessage;
}

/** The code of what a check throws; "ok" when it throws nothing. */
function outcome(check: () => void): string {
  try {
    check();
    return 'ok';
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    return error.code;
  }
}

describe('checkAccept() for POST', () => {
  const check = (accept: string | undefined): string =>
    outcome(() => {
      checkAccept(request(accept === undefined ? {} : { accept }), jsonOrStream);
    });

  it.each([
    'application/json, text/event-stream',
    'text/event-stream,application/json',
    'TEXT/EVENT-STREAM, Application/JSON',
    '*/*',
    'application/*, text/*',
    'application/json;q=0.5, text/event-stream;q=0.1',
    'application/json; charset=utf-8, text/event-stream',
    'text/html, application/json, text/event-stream',
    'application/json, */*;q=0.1',
  ])('takes %s', (accept) => {
    expect(check(accept)).toBe('ok');
  });

  it.each([
    undefined,
    '',
    ',',
    'application/json',
    'text/event-stream',
    'text/*',
    'application/*',
    'text/html',
    'application/jsonx, text/event-stream',
    'application/json text/event-stream',
    'application/json;q=0, text/event-stream',
    'application/json, text/event-stream;q=0.000',
    '*/*;q=0',
    'json, event-stream',
  ])('refuses %s', (accept) => {
    expect(check(accept)).toBe('NOT_ACCEPTABLE');
  });
});

describe('checkAccept() for GET', () => {
  const check = (accept: string): string =>
    outcome(() => {
      checkAccept(request({ accept }), streamOnly);
    });

  it.each(['text/event-stream', 'text/*', '*/*', 'application/json, text/event-stream'])('takes %s', (accept) => {
    expect(check(accept)).toBe('ok');
  });

  it.each(['application/json', 'text/html', 'text/event-stream;q=0'])('refuses %s', (accept) => {
    expect(check(accept)).toBe('NOT_ACCEPTABLE');
  });
});

describe('checkAccept() for a value that it has seen', () => {
  const accept = 'application/json;v=1, text/event-stream;v=1';

  it('takes it again, and refuses it again where it does not do', () => {
    const check = (value: string, wanted: typeof jsonOrStream): string =>
      outcome(() => {
        checkAccept(request({ accept: value }), wanted);
      });
    expect([1, 2].map(() => check(accept, jsonOrStream))).toEqual(['ok', 'ok']);
    expect([1, 2].map(() => check('text/event-stream;v=1', streamOnly))).toEqual(['ok', 'ok']);
    expect(check('text/event-stream;v=1', jsonOrStream)).toBe('NOT_ACCEPTABLE');
  });
});

describe('checkContentType()', () => {
  const check = (headers: IncomingHttpHeaders): string =>
    outcome(() => {
      checkContentType(request(headers));
    });

  it.each([
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json; charset=UTF-8',
    'application/json; charset="utf-8"',
    'application/json; charset=utf8',
    ' application/json ; charset=utf-8',
    'application/json; profile=x',
  ])('takes %j', (type) => {
    expect(check({ 'content-type': type })).toBe('ok');
  });

  it.each([
    '',
    'text/plain',
    'text/json',
    'application/json-rpc',
    'application/jsonrequest',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=application/json',
    'text/plain; application/json',
    'application/json; charset=latin1',
    'application/json; charset=utf-16',
    'application/json; charset=utf-7',
    'application/json, text/plain',
  ])('refuses %j', (type) => {
    expect(check({ 'content-type': type })).toBe('MEDIA_TYPE_REFUSED');
  });

  it('refuses a body without a type', () => {
    expect(check({})).toBe('MEDIA_TYPE_REFUSED');
  });

  it('refuses a type that it has taken when it comes compressed', () => {
    const type = 'application/json; charset=utf-8';
    expect(check({ 'content-type': type })).toBe('ok');
    expect(check({ 'content-type': type, 'content-encoding': 'gzip' })).toBe('MEDIA_TYPE_REFUSED');
  });

  it.each(['gzip', 'br', 'deflate', 'identity, gzip', 'x', ''])('refuses the encoding %j', (encoding) => {
    expect(check({ 'content-type': 'application/json', 'content-encoding': encoding })).toBe('MEDIA_TYPE_REFUSED');
  });

  it('takes the encoding "identity"', () => {
    expect(check({ 'content-type': 'application/json', 'content-encoding': 'Identity' })).toBe('ok');
  });
});

describe('checkVersion()', () => {
  const check = (version: string | undefined): string =>
    outcome(() => {
      checkVersion(request(version === undefined ? {} : { 'mcp-protocol-version': version }));
    });

  it.each([undefined, '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'])('takes %s', (version) => {
    expect(check(version)).toBe('ok');
  });

  it.each(['', '2026-07-28', '2025-11-25 ', '2025-11-25, 2025-06-18', '1.0', 'latest', '2024-10-07'])(
    'refuses %j',
    (version) => {
      expect(check(version)).toBe('VERSION_UNSUPPORTED');
    },
  );

  it('names the revisions that are served', () => {
    expect(() => {
      checkVersion(request({ 'mcp-protocol-version': 'x' }));
    }).toThrow('wanted one of 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05');
  });
});

describe('sessionIdOf()', () => {
  it('is undefined without the header', () => {
    expect(sessionIdOf(request({}))).toBeUndefined();
  });

  it('is what the client says', () => {
    expect(sessionIdOf(request({ 'mcp-session-id': 'abc' }))).toBe('abc');
  });
});
