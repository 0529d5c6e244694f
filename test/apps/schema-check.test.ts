import { describe, expect, it } from '@jest/globals';
import { SchemaCheck } from '../../src/apps/schema-check.ts';

const a = (schema: object): object => ({ type: 'object', properties: { a: schema } });

describe('SchemaCheck.misfit()', () => {
  it.each([
    ['a pattern of Unicode', a({ type: 'string', pattern: '^\\p{L}+$' }), { a: 'größer' }, undefined],
    ['a pattern that it does not fit', a({ pattern: '^\\p{L}+$' }), { a: '1' }, '/a must match pattern "^\\p{L}+$"'],
    ['a pattern that is none with "u"', a({ pattern: '^[\\w-.]+$' }), { a: 'x-y' }, undefined],
    ['a pattern of another language', a({ pattern: '(?i)^x' }), { a: 'y' }, undefined],
    ['a pattern that takes for ever', a({ pattern: '^(a+)+$' }), { a: `${'a'.repeat(60)}!` }, 'checking it takes longer than 1000 ms'], // prettier-ignore
    ['a property of the name of one that all objects have', a({}), {}, undefined],
    ['that one', { properties: { constructor: { type: 'string' } } }, {}, undefined],
    ['that one missing', { required: ['constructor'] }, {}, "/ must have required property 'constructor'"],
    ['a schema that holds itself', { $ref: '#/$defs/A', $defs: { A: { allOf: [{ $ref: '#/$defs/A' }] } } }, 1, 'its schema never ends: it holds itself'], // prettier-ignore
    ['what is no schema', a({ type: 'strng' }), {}, 'its schema is not valid: type must be JSONType or JSONType[]: strng'], // prettier-ignore
  ])('judges %s', (_what, schema, value, wanted) => {
    expect(new SchemaCheck(schema as Readonly<Record<string, unknown>>).misfit(value)).toBe(wanted);
  });

  it('judges on after a value that took too long', () => {
    const check = new SchemaCheck({ uniqueItems: true });
    const long = Array.from({ length: 100_000 }, (_, i) => ({ i }));
    expect(check.misfit(long)).toBe('checking it takes longer than 1000 ms');
    expect(check.misfit([1, 1])).toMatch(/must NOT have duplicate items/);
    expect(check.misfit([1, 2])).toBeUndefined();
  });
});
