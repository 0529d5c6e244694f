import { describe, expect, it } from '@jest/globals';
import { checkArguments } from '../../src/rest/check-arguments.ts';

/** What is wrong, as one text: `POINTER REASON`. */
function faults(schema: unknown, value: unknown): string {
  return checkArguments(schema, value)
    .map(({ pointer, reason }) => `${pointer} ${reason}`)
    .join(' | ');
}

const draft7 = { $schema: 'http://json-schema.org/draft-07/schema#' };

describe('checkArguments() finds', () => {
  it.each<[string, unknown, unknown, string]>([
    ['a missing member', { required: ['city'] }, {}, '/city is missing'],
    ['a wrong type', { properties: { n: { type: 'number' } } }, { n: 'x' }, '/n is string, wanted number'],
    ['none of several types', { type: ['string', 'null'] }, 1, ' is number, wanted string or null'],
    ['a number that is no integer', { type: 'integer' }, 1.5, ' is number, wanted integer'],
    ['what is no array', { type: 'array' }, {}, ' is object, wanted array'],
    [
      'an unknown member',
      { properties: { a: {} }, additionalProperties: false },
      { b: 1 },
      '/b is not known, wanted one of a',
    ],
    [
      'any member, where there are none',
      { additionalProperties: false },
      { b: 1 },
      '/b is not known: there are no arguments',
    ],
    ['a bad additional member', { additionalProperties: { type: 'null' } }, { b: 1 }, '/b is number, wanted null'],
    ['a value that is not on the list', { enum: ['a', 1, null] }, 'b', ' wanted one of "a", 1, null'],
    ['another constant', { const: { a: [1] } }, { a: [2] }, ' wanted object'],
    ['too small a number', { minimum: 1 }, 0, ' is 0, wanted at least 1'],
    ['too large a number', { maximum: 1 }, 2, ' is 2, wanted at most 1'],
    ['a limit that is reached', { exclusiveMaximum: 1 }, 1, ' is 1, wanted less than 1'],
    ['the other limit', { exclusiveMinimum: 1 }, 1, ' is 1, wanted more than 1'],
    ['no multiple', { multipleOf: 0.1 }, 0.25, ' is 0.25, wanted a multiple of 0.1'],
    ['too short a text', { minLength: 2 }, '𝄞', ' has 1 characters, wanted at least 2'],
    ['too long a text', { maxLength: 1 }, 'ab', ' has 2 characters, wanted at most 1'],
    ['too few members', { minProperties: 1 }, {}, ' has 0 members, wanted at least 1'],
    ['too many members', { maxProperties: 0 }, { a: 1 }, ' has 1 members, wanted at most 0'],
    ['a bad name', { propertyNames: { maxLength: 1 } }, { ab: 1 }, '/ab has 2 characters, wanted at most 1'],
    ['a missing companion', { dependentRequired: { a: ['b'] } }, { a: 1 }, '/b is missing'],
    ['a broken companion', { dependentSchemas: { a: { required: ['b'] } } }, { a: 1 }, '/b is missing'],
    ['a missing companion, draft-07', { dependencies: { a: ['b'] } }, { a: 1 }, '/b is missing'],
    ['a bad element', { items: { type: 'string' } }, ['a', 1], '/1 is number, wanted string'],
    ['a bad first element', { prefixItems: [{ type: 'string' }] }, [1, 2], '/0 is number, wanted string'],
    ['a bad later one', { prefixItems: [true], items: { type: 'string' } }, [1, 2], '/1 is number, wanted string'],
    ['a bad first element, draft-07', { ...draft7, items: [{ type: 'string' }] }, [1], '/0 is number, wanted string'],
    ['one too many, draft-07', { ...draft7, items: [true], additionalItems: false }, [1, 2], '/1 is not allowed'],
    ['too few elements', { minItems: 1 }, [], ' has 0 elements, wanted at least 1'],
    ['too many elements', { maxItems: 1 }, [1, 2], ' has 2 elements, wanted at most 1'],
    ['a double', { uniqueItems: true }, [{ a: 1 }, 1, { a: 1 }], '/2 is there twice'],
    [
      'nothing of what it must contain',
      { contains: { const: 1 } },
      [2],
      ' has 0 of what it must contain, wanted at least 1',
    ],
    [
      'too much of it',
      { contains: { const: 1 }, maxContains: 1 },
      [1, 1],
      ' has 2 of what it must contain, wanted at most 1',
    ],
    ['one of all that fails', { allOf: [true, { type: 'string' }] }, 1, ' is number, wanted string'],
    [
      'no form that fits',
      { anyOf: [{ type: 'string' }, { required: ['a'] }] },
      {},
      ' fits none of its forms: is object, wanted string; or "a" is missing',
    ],
    ['the only form, in its own words', { oneOf: [{ type: 'string' }] }, 1, ' is number, wanted string'],
    [
      'two forms that fit',
      { oneOf: [{ type: 'number' }, { minimum: 0 }] },
      1,
      ' fits 2 of its forms, wanted exactly one',
    ],
    ['what it must not be', { not: { type: 'null' } }, null, ' is what it must not be'],
    [
      'what follows from a condition',
      { if: { required: ['a'] }, then: { required: ['b'] } },
      { a: 1 },
      '/b is missing',
    ],
    ['what follows otherwise', { if: { required: ['a'] }, else: { required: ['b'] } }, {}, '/b is missing'],
    [
      'what a reference leads to',
      { $ref: '#/$defs/a~1b%20c', $defs: { 'a/b c': { type: 'null' } } },
      1,
      ' is number, wanted null',
    ],
    [
      'what stands beside a reference',
      { $ref: '#/$defs/a', minimum: 2, $defs: { a: true } },
      1,
      ' is 1, wanted at least 2',
    ],
    ['what nothing fits', { properties: { a: false } }, { a: 1 }, '/a is not allowed'],
    [
      'a place with odd names',
      { properties: { 'a/b~': { items: { type: 'null' } } } },
      { 'a/b~': [1] },
      '/a~1b~0/0 is number, wanted null',
    ],
    [
      'a member called __proto__',
      JSON.parse('{"properties":{"__proto__":{"type":"null"}}}'),
      JSON.parse('{"__proto__":1}'),
      '/__proto__ is number, wanted null',
    ],
    [
      'all of several',
      { required: ['a', 'b'], maxProperties: 0 },
      { c: 1 },
      '/a is missing | /b is missing |  has 1 members, wanted at most 0',
    ],
  ])('%s', (_what, schema, value, expected) => {
    expect(faults(schema, value)).toBe(expected);
  });
});

