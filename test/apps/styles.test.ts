import { describe, expect, it } from '@jest/globals';
import { styleOf, toHeader, toPairs, toSegment } from '../../src/apps/styles.ts';

const list = ['blue', 'black'];
const object = { R: 100, G: 200 };
/** The query that pairs make. */
const query = (name: string, value: unknown, style: Record<string, unknown>): string =>
  toPairs(name, value, styleOf(style, 'query'))
    .map((pair) => pair.join('='))
    .join('&');

describe('toPairs() writes', () => {
  it.each([
    ['a text', 'a b&c=d/é', {}, 'c=a%20b%26c%3Dd%2F%C3%A9'],
    ['a number', 1.5, {}, 'c=1.5'],
    ['true', true, {}, 'c=true'],
    ['null as nothing', null, {}, ''],
    ['a list, form', list, {}, 'c=blue&c=black'],
    ['a list, form, not exploded', list, { explode: false }, 'c=blue,black'],
    ['a list with a comma in it', ['a,b'], { explode: false }, 'c=a%2Cb'],
    ['an empty list', [], { explode: false }, ''],
    ['an object, form', object, {}, 'R=100&G=200'],
    ['an object, form, not exploded', object, { explode: false }, 'c=R,100,G,200'],
    ['a list, spaceDelimited', list, { style: 'spaceDelimited' }, 'c=blue%20black'],
    ['a list, pipeDelimited', list, { style: 'pipeDelimited' }, 'c=blue%7Cblack'],
    ['an object, deepObject', object, { style: 'deepObject' }, 'c%5BR%5D=100&c%5BG%5D=200'],
    ['deeper, deepObject', { a: [{ b: 1 }] }, { style: 'deepObject' }, 'c%5Ba%5D%5B0%5D%5Bb%5D=1'],
    [
      'reserved characters, but for those that end a value',
      'a/b?c:d&e=f#g+h',
      { allowReserved: true },
      'c=a/b?c:d%26e%3Df%23g%2Bh',
    ],
    ['an object in a list as JSON', [{ a: 1 }], {}, 'c=%7B%22a%22%3A1%7D'],
  ])('%s', (_what, value, style, wanted) => {
    expect(query('c', value, style)).toBe(wanted);
  });

  it('a value as JSON where the parameter has a media type', () => {
    expect(toPairs('c', object, { ...styleOf({}, 'query'), isJson: true })).toEqual([
      ['c', '%7B%22R%22%3A100%2C%22G%22%3A200%7D'],
    ]);
  });
});

describe('toSegment() writes', () => {
  it.each([
    ['a text', 'a/b c', {}, 'a%2Fb%20c'],
    ['a list', list, {}, 'blue,black'],
    ['an object', object, {}, 'R,100,G,200'],
    ['an object, exploded', object, { explode: true }, 'R=100,G=200'],
    ['label', 'blue', { style: 'label' }, '.blue'],
    ['label of a list', list, { style: 'label' }, '.blue,black'],
    ['label of a list, exploded', list, { style: 'label', explode: true }, '.blue.black'],
    ['matrix', 'blue', { style: 'matrix' }, ';c=blue'],
    ['matrix of a list', list, { style: 'matrix' }, ';c=blue,black'],
    ['matrix of a list, exploded', list, { style: 'matrix', explode: true }, ';c=blue;c=black'],
    ['matrix of an object, exploded', object, { style: 'matrix', explode: true }, ';R=100;G=200'],
  ])('%s', (_what, value, style, wanted) => {
    expect(toSegment('c', value, styleOf(style, 'path'))).toBe(wanted);
  });

  it.each(['', '.', '..'])('nothing that would be another path: "%s"', (value) => {
    expect(() => toSegment('c', value, styleOf({}, 'path'))).toThrow(`"c" is "${value}", wanted a part of a path`);
  });

  it('nothing that is half a character', () => {
    expect(() => toSegment('c', '\ud800', styleOf({}, 'path'))).toThrow('half of a surrogate pair');
  });
});

describe('toHeader()', () => {
  it.each([
    ['a text', 'a b', {}, 'a b'],
    ['a list', list, {}, 'blue,black'],
    ['an object', object, {}, 'R,100,G,200'],
    ['an object, exploded', object, { explode: true }, 'R=100,G=200'],
  ])('writes %s', (_what, value, style, wanted) => {
    expect(toHeader('c', value, styleOf(style, 'header'))).toBe(wanted);
  });

  it.each(['a\r\nX-Evil: 1', 'a\0', 'ĕ'])('refuses what is no header: %j', (value) => {
    expect(() => toHeader('c', value, styleOf({}, 'header'))).toThrow(
      '"c" cannot be sent: a header is one line of Latin-1',
    );
  });
});
