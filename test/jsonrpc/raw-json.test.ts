import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memberTexts, objectText, RawJson } from '../../src/jsonrpc/raw-json.ts';

describe('memberTexts()', () => {
  it('gives each value as it was written', () => {
    const json = ' { "a" : 1.50 , "b":"\\u00e4\\"}", "c": {"x":[1,"]}"]} ,"d":[ ],"e":true}\n';
    expect([...memberTexts(json)]).toEqual([
      ['a', '1.50'],
      ['b', '"\\u00e4\\"}"'],
      ['c', '{"x":[1,"]}"]}'],
      ['d', '[ ]'],
      ['e', 'true'],
    ]);
  });

  it('finds nothing in an empty object', () => {
    expect(memberTexts('{}').size).toBe(0);
    expect(memberTexts(' {\n } ').size).toBe(0);
  });

  it('gives the last of two with the same name, as JSON.parse does', () => {
    expect([...memberTexts('{"a":1,"\\u0061":2}')]).toEqual([['a', '2']]);
  });

  it('reads what JSON.parse reads, in any object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2), (object, space) => {
        const json = JSON.stringify(object, undefined, space);
        const found = [...memberTexts(json)].map(([name, text]) => [name, JSON.parse(text) as unknown]);
        expect(new Map(found as [string, unknown][])).toEqual(new Map(Object.entries(JSON.parse(json) as object)));
      }),
    );
  });

  it('takes time in proportion to the length, whatever is escaped', () => {
    const json = `{"a":"${'\\\\\\"'.repeat(200_000)}","b":1}`;
    expect(memberTexts(json).get('b')).toBe('1');
  });
});

describe('objectText()', () => {
  it('writes what is raw as it is, and leaves out what is undefined', () => {
    const text = objectText({ a: 1, b: undefined, c: new RawJson('[1.0]'), 'd"': 'ä' });
    expect(text).toBe('{"a":1,"c":[1.0],"d\\"":"ä"}');
  });
});
