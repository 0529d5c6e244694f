import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { AppSource, ServerConfig } from '../../src/config/config.ts';
import { diffConfig } from '../../src/config/diff.ts';
import { parseConfig } from '../../src/config/load.ts';
import { temporaryFolder } from '../support/program.ts';

const folder = temporaryFolder();
const document = path.join(folder.path, 'app.yaml');
writeFileSync(document, 'openapi: 3.1.0\n');
afterAll(() => {
  folder[Symbol.dispose]();
});

const config = (text: string, environment: NodeJS.ProcessEnv = {}) =>
  parseConfig(text, path.join(folder.path, 'f.yaml'), environment, {});

/** The one server of a file. */
function serverOf(entry: object, environment: NodeJS.ProcessEnv = {}): ServerConfig {
  return config(JSON.stringify({ servers: { a: entry } }), environment).servers.get('a')!;
}

function sourceOf(entry: object, environment: NodeJS.ProcessEnv = {}): AppSource {
  return serverOf(entry, environment).source as AppSource;
}

function refusal(entry: object): string {
  try {
    serverOf(entry);
  } catch (error) {
    return (error as Error).message.replaceAll(/^.*?f\.yaml:\d+:\d+: servers\.a\.?/gm, '');
  }
  throw new Error('it was not refused');
}

describe('openapi:', () => {
  it('as a text is its document, with what holds where nothing is said', () => {
    expect(sourceOf({ openapi: './app.yaml' })).toEqual({
      ...{ kind: 'app', baseUrl: undefined, headers: [], query: [] },
      ...{ timeoutMs: 30_000, concurrency: 10, maxAnswerBytes: 8 * 1024 ** 2 },
      tools: {
        ...{ kind: 'openapi', document: { kind: 'file', file: './app.yaml', text: 'openapi: 3.1.0\n' } },
        ...{ include: [], exclude: [], rename: {}, describe: {}, hasOutputs: true },
      },
    });
  });

  it('takes all that can be said', () => {
    const openapi = {
      ...{ document: 'https://x.example/o.json', baseUrl: 'http://127.0.0.1:1/v1', outputs: false },
      ...{ include: ['a'], exclude: ['tag:b'], rename: { a: 'b' }, describe: { a: 'A' } },
      ...{ headers: { 'X-A': 1 }, query: { k: true }, timeout: '2s', concurrency: 3, maxAnswerBytes: '1m' },
    };
    expect(sourceOf({ openapi })).toEqual({
      ...{ kind: 'app', baseUrl: 'http://127.0.0.1:1/v1', timeoutMs: 2000, concurrency: 3, maxAnswerBytes: 1024 ** 2 },
      headers: [{ name: 'X-A', value: '1', secret: false }],
      query: [{ name: 'k', value: 'true', secret: false }],
      tools: {
        ...{ kind: 'openapi', document: { kind: 'url', url: 'https://x.example/o.json' }, hasOutputs: false },
        ...{ include: ['a'], exclude: ['tag:b'], rename: { a: 'b' }, describe: { a: 'A' } },
      },
    });
  });

  it('switches the server off when its document cannot be read', () => {
    expect(serverOf({ openapi: './none.yaml' }).disabled).toEqual({
      code: 'SERVER_DISABLED',
      reason: 'the OpenAPI document ./none.yaml cannot be read (ENOENT)',
    });
  });

  it('takes secrets for headers and query, which are known as such', () => {
    const secret = path.join(folder.path, 'token');
    writeFileSync(secret, 'from-a-file\n');
    chmodSync(secret, 0o600);
    const openapi = {
      document: './app.yaml',
      headers: { Authorization: 'Bearer ${TOKEN}' },
      query: { key: 'file:./token' },
    };
    const { headers, query } = sourceOf({ openapi }, { TOKEN: 't' });
    expect([headers, query]).toEqual([
      [{ name: 'Authorization', value: 'Bearer t', secret: true }],
      [{ name: 'key', value: 'from-a-file', secret: true }],
    ]);
  });

  it('with a long timeout raises a callTimeout that nobody wrote', () => {
    const openapi = { document: './app.yaml', timeout: '5m' };
    expect(serverOf({ openapi })).toMatchObject({ callTimeoutMs: 305_000, maxCallTimeMs: 600_000 });
  });

  it('switches the server off when a secret is missing', () => {
    const openapi = { document: './app.yaml', headers: { Authorization: 'Bearer ${TOKEN}' } };
    expect(serverOf({ openapi }).disabled?.reason).toBe('the environment variable TOKEN is not set');
  });
});