describe('checkArguments() lets pass', () => {
  it.each<[string, unknown, unknown]>([
    ['what fits', { type: 'object', properties: { n: { type: 'integer', minimum: 1 } }, required: ['n'] }, { n: 1 }],
    ['one of several forms', { anyOf: [{ type: 'string' }, { type: 'null' }] }, null],
    ['exactly one form', { oneOf: [{ type: 'string' }, { type: 'null' }] }, null],
    ['0.3 as a multiple of 0.1', { multipleOf: 0.1 }, 0.3],
    ['1.0 as an integer', { type: 'integer' }, 1.0],
    ['the same values in another order', { const: { a: 1, b: 2 } }, { b: 2, a: 1 }],
    [
      'a tree',
      { $ref: '#/$defs/t', $defs: { t: { type: 'object', properties: { c: { items: { $ref: '#/$defs/t' } } } } } },
      { c: [{ c: [{}] }] },
    ],
    // The server itself looks at these: a regular expression of a stranger is not run on a text of another.
    ['a text that does not match a pattern', { pattern: '^a$' }, 'b'],
    ['what is no date', { format: 'date' }, 'x'],
    ['a member that a pattern may name', { patternProperties: { '^x': true }, additionalProperties: false }, { y: 1 }],
    ['what is excluded by a pattern only', { not: { pattern: '^b$' } }, 'a'],
    ['what a condition decides by a pattern', { if: { pattern: 'x' }, then: false, else: false }, 'a'],
    ['two forms that differ in a pattern', { oneOf: [{ pattern: 'a' }, { pattern: 'b' }] }, 'a'],
    ['what other keywords may have looked at', { unevaluatedProperties: false }, { a: 1 }],
    ['what lies elsewhere', { $ref: 'https://example.com/schema.json' }, 1],
    ['what is nowhere', { $ref: '#/$defs/none' }, 1],
    [
      'what has a name of its own',
      { properties: { a: { $id: 'https://example.com/a', $ref: '#/$defs/x' } }, $defs: { x: false } },
      { a: 1 },
    ],
    [
      'what stands beside a reference, draft-07',
      { ...draft7, $ref: '#/definitions/a', minimum: 2, definitions: { a: true } },
      1,
    ],
    ['a schema that is none', 'x', 1],
    [
      'rules that are none',
      {
        type: 'colour',
        enum: 1,
        required: 'a',
        properties: 7,
        minimum: 'x',
        items: 3,
        anyOf: {},
        $ref: 1,
        exclusiveMinimum: true,
      },
      { a: 1 },
    ],
    ['a type called constructor', { type: 'constructor' }, {}],
  ])('%s', (_what, schema, value) => {
    expect(faults(schema, value)).toBe('');
  });
});

