import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { checkArguments } from '../../src/rest/check-arguments.ts';

// Names and values are few, so that schemas and values meet.
const name = fc.constantFrom('a', 'b', 'c');
const scalar = fc.constantFrom<unknown>(null, true, 0, 1, 2, 1.5, '', 'a', 'abc');
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const type = fc.constantFrom('null', 'boolean', 'string', 'number', 'integer', 'array', 'object');
const small = fc.integer({ min: 0, max: 3 });

/** Schemas of a dialect. @param more its own keywords, over schemas */
function schemaOf(
  more: (schema: fc.Arbitrary<unknown>) => Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<object> {
  const { schema } = fc.letrec<{ schema: unknown }>((tie) => {
    const inner = tie('schema');
    const some = fc.array(inner, { minLength: 1, maxLength: 3 });
    const keywords = {
      type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })),
      enum: fc.array(value, { minLength: 1, maxLength: 4 }),
      const: value,
      ...{ minimum: small, maximum: small, exclusiveMinimum: small, exclusiveMaximum: small },
      multipleOf: fc.constantFrom(1, 2, 0.5),
      ...{ minLength: small, maxLength: small, minItems: small, maxItems: small },
      ...{ minProperties: small, maxProperties: small, uniqueItems: fc.boolean() },
      required: fc.uniqueArray(name, { maxLength: 2 }),
      properties: fc.dictionary(name, inner, { maxKeys: 3 }),
      additionalProperties: inner,
      propertyNames: inner,
      contains: inner,
      ...{ allOf: some, anyOf: some, oneOf: some, not: inner },
      ...{ if: inner, then: inner, else: inner },
      ...more(inner),
    };
    const all = Object.entries(keywords).map(([key, rule]) => rule.map((made) => [key, made] as const));
    const entries = fc.uniqueArray(fc.oneof(...all), { maxLength: 4, selector: ([key]) => key });
    return {
      schema: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.boolean(),
        fc.constantFrom({ $ref: '#/$defs/one' }, { $ref: '#/$defs/two' }),
        entries.map((made) => withoutClash(Object.fromEntries(made))),
      ),
    };
  });
  const definitions = fc.record({ one: type.map((wanted) => ({ type: wanted })), two: schema });
  return fc.record({ allOf: fc.tuple(schema), $defs: definitions });
}

/** Beside keywords about items, ajv finds that an empty array contains whatever it is to contain. */
function withoutClash(schema: Record<string, unknown>): object {
  const hasItems = ['items', 'prefixItems', 'additionalItems', 'uniqueItems', 'minItems', 'maxItems'].some((key) => key in schema); // prettier-ignore
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !hasItems || key !== 'contains'));
}

const schema2020 = schemaOf((inner) => ({
  items: inner,
  prefixItems: fc.array(inner, { minLength: 1, maxLength: 2 }),
  dependentRequired: fc.dictionary(name, fc.uniqueArray(name, { maxLength: 2 }), { maxKeys: 2 }),
  dependentSchemas: fc.dictionary(name, inner, { maxKeys: 2 }),
  minContains: small,
  maxContains: small,
}));
const schema7 = schemaOf((inner) => ({
  items: fc.oneof(inner, fc.array(inner, { minLength: 1, maxLength: 2 })),
  additionalItems: inner,
  dependencies: fc.dictionary(name, fc.oneof(inner, fc.uniqueArray(name, { maxLength: 2 })), { maxKeys: 2 }),
}));

const options = { strict: false, logger: false, validateSchema: false } as const;

/** What ajv says; undefined when it cannot make anything of the schema, such as one that only refers to itself. */
function isValid(ajv: Ajv | Ajv2020, schema: object, what: unknown): boolean | undefined {
  try {
    return ajv.compile(schema)(what);
  } catch {
    return undefined;
  }
}

/** Whether a definition holds itself twice, so that each level of it has twice as many as the one before. */
function multipliesItself({ $defs }: { readonly $defs?: { readonly two: unknown } }): boolean {
  return JSON.stringify($defs?.two).split('"#/$defs/two"').length > 2;
}

describe('checkArguments()', () => {
  it.each([
    ['2020-12', schema2020, () => new Ajv2020(options), {}],
    ['draft-07', schema7, () => new Ajv(options), { $schema: 'http://json-schema.org/draft-07/schema#' }],
  ] as const)('agrees with ajv on any schema of %s and any value', (_dialect, schemas, makeAjv, dialect) => {
    let valid = 0;
    let invalid = 0;
    fc.assert(
      fc.property(schemas, value, (made, what) => {
        const schema = { ...dialect, ...made };
        const wanted = isValid(makeAjv(), schema, what);
        fc.pre(wanted !== undefined);
        if (wanted) valid += 1;
        else invalid += 1;
        const isTaken = checkArguments(schema, what).length === 0;
        // A check of it ends with its budget, and what is not known by then is left to the server: no more than that.
        if (multipliesItself(made)) expect(isTaken || !wanted).toBe(true);
        else expect(isTaken).toBe(wanted);
      }),
      { numRuns: 500 },
    );
    expect(Math.min(valid, invalid)).toBeGreaterThan(50);
  });
});
