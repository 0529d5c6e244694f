import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { errorMessage } from '../../src/jsonrpc/error-message.ts';
import { checkMirrors, checkRevision, refuseUnclaimed } from '../../src/modern/headers.ts';
import { meta, modernRequest, requestHeaders, wrapped } from '../support/modern-requests.ts';

type Named = readonly (readonly [string, string])[];
const version = ['MCP-Protocol-Version', '2026-07-28'] as const;
const methodIs = (method: string): readonly [string, string] => ['Mcp-Method', method];
const nameIs = (name: string): readonly [string, string] => ['Mcp-Name', name];

function thrown(run: () => void): BridgeError | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof BridgeError) return error;
    throw error;
  }
  return undefined;
}

function check(method: string, params: object, headers: Named, ownMeta?: object): BridgeError | undefined {
  const { request, bytes } = modernRequest(method, params, ownMeta);
  return thrown(() => {
    checkMirrors(request, bytes, requestHeaders(...headers));
  });
}

describe('checkMirrors()', () => {
  it.each<[string, object, Named]>([
    ['server/discover', {}, []],
    ['tools/list', { name: 'a' }, []],
    ['tools/list', { name: 'a' }, [nameIs('b')]],
    ['tools/call', { name: 'a' }, [nameIs('a')]],
    ['tools/call', { name: 'a, b' }, [nameIs('a, b')]],
    ['tools/call', { name: '世界' }, [nameIs(wrapped('世界'))]],
    ['tools/call', { name: 'plain' }, [nameIs(wrapped('plain'))]],
    ['tools/call', {}, []],
    ['tools/call', { name: 7 }, []],
    ['prompts/get', { name: 'a', uri: 'b' }, [nameIs('a')]],
    ['resources/read', { uri: 'file:///a', name: 'b' }, [nameIs('file:///a')]],
    ['resources/read', { uri: `data:${'x'.repeat(8000)}` }, [nameIs(`data:${'x'.repeat(8000)}`)]],
    ['tasks/get', { taskId: 't' }, [nameIs('t')]],
    ['tasks/update', { taskId: 't' }, [nameIs('t')]],
    ['tasks/cancel', { taskId: 't' }, [nameIs('t')]],
  ])('passes %s %.60j', (method, params, headers) => {
    expect(check(method, params, [version, methodIs(method), ...headers])).toBeUndefined();
  });

  it('minds no case of header names', () => {
    const headers: Named = [
      ['mcp-protocol-VERSION', '2026-07-28'],
      ['MCP-METHOD', 'tools/call'],
      ['mcp-name', 'a'],
    ];
    expect(check('tools/call', { name: 'a' }, headers)).toBeUndefined();
  });

  it.each<[string, string, object, Named, string]>([
    ['no version', 'ping', {}, [methodIs('ping')], 'MCP-Protocol-Version header is missing'],
    ['another version', 'ping', {}, [['MCP-Protocol-Version', '2025-11-25'], methodIs('ping')], "'2025-11-25'"],
    [
      'the version twice',
      'ping',
      {},
      [version, version, methodIs('ping')],
      'MCP-Protocol-Version header is there twice',
    ],
    ['no method', 'ping', {}, [version], "Mcp-Method header is missing, wanted body value 'ping'"],
    ['another method', 'ping', {}, [version, methodIs('pong')], "value 'pong' does not match body value 'ping'"],
    ['another case of the method', 'ping', {}, [version, methodIs('PING')], "'PING'"],
    ['the method twice', 'ping', {}, [version, methodIs('ping'), methodIs('ping')], 'Mcp-Method header is there twice'],
    ['a wrapped method', 'ping', {}, [version, methodIs(wrapped('ping'))], 'Mcp-Method'],
    ['no name', 'tools/call', { name: 'a' }, [], "Mcp-Name header is missing, wanted body value 'a'"],
    [
      'another name',
      'tools/call',
      { name: 'a' },
      [nameIs('b')],
      "Mcp-Name header value 'b' does not match body value 'a'",
    ],
    ['the name of an argument', 'tools/call', { arguments: { name: 'a' } }, [nameIs('a')], 'body without such a value'],
    ['the name twice', 'tools/call', { name: 'a, a' }, [nameIs('a'), nameIs('a')], 'Mcp-Name header is there twice'],
    ['bad Base64', 'tools/call', { name: 'Hello' }, [nameIs('=?base64?SGVsbG8?=')], 'Mcp-Name header cannot be read'],
    ['raw Latin-1', 'tools/call', { name: 'é' }, [nameIs('é')], 'Mcp-Name header cannot be read'],
    ['the name of a resource for its URI', 'resources/read', { uri: 'u', name: 'n' }, [nameIs('n')], "'u'"],
    ['another task', 'tasks/get', { taskId: 't' }, [nameIs('s')], "'t'"],
  ])('refuses %s', (_what, method, params, given, words) => {
    const headers = method === 'ping' ? given : [version, methodIs(method), ...given];
    const error = check(method, params, headers);
    expect([error?.code, error?.message]).toEqual(['HEADER_MISMATCH', expect.stringContaining(words)]);
  });

  it('echoes no more of a value than its beginning, and nothing that moves a cursor', () => {
    const error = check('tools/call', { name: `\u001b[2J\n${'x'.repeat(500)}` }, [
      version,
      methodIs('tools/call'),
      nameIs('y'.repeat(500)),
    ]);
    expect(error?.message).toMatch(
      /^Header mismatch: Mcp-Name header value 'y{100}…' does not match body value ' x{95}…'$/,
    );
  });

  it.each<[string, object]>([
    ['no revision that is a text', { ...meta, 'io.modelcontextprotocol/protocolVersion': 1 }],
    ['no capabilities', { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }],
    ['capabilities that are no object', { ...meta, 'io.modelcontextprotocol/clientCapabilities': [] }],
  ])('refuses %s', (_what, ownMeta) => {
    expect(check('ping', {}, [version, methodIs('ping')], ownMeta)?.code).toBe('META_MISSING');
  });

  it.each<[string, string, string, string]>([
    ['a header that names one that is served', '2026-07-28', 'v999.0.0', 'HEADER_MISMATCH'],
    ['the same header', 'v999.0.0', 'v999.0.0', 'REVISION_UNSUPPORTED'],
    ['the same header, of one with sessions', '2025-11-25', '2025-11-25', 'REVISION_UNSUPPORTED'],
  ])('refuses a foreign revision with %s, whatever else is missing', (_what, header, claimed, code) => {
    const ownMeta = { 'io.modelcontextprotocol/protocolVersion': claimed };
    expect(check('ping', {}, [['MCP-Protocol-Version', header]], ownMeta)?.code).toBe(code);
  });
});

describe('checkRevision()', () => {
  it('says which revisions are served, and which was asked for', () => {
    const { request } = modernRequest('ping', {}, { 'io.modelcontextprotocol/protocolVersion': '2099-01-01' });
    const error = thrown(() => {
      checkRevision(request, requestHeaders(['MCP-Protocol-Version', '2099-01-01']));
    });
    expect(JSON.parse(errorMessage(error, '1').toString())).toMatchObject({
      error: { code: -32022, data: { supported: ['2026-07-28'], requested: '2099-01-01' } },
    });
  });
});

describe('refuseUnclaimed()', () => {
  const refusal = (value: string | undefined): string | undefined =>
    thrown(() => {
      refuseUnclaimed(requestHeaders(...(value === undefined ? [] : [['MCP-Protocol-Version', value] as const])));
    })?.code;

  it.each(['2026-07-28', '2025-11-26', '2099-01-01'])('refuses a header of %s', (value) => {
    expect(refusal(value)).toBe('META_MISSING');
  });

  it.each([undefined, '2025-11-25', '2024-11-05', 'v999.0.0', 'latest', ''])('passes a header of %s', (value) => {
    expect(refusal(value)).toBeUndefined();
  });
});
