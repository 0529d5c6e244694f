import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { SchemaCheck } from '../../src/apps/schema-check.ts';
import { appRig, textOf, type AppRig } from '../support/app-rig.ts';
import { httpApp } from '../support/http-app.ts';

const folder = fileURLToPath(new URL('../fixtures/openapi/', import.meta.url));

/** What a recorded server answers to "METHOD /path". */
type Recording = Readonly<Record<string, readonly [status: number, mediaType: string, body: string | Buffer]>>;

const recordings: Readonly<
  Record<string, { readonly file: string; readonly base: string; readonly answers: Recording }>
> = {
  petstore: {
    file: 'petstore/openapi.json',
    base: '/v2',
    answers: {
      'GET /v2/pet/10': [200, 'application/json', '{"id":10,"name":"doggie","photoUrls":["u"],"status":"available"}'],
      'GET /v2/pet/404': [404, 'application/json', '{"code":1,"type":"error","message":"Pet not found"}'],
      'GET /v2/pet/findByStatus?status=available&status=sold': [200, 'application/json', '[{"id":1,"name":"a"}]'],
      'POST /v2/pet': [200, 'application/json', ''],
      'POST /v2/pet/10': [200, 'application/json', ''],
      'POST /v2/pet/10/uploadImage': [200, 'application/json', '{"code":200,"type":"unknown","message":"1 bytes"}'],
      'GET /v2/store/inventory': [200, 'application/json', '{"sold":3}'],
    },
  },
  galaxy: {
    file: 'galaxy/openapi.yaml',
    base: '',
    answers: {
      'GET /planets?limit=2&offset=1': [
        200,
        'application/json',
        '{"data":[],"meta":{"limit":2,"offset":1,"total":0,"next":null}}',
      ],
      'POST /planets': [201, 'application/json', '{"id":7,"name":"Mars"}'],
      'POST /planets/7/image': [200, 'application/json', '{"message":"done"}'],
      'DELETE /planets/7': [204, 'application/json', ''],
      'POST /auth/token': [201, 'application/json', '{"token":"t"}'],
    },
  },
  github: {
    file: 'github/openapi.json',
    base: '',
    answers: {
      'GET /zen': [200, 'text/plain;charset=utf-8', 'Keep it logically awesome.'],
      'GET /emojis': [200, 'application/json', '{"+1":"https://x/1.png"}'],
      'POST /markdown': [200, 'text/html;charset=utf-8', '<h1>Hi</h1>'],
      'POST /markdown/raw': [200, 'text/html', '<p>Hi</p>'],
      'GET /repos/a/b/issues?state=open&labels=x%2Cy&per_page=1': [200, 'application/json', '[]'],
      'POST /repos/a/b/issues': [422, 'application/json', '{"message":"Validation Failed"}'],
      'GET /repos/a/b/zipball/main': [302, 'text/html', ''],
      'POST /repos/a/b/releases/1/assets?name=x.bin': [201, 'application/json', '{"id":1}'],
    },
  },
};

interface Recorded extends AsyncDisposable {
  readonly rig: AppRig;
}

