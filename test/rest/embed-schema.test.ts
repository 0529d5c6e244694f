import { describe, expect, it } from '@jest/globals';
import { embedSchema } from '../../src/rest/embed-schema.ts';

const place = '#/components/schemas/x';
const embedded = (schema: Record<string, unknown>): object => Object.fromEntries(embedSchema(schema, 'x'));

describe('embedSchema()', () => {
  it.each<[string, Record<string, unknown>, object]>([
    [
      'drops references that lead elsewhere or nowhere',
      { allOf: [{ $ref: 'https://example.com/x' }, { $ref: '#/$defs/none' }, { $ref: 7 }] },
      { allOf: [{}, {}, {}] },
    ],
    [
      'drops names and dialects',
      { $schema: 'http://json-schema.org/draft-07/schema#', $id: 'https://example.com/x', $comment: 'c', title: 't' },
      { title: 't' },
    ],
    [
      'turns lists of items into prefixItems',
      { items: [{ type: 'string' }], additionalItems: false },
      { prefixItems: [{ type: 'string' }], items: false },
    ],
    [
      'turns dependencies into their two kinds',
      { dependencies: { a: ['b'], c: { required: ['d'] } } },
      { dependentRequired: { a: ['b'] }, dependentSchemas: { c: { required: ['d'] } } },
    ],
    [
      'keeps properties that have names of keywords',
      { properties: { $ref: { type: 'string' }, $id: {}, items: {} } },
      { properties: { $ref: { type: 'string' }, $id: {}, items: {} } },
    ],
    [
      'keeps values that look like schemas',
      { default: { $ref: 'x' }, enum: [{ $id: 1 }], const: { $schema: 1 } },
      { default: { $ref: 'x' }, enum: [{ $id: 1 }], const: { $schema: 1 } },
    ],
    ['drops rules of older dialects', { exclusiveMinimum: true, required: true, minimum: 1 }, { minimum: 1 }],
    [
      'turns what is no schema into one that says nothing',
      { properties: { a: 7 }, anyOf: [] },
      { properties: { a: {} } },
    ],
  ])('%s', (_what, schema, expected) => {
    expect(embedded(schema)).toEqual({ x: expected });
  });

  it('makes a schema of its own of whatever is referred to', () => {
    const schema = {
      properties: {
        a: { $ref: '#/$defs/a' },
        b: { $ref: '#/definitions/A' },
        c: { $ref: '#/properties/b' },
        d: { $ref: '#' },
      },
      $defs: { a: { items: { $ref: '#/$defs/a' } }, unused: {} },
      definitions: { A: false },
    };
    expect(embedded(schema)).toEqual({
      x: {
        properties: {
          ...{ a: { $ref: `${place}_a` }, b: { $ref: `${place}_A_2` } },
          ...{ c: { $ref: `${place}_b` }, d: { $ref: place } },
        },
      },
      x_a: { items: { $ref: `${place}_a` } },
      x_A_2: { not: {} },
      x_b: { $ref: `${place}_A_2` },
    });
  });

  it('shows a schema that is too large or too deep as any object', () => {
    const wide = { properties: Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`p${i}`, {}])) };
    const deep = JSON.parse(`${'{"not":'.repeat(1000)}{}${'}'.repeat(1000)}`) as Record<string, unknown>;
    const referring = {
      allOf: Array.from({ length: 600 }, (_, i) => ({ $ref: `#/$defs/${i}` })),
      $defs: Array(600).fill({}),
    };
    for (const schema of [wide, deep, referring]) expect(embedded(schema)).toEqual({ x: { type: 'object' } });
  });
});
