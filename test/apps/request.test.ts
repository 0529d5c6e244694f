import { describe, expect, it } from '@jest/globals';
import { appRig, documentOf, operation, textOf, type AppSetting } from '../support/app-rig.ts';
import { answering, httpApp, type HeardRequest } from '../support/http-app.ts';

/** What the app gets when the one operation of some paths is called. */
async function heardOf(paths: object, given: object, setting: AppSetting = {}, base = ''): Promise<HeardRequest> {
  await using server = await httpApp(answering(200, 'text/plain', 'ok'));
  const rig = appRig({ baseUrl: `${server.url}${base}`, document: documentOf(paths), ...setting });
  await rig.app.open();
  const [tool] = await rig.tools();
  const result = await rig.call(tool?.name ?? '', given);
  const [heard] = server.heard;
  if (!heard) throw new Error(textOf(result));
  return heard;
}

const posting = (mediaType: string, media: object = {}): object => {
  const requestBody = { required: true, content: { [mediaType]: media } };
  return { '/x': { post: operation({ requestBody }) } };
};
const members = (properties: object): object => ({ schema: { type: 'object', properties } });

describe('buildRequest() writes', () => {
  it('path, query, header and cookie', async () => {
    const parameters = [
      { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
      { name: 'tags', in: 'query', schema: { type: 'array' }, style: 'pipeDelimited' },
      { name: 'filter', in: 'query', content: { 'application/json': { schema: {} } } },
      { name: 'X-Trace', in: 'header', schema: {} },
      { name: 'theme', in: 'cookie', schema: {} },
      { name: 'lang', in: 'cookie', schema: {} },
    ];
    const given = { id: 'a/b', tags: ['x', 'y'], filter: { a: 1 }, 'X-Trace': 't', theme: 'dark blue', lang: 'de' };
    const heard = await heardOf({ '/pets/{id}': { get: operation({ parameters }) } }, given, {}, '/v1/');
    expect(heard).toMatchObject({
      ...{ method: 'GET', url: '/v1/pets/a%2Fb?tags=x%7Cy&filter=%7B%22a%22%3A1%7D', body: '' },
      headers: { 'x-trace': 't', cookie: 'theme=dark%20blue; lang=de' },
    });
  });

  it('headers and query of the configuration over those of a call', async () => {
    const parameters = [{ name: 'Accept-Language', in: 'header', schema: {} }];
    const setting = {
      headers: [{ name: 'User-Agent', value: 'me', secret: false }],
      query: [{ name: 'key', value: 'a&b', secret: true }],
    };
    const heard = await heardOf({ '/x': { get: operation({ parameters }) } }, { 'Accept-Language': 'de' }, setting);
    expect([heard.url, heard.headers['user-agent'], heard.headers['accept-language']]).toEqual([
      '/x?key=a%26b',
      'me',
      'de',
    ]);
  });

  it('which answers it wants', async () => {
    const content = { 'application/json': {}, 'application/xml': {} };
    const heard = await heardOf({ '/x': { get: operation({}, content) } }, {});
    expect(heard.headers.accept).toBe('application/json, */*;q=0.1');
  });

  it.each([
    [
      'JSON',
      'application/json',
      members({ a: {}, b: {} }),
      { a: 1, b: [true] },
      '{"a":1,"b":[true]}',
      'application/json',
    ],
    [
      'JSON of a kind',
      'application/merge-patch+json',
      members({ a: {} }),
      { a: null },
      '{"a":null}',
      'application/merge-patch+json',
    ],
    [
      'JSON that is no object',
      'application/json',
      { schema: { type: 'array' } },
      { body: [1] },
      '[1]',
      'application/json',
    ],
    [
      'a form',
      'application/x-www-form-urlencoded',
      members({ a: {}, b: {} }),
      { a: 'x y&', b: [1, 2] },
      'a=x%20y%26&b=1&b=2',
      'application/x-www-form-urlencoded',
    ],
    ['text', 'text/plain', {}, { body: 'hä' }, 'h\xc3\xa4', 'text/plain;charset=utf-8'],
    ['XML', 'application/xml', {}, { body: '<a/>' }, '<a/>', 'application/xml;charset=utf-8'],
    ['bytes', 'application/octet-stream', {}, { body: 'AP8=' }, '\x00\xff', 'application/octet-stream'],
    ['bytes of a range', 'image/*', {}, { body: 'AP8=', bodyType: 'image/png' }, '\x00\xff', 'image/png'],
    ['bytes as a data: address', 'image/png', {}, { body: 'data:image/png;base64,AP8=' }, '\x00\xff', 'image/png'],
  ])('%s', async (_what, mediaType, media, given, body, sent) => {
    const heard = await heardOf(posting(mediaType, media), given);
    expect([heard.body, heard.headers['content-type']]).toEqual([body, sent]);
  });

  it('a form as its encoding says', async () => {
    const media = {
      ...members({ filter: {}, list: {} }),
      encoding: { filter: { style: 'deepObject' }, list: { explode: false } },
    };
    const heard = await heardOf(posting('application/x-www-form-urlencoded', media), {
      filter: { a: 1 },
      list: [1, 2],
    });
    expect(heard.body).toBe('filter%5Ba%5D=1&list=1,2');
  });

  it('parts, with files', async () => {
    const file = { type: 'string', format: 'binary' };
    const media = {
      ...members({ photo: file, meta: {}, tags: {} }),
      encoding: { photo: { contentType: 'image/png' } },
    };
    const heard = await heardOf(posting('multipart/form-data', media), {
      photo: 'AP8=',
      meta: { a: 1 },
      tags: ['x', 'y'],
    });
    const boundary = /boundary=(.*)$/.exec(heard.headers['content-type'] ?? '')?.[1] ?? '?';
    const parts = heard.body
      .split(`--${boundary}`)
      .slice(1, -1)
      .map((part) => part.trim().split('\r\n'));
    expect(parts).toEqual([
      ['Content-Disposition: form-data; name="photo"; filename="photo"', 'Content-Type: image/png', '', '\x00\xff'],
      ['Content-Disposition: form-data; name="meta"; filename="blob"', 'Content-Type: application/json', '', '{"a":1}'],
      ['Content-Disposition: form-data; name="tags"', '', 'x'],
      ['Content-Disposition: form-data; name="tags"', '', 'y'],
    ]);
  });

  it('no body where none is given, and an empty one where there must be one', async () => {
    const media = members({ a: {} });
    const optional = { '/x': { post: operation({ requestBody: { content: { 'application/json': media } } }) } };
    const none = await heardOf(optional, {});
    const empty = await heardOf(posting('application/json', media), {});
    expect([none.body, none.headers['content-type'], empty.body]).toEqual(['', undefined, '{}']);
  });
});

describe('buildRequest() sends', () => {
  it('nothing for an argument that is not there, whatever it is called', async () => {
    const parameters = ['query', 'header', 'cookie'].map((place) => ({ name: 'constructor', in: place, schema: {} }));
    const requestBody = { content: { 'application/json': members({ valueOf: {} }) } };
    const heard = await heardOf({ '/x': { post: operation({ parameters, requestBody }) } }, {});
    const { constructor: header, cookie } = { constructor: undefined, ...heard.headers };
    expect([heard.url, header, cookie, heard.body]).toEqual(['/x', undefined, undefined, '']);
  });

  it('null where all of a body is null', async () => {
    const heard = await heardOf(posting('application/json', { schema: {} }), { body: null });
    expect(heard.body).toBe('null');
  });

  it('no part for a member that is null', async () => {
    const heard = await heardOf(posting('multipart/form-data', members({ a: {}, b: {} })), { a: null, b: 'x' });
    expect([heard.body.includes('name="a"'), heard.body.includes('name="b"')]).toEqual([false, true]);
  });

  it('a query parameter of the configuration once, whatever the members of an object are called', async () => {
    const parameters = [{ name: 'filter', in: 'query', schema: { type: 'object' } }];
    const given = { filter: { key: 'mine', page: 2 } };
    const query = [{ name: 'key', value: 'ours', secret: true }];
    const heard = await heardOf({ '/x': { get: operation({ parameters }) } }, given, { query });
    expect(heard.url).toBe('/x?page=2&key=ours');
  });

  it('no body with a method that has none, and nothing that is about the connection', async () => {
    const parameters = [{ name: 'Transfer-Encoding', in: 'header', schema: {} }];
    const requestBody = { required: true, content: { 'application/json': members({ a: {} }) } };
    const heard = await heardOf({ '/x': { get: operation({ parameters, requestBody }) } }, {});
    expect([heard.method, heard.body]).toEqual(['GET', '']);
  });
});

describe('buildRequest() refuses', () => {
  const parameters = [{ name: 'id', in: 'path', required: true, schema: {} }];
  it.each([
    [
      'a path that leads up',
      { '/a/{id}': { get: operation({ parameters }) } },
      { id: '..' },
      '"id" is "..", wanted a part of a path',
    ],
    ['what is no base64', posting('image/png'), { body: 'ä' }, '"body" is not base64'],
    [
      'what is no media type',
      posting('image/*'),
      { body: 'AA==', bodyType: 'png' },
      '"png" is no media type, wanted one such as image/png',
    ],
  ])('%s', async (_what, paths, given, message) => {
    await expect(heardOf(paths, given)).rejects.toThrow(new Error(message));
  });

  it('no argument that only looks like a way out', async () => {
    const ids = [
      '%2e%2e',
      '..%2f..',
      '../../admin',
      'http://evil.example/',
      '\\\\evil.example',
      '@evil.example',
      '?x',
      '#x',
    ];
    for (const id of ids) {
      const heard = await heardOf({ '/a/{id}': { get: operation({ parameters }) } }, { id }, {}, '/v1');
      expect(heard.url).toBe(`/v1/a/${encodeURIComponent(id)}`);
    }
  });
});
