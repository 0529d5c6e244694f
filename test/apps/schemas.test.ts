import { describe, expect, it } from '@jest/globals';
import { References } from '../../src/apps/references.ts';
import { SchemaWriter, type Direction } from '../../src/apps/schemas.ts';

function written(schema: unknown, schemas: object = {}, direction: Direction = 'input'): unknown {
  const writer = new SchemaWriter(new References({ components: { schemas } }), direction, { parts: 0 });
  const root = writer.write(schema, 'here');
  return typeof root === 'boolean' ? root : { ...root, ...writer.definitions() };
}

const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });

describe('SchemaWriter.write() turns', () => {
  it.each([
    ['nullable', { type: 'string', nullable: true }, { type: ['string', 'null'] }],
    [
      'nullable with values',
      { type: 'string', nullable: true, enum: ['a'] },
      { type: ['string', 'null'], enum: ['a', null] },
    ],
    [
      'nullable without a type',
      { nullable: true, allOf: [{ type: 'object' }] },
      { anyOf: [{ allOf: [{ type: 'object' }] }, { type: 'null' }] },
    ],
    ['nullable: false', { type: 'string', nullable: false }, { type: 'string' }],
    ['an exclusive minimum of 3.0', { minimum: 1, exclusiveMinimum: true }, { exclusiveMinimum: 1 }],
    ['an exclusive maximum of 3.0 that is none', { maximum: 1, exclusiveMaximum: false }, { maximum: 1 }],
    ['an exclusive minimum of 3.1', { exclusiveMinimum: 3 }, { exclusiveMinimum: 3 }],
    ['an example', { type: 'string', example: 'x' }, { type: 'string', examples: ['x'] }],
    [
      'keys of OpenAPI',
      { type: 'object', xml: {}, discriminator: {}, externalDocs: {}, 'x-own': 1 },
      { type: 'object' },
    ],
    ['a boolean', { items: true }, { items: true }],
  ])('%s', (_what, schema, wanted) => {
    expect(written(schema)).toEqual(wanted);
  });

  it('references into $defs, once each', () => {
    const schemas = { Pet: { type: 'object', properties: { tag: ref('Tag') } }, Tag: { type: 'string' } };
    expect(written({ items: [ref('Pet'), ref('Pet')][0], not: ref('Tag') }, schemas)).toEqual({
      items: { $ref: '#/$defs/Pet' },
      not: { $ref: '#/$defs/Tag' },
      $defs: { Pet: { type: 'object', properties: { tag: { $ref: '#/$defs/Tag' } } }, Tag: { type: 'string' } },
    });
  });

  it('a schema that holds itself into one that is finite', () => {
    const schemas = { Node: { type: 'object', properties: { next: ref('Node') } } };
    expect(written(ref('Node'), schemas)).toEqual({
      $ref: '#/$defs/Node',
      $defs: { Node: { type: 'object', properties: { next: { $ref: '#/$defs/Node' } } } },
    });
  });

  it('two references with one last name into two definitions', () => {
    const schemas = { A: { properties: { id: { type: 'string' } } }, B: { properties: { id: { type: 'number' } } } };
    const [one, other] = ['A', 'B'].map((name) => ({ $ref: `#/components/schemas/${name}/properties/id` }));
    expect(written({ anyOf: [one, other] }, schemas)).toEqual({
      anyOf: [{ $ref: '#/$defs/id' }, { $ref: '#/$defs/id_2' }],
      $defs: { id: { type: 'string' }, id_2: { type: 'number' } },
    });
  });
});

describe('SchemaWriter.write() leaves out', () => {
  const pet = {
    type: 'object',
    required: ['id', 'name', 'secret'],
    properties: { id: { type: 'integer', readOnly: true }, name: { type: 'string' }, secret: ref('Secret') },
  };
  const schemas = { Secret: { type: 'string', writeOnly: true }, Id: { type: 'integer', readOnly: true } };

  it('of input what is only read, also where it is required', () => {
    expect(written(pet, schemas)).toMatchObject({ required: ['name', 'secret'], properties: { name: {}, secret: {} } });
    expect(written(pet, schemas)).not.toHaveProperty('properties.id');
  });

  it('of input what is only read, where that stands beside a reference', () => {
    const properties = { id: { ...ref('Plain'), readOnly: true } };
    expect(written({ type: 'object', properties }, { Plain: { type: 'integer' } })).toEqual({
      type: 'object',
      properties: {},
    });
  });

  it('of output what is only written, and formats, which few apps keep to', () => {
    const output = written(
      { ...pet, properties: { ...pet.properties, at: { type: 'string', format: 'date' } } },
      schemas,
      'output',
    );
    expect(output).toEqual({
      type: 'object',
      required: ['id', 'name'],
      properties: { id: { type: 'integer' }, name: { type: 'string' }, at: { type: 'string' } },
    });
  });

  it('of input what a part of allOf makes required and another one only reads', () => {
    const base = { properties: { id: ref('Id') } };
    expect(written({ allOf: [base], required: ['id', 'name'] }, schemas)).toEqual({
      allOf: [{ properties: {} }],
      required: ['name'],
    });
  });
});

describe('SchemaWriter.write() refuses', () => {
  const circle = { A: ref('B'), B: ref('A') };
  it.each([
    [
      'a reference to nothing',
      ref('None'),
      {},
      'here: "$ref" leads to "#/components/schemas/None", which is not there',
    ],
    [
      'a reference to another document',
      { $ref: 'http://evil.example/x.json' },
      {},
      'here: "$ref" leads to "http://evil.example/x.json", wanted a part of the same document',
    ],
    [
      'a reference to a file',
      { items: { $ref: './x.yaml' } },
      {},
      'here.items: "$ref" leads to "./x.yaml", wanted a part of the same document',
    ],
    ['references in a circle', { properties: { a: ref('A') } }, circle, 'here.properties.a: "$ref" goes in a circle'],
    ['references in a circle, of items', { items: ref('A') }, circle, 'here.items: "$ref" goes in a circle'],
    ['what is no schema', { items: 3 }, {}, 'here.items: wanted a schema'],
    ['properties that are no mapping', { properties: [] }, {}, 'here.properties: wanted a mapping'],
    ['a list that is none', { allOf: {} }, {}, 'here.allOf: wanted a list'],
  ])('%s', (_what, schema, schemas, message) => {
    expect(() => written(schema, schemas)).toThrow(new Error(message));
  });

  it('a schema that is larger than anybody could read', () => {
    const wide = Array.from({ length: 20_001 }, () => ({ type: 'string' }));
    expect(() => written({ anyOf: wide })).toThrow(/more than 20000 parts/);
  });
});
