import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { readMessage, serverLimits } from '../../src/jsonrpc/message.ts';
import { dress } from '../../src/modern/dress.ts';

const server = '{"name":"s","version":"1"}';
const info = `"io.modelcontextprotocol/serverInfo":${server}`;

/** A legacy answer as a client of 2026-07-28 sees it. */
function dressed(text: string, method = 'tools/call'): string {
  const bytes = Bytes.from(text);
  const message = readMessage(bytes, serverLimits);
  if (message.kind !== 'response' || !message.result) throw new Error('wanted a result');
  return dress(bytes, message.result, method, server).toString();
}

describe('dress() puts in what a result of 2026-07-28 has', () => {
  it.each([
    [
      'all of it',
      '{"result":{"content":[]},"id":1,"jsonrpc":"2.0"}',
      `{"result":{"resultType":"complete","_meta":{${info}},"content":[]},"id":1,"jsonrpc":"2.0"}`,
    ],
    [
      'into an empty result',
      '{"jsonrpc":"2.0","id":1,"result": {  }}',
      `{"jsonrpc":"2.0","id":1,"result": {"resultType":"complete","_meta":{${info}}  }}`,
    ],
    [
      'into a _meta that is there',
      '{"jsonrpc":"2.0","id":1,"result":{"a":1e400,"_meta":{"b":"\\u00e9"}}}',
      `{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","a":1e400,"_meta":{${info},"b":"\\u00e9"}}}`,
    ],
    [
      'into an empty _meta, beside a type of its own',
      '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","_meta":{}}}',
      `{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","_meta":{${info}}}}`,
    ],
    [
      'nothing twice',
      `{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{}}}}`,
      `{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{}}}}`,
    ],
    [
      'no _meta in the place of one that is no object',
      '{"jsonrpc":"2.0","id":1,"result":{"_meta":null}}',
      '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","_meta":null}}',
    ],
  ])('%s', (_what, before, after) => {
    expect(dressed(before)).toBe(after);
  });

  it.each(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read'])(
    'with how long it may be kept (%s)',
    (method) => {
      const result = JSON.parse(dressed('{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}', method)) as object;
      expect(result).toMatchObject({ result: { ttlMs: 0, cacheScope: 'private', resultType: 'complete' } });
    },
  );

  it.each([
    ['{"ttlMs":5}', { ttlMs: 5, cacheScope: 'private' }],
    ['{"cacheScope":"public"}', { ttlMs: 0, cacheScope: 'public' }],
    ['{"ttlMs":5,"cacheScope":"public"}', { ttlMs: 5, cacheScope: 'public' }],
  ])('and what the server says of that itself stays (%s)', (result, wanted) => {
    expect(JSON.parse(dressed(`{"jsonrpc":"2.0","id":1,"result":${result}}`, 'tools/list'))).toMatchObject({
      result: wanted,
    });
  });

  it('and every other byte stays, whatever they are', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.integer({ min: 0, max: 3 }), (members, space) => {
        const own = new Set(['resultType', 'ttlMs', 'cacheScope', '_meta', 'isError', 'taskId', 'status']);
        const result = Object.fromEntries(Object.entries(members).filter(([name]) => !own.has(name)));
        const text = JSON.stringify({ jsonrpc: '2.0', id: 1, result }, undefined, space);
        const added = /"resultType":"complete","_meta":\{"io.modelcontextprotocol\/serverInfo":\{[^}]*\}\},?/;
        expect(dressed(text.replaceAll('\n', ' ')).replace(added, '')).toBe(text.replaceAll('\n', ' '));
      }),
    );
  });
});
