import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { checkMirroredParams, mirroredParams } from '../../src/modern/mirrored-params.ts';
import { modernRequest, requestHeaders, wrapped } from '../support/modern-requests.ts';

const region = { type: 'string', 'x-mcp-header': 'Region' };
const of = (properties: object, more: object = {}): ReturnType<typeof mirroredParams> =>
  mirroredParams(JSON.stringify({ type: 'object', properties, ...more }));

describe('mirroredParams()', () => {
  it('finds annotated properties, at any depth', () => {
    const place = { type: 'object', properties: { zone: { type: 'integer', 'x-mcp-header': 'Zone' } } };
    expect(of({ region, place, other: { type: 'string' } })).toEqual(
      expect.arrayContaining([
        { name: 'Region', header: 'mcp-param-region', path: ['region'] },
        { name: 'Zone', header: 'mcp-param-zone', path: ['place', 'zone'] },
      ]),
    );
  });

  it('takes a property of the name x-mcp-header for a property', () => {
    expect(of({ 'x-mcp-header': { type: 'string' } })).toEqual([]);
    expect(of({ 'x-mcp-header': region })).toEqual([
      { name: 'Region', header: 'mcp-param-region', path: ['x-mcp-header'] },
    ]);
  });

  it('takes what only looks like an annotation for a value', () => {
    expect(of({ region, b: { default: region, enum: [region], const: region, examples: [region] } })).toHaveLength(1);
  });

  it.each<[string, object, object?]>([
    ['an empty name', { region, b: { type: 'string', 'x-mcp-header': '' } }],
    ['a name with a space', { region, b: { type: 'string', 'x-mcp-header': 'a b' } }],
    ['a name with a line break', { region, b: { type: 'string', 'x-mcp-header': 'a\r\nb' } }],
    ['a name with a colon', { region, b: { type: 'string', 'x-mcp-header': 'a:b' } }],
    ['a name that is no text', { region, b: { type: 'string', 'x-mcp-header': true } }],
    ['the same name in another case', { region, b: { type: 'string', 'x-mcp-header': 'REGION' } }],
    ['the type number', { region, b: { type: 'number', 'x-mcp-header': 'B' } }],
    ['the type object', { region, b: { type: 'object', 'x-mcp-header': 'B' } }],
    ['several types', { region, b: { type: ['string', 'null'], 'x-mcp-header': 'B' } }],
    ['no type', { region, b: { 'x-mcp-header': 'B' } }],
    ['the root', { region }, { 'x-mcp-header': 'B' }],
    ['items', { region, b: { type: 'array', items: { type: 'string', 'x-mcp-header': 'B' } } }],
    ['items of a tuple', { region, b: { type: 'array', items: [{ type: 'string', 'x-mcp-header': 'B' }] } }],
    ['a choice', { region, b: { anyOf: [{ type: 'string', 'x-mcp-header': 'B' }] } }],
    ['properties of a choice', { region }, { oneOf: [{ properties: { b: { type: 'string', 'x-mcp-header': 'B' } } }] }],
    ['a condition', { region }, { if: { properties: { b: { type: 'string', 'x-mcp-header': 'B' } } } }],
    ['a definition', { region }, { $defs: { b: { type: 'string', 'x-mcp-header': 'B' } } }],
    ['a pattern', { region }, { patternProperties: { '^b': { type: 'string', 'x-mcp-header': 'B' } } }],
  ])('finds nothing when there is an annotation with or in %s', (_what, properties, more = {}) => {
    expect(of(properties, more)).toEqual([]);
  });

  it('gets by with a schema of any depth', () => {
    const depth = 100_000;
    const leaf = JSON.stringify(region);
    expect(mirroredParams('{"properties":{"a":'.repeat(depth) + leaf + '}}'.repeat(depth))).toEqual([]);
  });

  it.each(['true', '[]', '"x-mcp-header"', 'null', '{}'])('finds nothing in %s', (schema) => {
    expect(mirroredParams(schema)).toEqual([]);
  });
});