describe('app:', () => {
  it('knows where its parameters go', () => {
    const tools = {
      find: {
        description: 'Finds.',
        path: '/pets/{id}',
        parameters: { id: { type: 'string' }, q: { type: 'string' } },
      },
      add: {
        description: 'Adds.',
        method: 'POST',
        path: '/pets',
        parameters: { name: { type: 'string', required: true }, to: { in: 'query' } },
      },
    };
    const source = sourceOf({ app: { baseUrl: 'http://127.0.0.1:1', tools } });
    expect(source.tools).toEqual({
      kind: 'by hand',
      tools: [
        {
          ...{ name: 'find', description: 'Finds.', method: 'GET', path: '/pets/{id}', body: 'json' },
          parameters: [
            { name: 'id', in: 'path', isRequired: true, schema: { type: 'string' } },
            { name: 'q', in: 'query', isRequired: false, schema: { type: 'string' } },
          ],
        },
        {
          ...{ name: 'add', description: 'Adds.', method: 'POST', path: '/pets', body: 'json' },
          parameters: [
            { name: 'name', in: 'body', isRequired: true, schema: { type: 'string' } },
            { name: 'to', in: 'query', isRequired: false, schema: {} },
          ],
        },
      ],
    });
  });
});

describe('parseConfig() refuses of an app', () => {
  const tool = (more: object): object => ({
    app: { baseUrl: 'http://x', tools: { t: { description: 'T', path: '/t', ...more } } },
  });
  it.each([
    [
      'two sources',
      { openapi: './app.yaml', image: 'x' },
      'got image and openapi, wanted exactly one of image, build, package, command, openapi, app, url',
    ],
    [
      'a timeout that is longer than can be waited',
      { openapi: { document: './app.yaml', timeout: '6m' } },
      /^openapi\.timeout: got .*6m.*5m/,
    ],
    [
      'an unknown key',
      { openapi: { document: './app.yaml', baseURL: 'x' } },
      'openapi.baseURL: unknown key; did you mean "baseUrl"?',
    ],
    [
      'a base address with a user',
      { openapi: { document: 'x', baseUrl: 'http://u:p@x' } },
      /^openapi\.baseUrl: .*without user, query and fragment$/,
    ],
    [
      'a document with a user',
      { openapi: 'http://u:p@x/y' },
      'openapi.document: has a user or password in it; wanted a secret in openapi.headers',
    ],
    [
      'a header of two lines',
      { openapi: { document: './app.yaml', headers: { A: 'a\r\nB: c' } } },
      'openapi.headers.A: wanted a value without line breaks',
    ],
    [
      'what is for containers',
      { openapi: './app.yaml', network: 'none' },
      'network: is for servers that Gangway starts; this one runs already',
    ],
    [
      'a number of containers',
      { openapi: './app.yaml', pool: { max: 2 } },
      'pool.max: is for servers that Gangway starts; this one runs already',
    ],
    ['a tool name', { app: { baseUrl: 'http://x', tools: { 'a b': {} } } }, /wanted a tool name of letters/],
    ['a path that names nothing', tool({ path: '/t/{id}' }), 'app.tools.t.path: names "id", not one of its parameters'],
    [
      'a parameter that is not in the path',
      tool({ parameters: { id: { in: 'path' } } }),
      'app.tools.t.parameters.id: is in: path, and the path does not name it',
    ],
    [
      'a parameter that is',
      tool({ path: '/{id}', parameters: { id: { in: 'query' } } }),
      'app.tools.t.parameters.id: is named by the path, wanted in: path',
    ],
    [
      'a body of GET',
      tool({ parameters: { a: { in: 'body' } } }),
      'app.tools.t.parameters.a: is in the body, and GET has none',
    ],
    [
      'a body of two texts',
      tool({ method: 'POST', body: 'text', parameters: { a: {}, b: {} } }),
      'app.tools.t.body: got 2 parameters in the body, wanted exactly one with "text"',
    ],
  ])('%s', (_what, entry, message) => {
    if (typeof message === 'string') expect(refusal(entry).replace(/^: /, '')).toBe(message);
    else expect(refusal(entry)).toMatch(message);
  });
});

describe('diffConfig()', () => {
  it('finds that the text of a document is another', () => {
    const text = 'servers: { a: { openapi: ./app.yaml }, b: { openapi: http://127.0.0.1:1/o.json } }';
    const before = config(text);
    writeFileSync(document, 'openapi: 3.1.1\n');
    expect(diffConfig(before, config(text))).toMatchObject({
      changed: [{ name: 'a', keys: ['source'] }],
      unchanged: ['b', 'mcp'],
    });
  });
});