/** A recorded API as tools. */
async function recorded(name: string): Promise<Recorded> {
  const { file, base, answers } = recordings[name]!;
  const server = await httpApp((response, { method, url }) => {
    const [status, mediaType, body] = answers[`${method} ${url}`] ?? [
      400,
      'text/plain',
      `not recorded: ${method} ${url}`,
    ];
    const location = status === 302 ? { location: 'https://codeload.example/a.zip' } : {};
    response.writeHead(status, { 'content-type': mediaType, ...location }).end(body);
  });
  const text = readFileSync(`${folder}${file}`, 'utf8');
  const rig = appRig({ baseUrl: `${server.url}${base}`, openapi: { document: { kind: 'file', file, text } } });
  await rig.app.open();
  return { rig, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

describe('Public APIs become tools', () => {
  it.each([
    ['petstore', 20, ['addPet', 'findPetsByStatus', 'uploadFile']],
    ['galaxy', 9, ['createPlanet', 'getAllData', 'uploadImage']],
    ['github', 13, ['gists_create', 'issues_list-for-repo', 'meta_get-zen']],
  ])('%s', async (name, count, some) => {
    await using api = await recorded(name);
    const tools = await api.rig.tools();
    expect(tools.length).toBe(count);
    expect(tools.map((tool) => tool.name)).toEqual(expect.arrayContaining(some));
    // Each schema stands for itself: nothing in it leads anywhere else.
    for (const { inputSchema, outputSchema = {} } of tools) {
      for (const schema of [inputSchema, outputSchema]) {
        expect(new SchemaCheck(schema).misfit(undefined) ?? '').not.toContain('is not valid:');
        expect(JSON.stringify(schema)).not.toContain('#/components');
      }
    }
  });

  it.each([
    ['petstore', 'getPetById', { petId: 10 }, '{"id":10,"name":"doggie","photoUrls":["u"],"status":"available"}'],
    ['petstore', 'findPetsByStatus', { status: ['available', 'sold'] }, '[{"id":1,"name":"a"}]'],
    ['petstore', 'addPet', { name: 'x', photoUrls: [] }, 'The app answered HTTP 200 OK, without content'],
    ['petstore', 'updatePetWithForm', { petId: 10, name: 'y' }, 'The app answered HTTP 200 OK, without content'],
    ['petstore', 'uploadFile', { petId: 10, file: 'AA==' }, '{"code":200,"type":"unknown","message":"1 bytes"}'],
    ['petstore', 'getInventory', {}, '{"sold":3}'],
    [
      'galaxy',
      'getAllData',
      { limit: 2, offset: 1 },
      '{"data":[],"meta":{"limit":2,"offset":1,"total":0,"next":null}}',
    ],
    ['galaxy', 'createPlanet', { name: 'Mars' }, '{"id":7,"name":"Mars"}'],
    ['galaxy', 'uploadImage', { planetId: 7, image: 'AA==' }, '{"message":"done"}'],
    ['galaxy', 'deletePlanet', { planetId: 7 }, 'The app answered HTTP 204 No Content, without content'],
    ['galaxy', 'getToken', { email: 'a@example.com', password: 'p' }, '{"token":"t"}'],
    ['github', 'meta_get-zen', {}, 'Keep it logically awesome.'],
    ['github', 'emojis_get', {}, '{"+1":"https://x/1.png"}'],
    ['github', 'markdown_render', { text: '# Hi' }, '<h1>Hi</h1>'],
    ['github', 'markdown_render-raw', { body: 'Hi' }, '<p>Hi</p>'],
    ['github', 'issues_list-for-repo', { owner: 'a', repo: 'b', state: 'open', labels: 'x,y', per_page: 1 }, '[]'],
  ])('and are called: %s, %s', async (name, tool, given, text) => {
    await using api = await recorded(name);
    const result = await api.rig.call(tool, given);
    expect([textOf(result), result.isError ?? false]).toEqual([text, false]);
  });

  it.each([
    ['petstore', 'getPetById', { petId: 404 }, /^The app answered HTTP 404 Not Found:\n.*Pet not found/],
    ['petstore', 'getPetById', { petId: 'x' }, /^Invalid arguments: \/petId must be integer/],
    [
      'github',
      'issues_create',
      { owner: 'a', repo: 'b', title: 't' },
      /^The app answered HTTP 422 Unprocessable Entity:\n.*Validation Failed/,
    ],
    [
      'github',
      'repos_download-zipball-archive',
      { owner: 'a', repo: 'b', ref: 'main' },
      /^The app redirects to another address \(https:\/\/codeload\.example\)/,
    ],
    [
      'github',
      'repos_upload-release-asset',
      { owner: 'a', repo: 'b', release_id: 1, name: 'x.bin', body: 'AA==' },
      /^The app’s answer is not what its document says \(.*must have required property/,
    ],
  ])('and say what went wrong: %s, %s', async (name, tool, given, text) => {
    await using api = await recorded(name);
    const result = await api.rig.call(tool, given);
    expect([textOf(result), result.isError]).toEqual([expect.stringMatching(text), true]);
  });
});
