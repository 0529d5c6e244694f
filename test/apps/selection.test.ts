import { describe, expect, it } from '@jest/globals';
import { refuseUnknown, select } from '../../src/apps/selection.ts';

const operations = [
  { id: 'listPets', method: 'GET', path: '/pets', tags: ['public', 'pets'] },
  { id: 'getPet', method: 'GET', path: '/pets/{petId}', tags: ['public'] },
  { id: 'deletePet', method: 'DELETE', path: '/pets/{petId}', tags: ['admin'] },
  { id: 'getToy', method: 'GET', path: '/pets/{petId}/toys/{toyId}', tags: [] },
];
const ids = (include: string[], exclude: string[] = []): string[] =>
  select(operations, include, exclude).map(({ id }) => id);

describe('select() takes', () => {
  it.each([
    ['all, when nothing is said', [], [], ['listPets', 'getPet', 'deletePet', 'getToy']],
    ['an operationId', ['getPet'], [], ['getPet']],
    ['a part of one', ['get*'], [], ['getPet', 'getToy']],
    ['a path', ['/pets'], [], ['listPets']],
    ['one more segment of a path', ['/pets/*'], [], ['getPet', 'deletePet']],
    ['any more of a path', ['/pets/**'], [], ['getPet', 'deletePet', 'getToy']],
    ['a method and a path', ['delete /pets/{petId}'], [], ['deletePet']],
    ['a tag', ['tag:public'], [], ['listPets', 'getPet']],
    ['any of several', ['getPet', 'tag:admin'], [], ['getPet', 'deletePet']],
    ['what exclude leaves', ['/pets/*'], ['tag:admin'], ['getPet']],
    ['all but what exclude names', [], ['GET /**'], ['deletePet']],
  ])('%s', (_what, include, exclude, wanted) => {
    expect(ids(include, exclude)).toEqual(wanted);
  });
});

describe('select() refuses', () => {
  it.each([
    ['a pattern that means nothing', ['getPets'], [], 'include: "getPets" is no operation, path or tag of it'],
    ['the same to exclude', [], ['tag:x'], 'exclude: "tag:x" is no operation, path or tag of it'],
    ['to leave nothing', ['getPet'], ['get*'], 'include and exclude leave no operation'],
  ])('%s', (_what, include, exclude, message) => {
    expect(() => ids(include, exclude)).toThrow(new Error(message));
  });

  it('a document without operations', () => {
    expect(() => select([], [], [])).toThrow(new Error('it has no operations'));
  });
});

describe('refuseUnknown()', () => {
  it('names the nearest', () => {
    expect(() => {
      refuseUnknown('rename', ['getPat'], operations);
    }).toThrow(new Error('rename: there is no operation "getPat"; did you mean "getPet"?'));
  });
});