describe('checkArguments(), of a hostile server,', () => {
  /** `levels` definitions, each of which asks for the next one twice. */
  function doubling(levels: number, keyword: 'allOf' | 'anyOf' | 'oneOf'): object {
    const next = (i: number): object => ({ $ref: `#/$defs/d${i + 1}` });
    const defs = Array.from({ length: levels }, (_, i) => [`d${i}`, { [keyword]: [next(i), next(i)] }] as const);
    return { $ref: '#/$defs/d0', $defs: { ...Object.fromEntries(defs), [`d${levels}`]: { type: 'string' } } };
  }

  it.each<[string, unknown, unknown]>([
    ['a reference to itself', { $ref: '#' }, {}],
    [
      'a circle of references',
      { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
      {},
    ],
    ['forms that double 40 times: allOf', doubling(40, 'allOf'), 1],
    ['forms that double 40 times: anyOf', doubling(40, 'anyOf'), 1],
    ['forms that double 40 times: oneOf', doubling(40, 'oneOf'), 1],
    ['a regular expression that never ends', { pattern: '^(a+)+$' }, `${'a'.repeat(50_000)}!`],
    ['elements that are all compared', { uniqueItems: true }, Array.from({ length: 20_000 }, (_, i) => ({ i }))],
    ['lengths of one long text', { allOf: Array.from({ length: 10_000 }, () => ({ minLength: 1 })) }, 'x'.repeat(1e6)],
    ['as many levels as can be read', JSON.parse(`${'{"not":'.repeat(50_000)}{}${'}'.repeat(50_000)}`), {}],
  ])('takes a bounded time and lets pass: %s', (_what, schema, value) => {
    const startedAt = performance.now();
    expect(faults(schema, value)).toBe('');
    // Some ten milliseconds; a machine that is busy may need more.
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  it('tells 20 faults at the most', () => {
    const value = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`m${i}`, 1]));
    expect(checkArguments({ additionalProperties: { type: 'null' } }, value)).toHaveLength(20);
  });

  it('shows a bounded part of what is allowed', () => {
    expect(faults({ enum: Array.from({ length: 10_000 }, (_, i) => `value ${i}`) }, 'x').length).toBeLessThan(300);
    expect(faults({ enum: ['x'.repeat(1e6)] }, 'x').length).toBeLessThan(300);
  });
});