describe('checkMirroredParams()', () => {
  const mirrored = of({
    text: { type: 'string', 'x-mcp-header': 'Text' },
    count: { type: 'integer', 'x-mcp-header': 'Count' },
    isOn: { type: 'boolean', 'x-mcp-header': 'On' },
    at: { type: 'object', properties: { x: { type: 'string', 'x-mcp-header': 'X' } } },
  });

  function check(args: unknown, ...headers: [string, string][]): string | undefined {
    const { bytes } = modernRequest('tools/call', { name: 'a', arguments: args });
    try {
      checkMirroredParams(mirrored, bytes, requestHeaders(...headers));
    } catch (error) {
      if (error instanceof BridgeError && error.code === 'HEADER_MISMATCH') return error.message;
      throw error;
    }
    return undefined;
  }

  it.each<[unknown, ...[string, string][]]>([
    [{}],
    [undefined],
    [[]],
    [{ text: null, at: { x: null } }],
    [{ text: 'a' }, ['Mcp-Param-Text', 'a']],
    [{ text: '' }, ['Mcp-Param-Text', '']],
    [{ text: ' a\n' }, ['mcp-param-TEXT', wrapped(' a\n')]],
    [{ text: 'SGVsbG8=' }, ['Mcp-Param-Text', 'SGVsbG8=']],
    [{ text: '=?base64?SGVsbG8=' }, ['Mcp-Param-Text', '=?base64?SGVsbG8=']],
    [{ count: 42 }, ['Mcp-Param-Count', '42']],
    [{ count: 42 }, ['Mcp-Param-Count', '42.0']],
    [{ count: -7 }, ['Mcp-Param-Count', wrapped('-7')]],
    [{ count: 9007199254740991 }, ['Mcp-Param-Count', '9007199254740991']],
    [{ isOn: true }, ['Mcp-Param-On', 'true']],
    [{ isOn: false }, ['Mcp-Param-On', 'false']],
    [{ at: { x: 'a' } }, ['Mcp-Param-X', 'a']],
    [{ at: 'x' }],
    [{ text: { a: 1 } }],
    [{ x: 'a' }, ['Mcp-Param-Unknown', 'b']],
  ])('passes %j with %j', (args, ...headers) => {
    expect(check(args, ...headers)).toBeUndefined();
  });

  it.each<[unknown, string, ...[string, string][]]>([
    [{ text: 'a' }, "Mcp-Param-Text header is missing, wanted body value 'a'"],
    [{ text: '' }, 'Mcp-Param-Text header is missing'],
    [{ count: 0 }, 'Mcp-Param-Count header is missing'],
    [{ isOn: false }, 'Mcp-Param-On header is missing'],
    [{ at: { x: 'a' } }, 'Mcp-Param-X header is missing'],
    [{ text: 'a' }, "value 'b' does not match body value 'a'", ['Mcp-Param-Text', 'b']],
    [{ text: 'a' }, 'does not match', ['Mcp-Param-Text', 'A']],
    [{ text: 'a, a' }, 'twice', ['Mcp-Param-Text', 'a'], ['Mcp-Param-Text', 'a']],
    [{ text: 'Hello' }, 'cannot be read', ['Mcp-Param-Text', '=?base64?SGVsbG8?=']],
    [{ text: '42' }, 'does not match', ['Mcp-Param-Text', '42.0']],
    [{ count: 42 }, 'does not match', ['Mcp-Param-Count', '0x2a']],
    [{ count: 42 }, 'does not match', ['Mcp-Param-Count', '43']],
    [{ count: 0 }, 'does not match', ['Mcp-Param-Count', '']],
    [{ count: 2 ** 53 }, 'without such a value', ['Mcp-Param-Count', '9007199254740993']],
    [{ isOn: true }, 'does not match', ['Mcp-Param-On', 'True']],
    [{}, 'a body without such a value', ['Mcp-Param-Text', 'a']],
    [{ text: null }, 'a body without such a value', ['Mcp-Param-Text', 'null']],
    [{ x: 'a' }, 'a body without such a value', ['Mcp-Param-X', 'a']],
  ])('refuses %j: %s', (args, words, ...headers) => {
    expect(check(args, ...headers)).toContain(words);
  });

  it('looks at nothing of a tool without annotations', () => {
    const { bytes } = modernRequest('tools/call', { name: 'a', arguments: { text: 'a' } });
    expect(() => {
      checkMirroredParams([], bytes, requestHeaders(['Mcp-Param-Text', 'b']));
    }).not.toThrow();
  });
});
