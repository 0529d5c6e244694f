import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { appRig, documentOf, operation, textOf } from '../support/app-rig.ts';
import { answering, httpApp } from '../support/http-app.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { until } from '../support/until.ts';

const json = (schema: object): object => ({ 'application/json': { schema } });
const object = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };
const never = new AbortController().signal;

/** An app with one operation, which answers an object; and what becomes of a call. */
const getX = (content: object = json(object)): object => documentOf({ '/x': { get: operation({}, content) } });

describe('App.call() gives', () => {
  it.each([
    [
      'an object as text and structured content',
      'application/json',
      '{"a": 1}',
      { content: [{ type: 'text', text: '{"a": 1}' }], structuredContent: { a: 1 } },
      undefined,
    ],
    [
      'a list as text',
      'application/json; charset=utf-8',
      '[1]',
      { content: [{ type: 'text', text: '[1]' }] },
      json({ type: 'array' }),
    ],
    [
      'JSON of a kind',
      'application/problem+json',
      '{"a":1}',
      { content: [{ type: 'text', text: '{"a":1}' }], structuredContent: { a: 1 } },
      undefined,
    ],
    ['text', 'text/plain', 'hällo', { content: [{ type: 'text', text: 'hällo' }] }, { 'text/plain': {} }],
    [
      'text of another charset',
      'text/plain; charset=latin1',
      Buffer.from('h\xe4llo', 'latin1'),
      { content: [{ type: 'text', text: 'hällo' }] },
      { 'text/plain': {} },
    ],
    [
      'a page where one is expected',
      'text/html',
      '<p>',
      { content: [{ type: 'text', text: '<p>' }] },
      { 'text/html': {} },
    ],
    [
      'an image',
      'image/png',
      Buffer.from([1, 2]),
      { content: [{ type: 'image', data: 'AQI=', mimeType: 'image/png' }] },
      { 'image/*': {} },
    ],
    [
      'sound',
      'audio/wav',
      Buffer.from([1]),
      { content: [{ type: 'audio', data: 'AQ==', mimeType: 'audio/wav' }] },
      { 'audio/wav': {} },
    ],
    [
      'other bytes',
      'application/zip',
      Buffer.from([1]),
      {
        content: [
          {
            type: 'resource',
            resource: { uri: expect.stringMatching(/^http.*\/x$/), mimeType: 'application/zip', blob: 'AQ==' },
          },
        ],
      },
      { 'application/zip': {} },
    ],
    [
      'nothing',
      'text/plain',
      '',
      { content: [{ type: 'text', text: 'The app answered HTTP 200 OK, without content' }] },
      { 'text/plain': {} },
    ],
  ])('%s', async (_what, mediaType, body, result, content) => {
    await using server = await httpApp(answering(200, mediaType, body));
    const rig = appRig({ baseUrl: server.url, document: getX(content) });
    await rig.app.open();
    expect(await rig.call('get_x')).toEqual(result);
  });
});

describe('App.call() is a tool error', () => {
  const html = '<!doctype html><title>Log in</title>';
  it.each([
    [
      'an HTTP error, with its body',
      404,
      'application/json',
      '{"detail":"no pet"}',
      'The app answered HTTP 404 Not Found:\n{"detail":"no pet"}',
    ],
    ['an HTTP error without a body', 500, 'text/plain', '', 'The app answered HTTP 500 Internal Server Error'],
    [
      'an HTTP error with bytes',
      500,
      'image/png',
      Buffer.from([1]),
      'The app answered HTTP 500 Internal Server Error, and 1 bytes of image/png',
    ],
    [
      'HTML where JSON is expected',
      200,
      'text/html',
      html,
      `The app answered text/html, wanted application/json:\n${html}`,
    ],
    [
      'JSON that is none',
      200,
      'application/json',
      '{"a":',
      'The app’s answer says that it is JSON, and is not:\n{"a":',
    ],
    [
      'another object than its document says',
      200,
      'application/json',
      '{"a":"x"}',
      'The app’s answer is not what its document says (/a must be integer):\n{"a":"x"}',
    ],
    [
      'no object',
      200,
      'application/json',
      '[1]',
      'The app’s answer is not what its document says (it is no object):\n[1]',
    ],
    [
      'nothing, where an object is expected',
      200,
      'application/json',
      '',
      'The app answered HTTP 200 OK, without content, where its document has some',
    ],
    [
      'very deep JSON',
      200,
      'application/json',
      '['.repeat(201) + ']'.repeat(201),
      `The app’s answer has more than 200 levels:\n${'['.repeat(201)}${']'.repeat(201)}`,
    ],
  ])('for %s', async (_what, status, mediaType, body, sentence) => {
    await using server = await httpApp(answering(status, mediaType, body));
    const rig = appRig({ baseUrl: server.url, document: getX() });
    await rig.app.open();
    expect(await rig.call('get_x')).toEqual({ content: [{ type: 'text', text: sentence }], isError: true });
  });

  it('for a long error, of which it shows the beginning', async () => {
    await using server = await httpApp(answering(500, 'text/plain', 'x'.repeat(100_000)));
    const rig = appRig({ baseUrl: server.url, document: getX() });
    await rig.app.open();
    const text = textOf(await rig.call('get_x'));
    expect([text.length, text.endsWith('\n… (cut)')]).toEqual([16_441, true]);
  });

  it('for an answer that is too large, of which it reads no more', async () => {
    let sent = 0;
    await using server = await httpApp((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(64 * 1024, ' ');
      const more = (): void => {
        while (sent < 100 * 1024 ** 2 && !response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    const rig = appRig({ baseUrl: server.url, document: getX(), maxAnswerBytes: 1024 ** 2 });
    await rig.app.open();
    expect(textOf(await rig.call('get_x'))).toBe(
      'The app’s answer is larger than 1m (maxAnswerBytes): it was not read',
    );
    expect(sent).toBeLessThan(20 * 1024 ** 2);
  });

  it('for a small answer that would become a large one', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 1024 ** 2, ' '));
    await using server = await httpApp((response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb);
    });
    const rig = appRig({ baseUrl: server.url, document: getX(), maxAnswerBytes: 1024 ** 2 });
    await rig.app.open();
    expect(textOf(await rig.call('get_x'))).toMatch(/^The app’s answer is larger than 1m/);
  });

  it('for an app that hangs', async () => {
    const clock = new ManualClock();
    await using server = await httpApp(() => undefined);
    const rig = appRig({ baseUrl: server.url, document: getX(), timeoutMs: 3000, clock });
    await rig.app.open();
    const called = rig.call('get_x');
    await until('the app to be asked', () => server.heard.length === 1);
    await clock.advance(3000);
    expect(textOf(await called)).toBe('The app did not answer within 3s');
  });

  it('for an app that hangs in the middle of its answer', async () => {
    const clock = new ManualClock();
    await using server = await httpApp((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"a":');
    });
    const rig = appRig({ baseUrl: server.url, document: getX(), timeoutMs: 3000, clock });
    await rig.app.open();
    const called = rig.call('get_x');
    await until('the app to be asked', () => server.heard.length === 1);
    await clock.advance(3000);
    expect(textOf(await called)).toBe('The app did not answer within 3s');
  });

  it('for an app that closes early', async () => {
    await using server = await httpApp((response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"a":', () => {
        response.destroy();
      });
    });
    const rig = appRig({ baseUrl: server.url, document: getX() });
    await rig.app.open();
    expect(textOf(await rig.call('get_x'))).toMatch(/^The app broke the connection off, or what it says is no HTTP \(/);
  });

  it('for an app that is not there', async () => {
    const gone = await httpApp(() => undefined);
    await gone[Symbol.asyncDispose]();
    const rig = appRig({ baseUrl: gone.url, document: getX() });
    await rig.app.open();
    expect(textOf(await rig.call('get_x'))).toBe('The app cannot be reached (ECONNREFUSED)');
  });

  it('for arguments that do not fit, of which the app hears nothing', async () => {
    await using server = await httpApp(answering(200, 'application/json', '{"a":1}'));
    const rig = appRig({ baseUrl: server.url, document: getX() });
    await rig.app.open();
    const result = await rig.call('get_x', { nothing: 1 });
    expect([textOf(result), result.isError, server.heard]).toEqual([
      ...['Invalid arguments: / must NOT have additional properties ("nothing")', true, []],
    ]);
  });

  it('with nothing of a secret that the app shows', async () => {
    await using server = await httpApp(answering(401, 'text/plain', 'bad token hunter2222, key k-e-y-s'));
    const headers = [{ name: 'Authorization', value: 'Bearer hunter2222', secret: true }];
    const query = [{ name: 'key', value: 'k-e-y-s', secret: true }];
    const rig = appRig({ baseUrl: server.url, document: getX(), headers, query });
    await rig.app.open();
    expect(textOf(await rig.call('get_x'))).toBe(
      'The app answered HTTP 401 Unauthorized:\nbad token [redacted], key [redacted]',
    );
    expect([server.heard[0]?.headers.authorization, server.heard[0]?.url]).toEqual([
      'Bearer hunter2222',
      '/x?key=k-e-y-s',
    ]);
  });
});

describe('App.call() shows no half of a secret', () => {
  const headers = [{ name: 'X-Key', value: 'hunter2222!', secret: true }];
  const half = 'hunt';

  it.each([
    ['at the end of what is read of an error', 500, 'text/plain', 16 * 1024 - 5],
    ['at the end of what is shown of a page', 200, 'text/html', 4000 - 5],
    ['at the end of what is shown of a broken answer', 200, 'application/json', 4000 - 5],
  ])('%s', async (_where, status, mediaType, before) => {
    await using server = await httpApp(answering(status, mediaType, `${'-'.repeat(before)}hunter2222! and more`));
    const rig = appRig({ baseUrl: server.url, document: getX(), headers });
    await rig.app.open();
    const result = await rig.call('get_x');
    expect([result.isError, textOf(result).includes(half), textOf(result).endsWith('(cut)')]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('nor one as it stands in the address that was asked', async () => {
    await using server = await httpApp((response, { url }) => response.writeHead(404).end(`no ${url}`));
    const rig = appRig({ baseUrl: server.url, document: getX(), query: headers });
    await rig.app.open();
    expect(textOf(await rig.call('get_x'))).toBe('The app answered HTTP 404 Not Found:\nno /x?X-Key=[redacted]');
  });
});

describe('App.call(), redirected,', () => {
  const redirecting =
    (to: string, status = 302): Parameters<typeof httpApp>[0] =>
    (response, { url }) => {
      if (url === '/v1/x') response.writeHead(status, { location: to }).end();
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":1}');
    };

  it('follows within the base address', async () => {
    await using server = await httpApp(redirecting('/v1/y?z=1'));
    const rig = appRig({ baseUrl: `${server.url}/v1`, document: getX() });
    await rig.app.open();
    expect(await rig.call('get_x')).toMatchObject({ structuredContent: { a: 1 } });
    expect(server.heard.map(({ url }) => url)).toEqual(['/v1/x', '/v1/y?z=1']);
  });

  it('without the user of an address', async () => {
    await using server = await httpApp((response, request) => {
      redirecting(`http://user:pass@${request.headers.host ?? ''}/v1/y`)(response, request);
    });
    const rig = appRig({ baseUrl: `${server.url}/v1`, document: getX() });
    await rig.app.open();
    expect(await rig.call('get_x')).toMatchObject({ structuredContent: { a: 1 } });
    expect([server.heard[1]?.url, server.heard[1]?.headers.authorization]).toEqual(['/v1/y', undefined]);
  });

  it.each([
    'http://169.254.169.254/latest',
    '/v2/x',
    '//evil.example/v1/x',
    '/v1/../admin',
    'file:///etc/passwd',
    'http://[',
  ])('goes nowhere else: %s', async (location) => {
    await using server = await httpApp(redirecting(location));
    const rig = appRig({ baseUrl: `${server.url}/v1`, document: getX() });
    await rig.app.open();
    expect(textOf(await rig.call('get_x'))).toMatch(
      /^The app redirects to another address( \(.*\))?: it is not followed$/,
    );
    expect(server.heard.length).toBe(1);
  });

  it('gives up on a circle', async () => {
    await using server = await httpApp(redirecting('/v1/x'));
    const rig = appRig({ baseUrl: `${server.url}/v1`, document: getX() });
    await rig.app.open();
    expect([textOf(await rig.call('get_x')), server.heard.length]).toEqual([
      ...['The app redirects in a circle, or more than 5 times', 6],
    ]);
  });

  it.each([
    [302, 'GET', ''],
    [307, 'POST', '{"n":1}'],
  ])('sends a POST on after %d as %s', async (status, method, body) => {
    await using server = await httpApp(redirecting('/v1/y', status));
    const content = json({ type: 'object', properties: { n: { type: 'integer' } } });
    const document = documentOf({ '/x': { post: operation({ requestBody: { content } }) } });
    const rig = appRig({ baseUrl: `${server.url}/v1`, document });
    await rig.app.open();
    await rig.call('post_x', { n: 1 });
    expect(server.heard.map((each) => [each.method, each.body])).toEqual([
      ['POST', '{"n":1}'],
      [method, body],
    ]);
  });
});

describe('App.call(), given up,', () => {
  it('ends the request and its place', async () => {
    await using server = await httpApp(() => undefined);
    const rig = appRig({ baseUrl: server.url, document: getX() });
    await rig.app.open();
    const ending = new AbortController();
    const called = rig.call('get_x', {}, ending.signal);
    await until('the app to be asked', () => server.heard.length === 1);
    ending.abort(new Error('gone'));
    await expect(called).rejects.toThrow('gone');
    expect(rig.app.describe()).toMatchObject({ app: { ongoing: 0, waiting: 0 } });
  });
});

describe('App.call() asks no more at once than it may', () => {
  it('and lets the others wait, up to its queue', async () => {
    const answers: (() => void)[] = [];
    await using server = await httpApp((response) => {
      answers.push(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":1}'));
    });
    const rig = appRig({ baseUrl: server.url, document: getX(), concurrency: 2, queue: 1 });
    await rig.app.open();
    const calls = [1, 2, 3].map(() => rig.call('get_x'));
    await until('two to be asked', () => answers.length === 2);
    expect(rig.app.describe()).toMatchObject({ app: { ongoing: 2, waiting: 1 } });
    await expect(rig.call('get_x')).rejects.toMatchObject({ code: 'POOL_FULL' });
    answers.splice(0).forEach((answer) => { answer(); }); // prettier-ignore
    await until('the third to be asked', () => answers.length === 1);
    answers[0]?.();
    expect((await Promise.all(calls)).length).toBe(3);
    expect(rig.app.describe()).toMatchObject({ app: { ongoing: 0, waiting: 0, calls: 3, failedCalls: 0 } });
  });

  it('for as long as somebody waits in line', async () => {
    const clock = new ManualClock();
    await using server = await httpApp(() => undefined);
    const rig = appRig({ baseUrl: server.url, document: getX(), concurrency: 1, timeoutMs: 60_000, clock });
    await rig.app.open();
    const first = rig.call('get_x');
    const second = expect(rig.call('get_x')).rejects.toMatchObject({ code: 'ACQUIRE_TIMEOUT' });
    await clock.advance(5000);
    await second;
    await clock.advance(55_000);
    expect((await first).isError).toBe(true);
  });
});

describe('App.request()', () => {
  it('refuses a tool that it does not have, and a method', async () => {
    const rig = appRig({ baseUrl: 'http://localhost', document: getX() });
    await rig.app.open();
    await expect(rig.call('nothing')).rejects.toMatchObject({ rpcCode: -32602, message: 'Unknown tool: nothing' });
    const call = { client: 'one', signal: never, notify: () => undefined };
    await expect(rig.app.request('prompts/list', {}, call)).rejects.toMatchObject({ rpcCode: -32601 });
  });
});

describe('App.lease()', () => {
  it('refuses, with the reason, while the document is no use, and shows it as its failure', async () => {
    const rig = appRig({ document: { openapi: '2' } });
    await expect(rig.app.lease(never)).rejects.toMatchObject({ code: 'SERVER_DISABLED' });
    const sentence = 'OpenAPI document app.json: it is openapi: "2", wanted OpenAPI 3.0 or 3.1';
    expect([rig.app.failure?.message, rig.app.describe()]).toMatchObject([sentence, { app: { tools: 0 } }]);
  });

  it('names the app as its document does', async () => {
    const rig = appRig({ baseUrl: 'http://localhost', document: getX() });
    await rig.app.lease(never);
    expect(rig.app.info).toEqual({ name: 'demo', title: 'Demo', version: '2.0' });
  });
});

describe('App.open() with a document from an address', () => {
  const fromUrl = (url: string): object => ({ openapi: { document: { kind: 'url', url } } });
  const withServer = (url: string): string => JSON.stringify({ ...getX(), servers: [{ url }] });

  it('takes its first server for the base address, also one that counts from the document', async () => {
    await using server = await httpApp(answering(200, 'application/json', withServer('v1')));
    const rig = appRig(fromUrl(`${server.url}/docs/openapi.json`));
    await rig.app.open();
    expect(rig.app.describe()).toMatchObject({ app: { baseUrl: `${server.url}/docs/v1` } });
  });

  it('sends it the headers, when it is of the app', async () => {
    await using server = await httpApp(answering(200, 'application/json', withServer('/')));
    const headers = [{ name: 'X-Key', value: 'v', secret: true }];
    await appRig({ ...fromUrl(`${server.url}/openapi.json`), headers }).app.open();
    await appRig({ ...fromUrl(`${server.url}/openapi.json`), headers, baseUrl: 'http://localhost:1' }).app.open();
    expect(server.heard.map((request) => request.headers['x-key'])).toEqual(['v', undefined]);
  });

  it('does not let it lead elsewhere', async () => {
    await using server = await httpApp(answering(200, 'application/json', withServer('http://169.254.169.254/')));
    const rig = appRig(fromUrl(`${server.url}/openapi.json`));
    await expect(rig.app.open()).rejects.toThrow(
      /servers: the first one is at http:\/\/169\.254\.169\.254, another place than the document/,
    );
  });

  it('asks again when a client comes, but not at once', async () => {
    const clock = new ManualClock();
    let isUp = false;
    await using server = await httpApp((response) => {
      response.writeHead(isUp ? 200 : 503).end(withServer('/'));
    });
    const rig = appRig({ ...fromUrl(`${server.url}/openapi.json`), clock });
    await expect(rig.app.open()).rejects.toMatchObject({
      code: 'APP_UNAVAILABLE',
      message: 'Cannot get the OpenAPI document: its address answered HTTP 503',
    });
    isUp = true;
    await expect(rig.app.lease(never)).rejects.toMatchObject({ code: 'APP_UNAVAILABLE' });
    await clock.advance(5000);
    await expect(rig.app.lease(never)).resolves.toMatchObject({ wasWarm: true });
    await settle();
    expect([rig.app.failure, server.heard.length]).toEqual([undefined, 2]);
  });
});

describe('App.open(), called again,', () => {
  it('serves on with what it had when that fails, and shows why', async () => {
    let body = JSON.stringify({ ...getX(), servers: [{ url: '/' }] });
    await using server = await httpApp((response) => {
      response.end(body);
    });
    const rig = appRig({ openapi: { document: { kind: 'url', url: `${server.url}/o.json` } } });
    await rig.app.open();
    body = '{}';
    await expect(rig.app.open()).rejects.toMatchObject({ code: 'SERVER_DISABLED' });
    await expect(rig.app.lease(never)).resolves.toMatchObject({ wasWarm: true });
    const sentence = `OpenAPI document ${server.url}/o.json: it is openapi: absent, wanted OpenAPI 3.0 or 3.1`;
    expect([rig.app.failure, rig.app.describe()]).toMatchObject([
      undefined,
      { app: { tools: 1, lastError: sentence } },
    ]);
  });
});

describe('App.open() with a document from a file', () => {
  it.each([
    ['has no server', {}, 'the first one is no whole address; wanted baseUrl in the configuration'],
    [
      'has one that is no whole address',
      { servers: [{ url: '/v1' }] },
      'the first one is no whole address; wanted baseUrl in the configuration',
    ],
    [
      'has one of another kind',
      { servers: [{ url: 'ftp://x/' }] },
      'the first one is no http address; wanted baseUrl in the configuration',
    ],
  ])('refuses one that %s', async (_what, more, message) => {
    const rig = appRig({ document: { ...getX(), ...more } });
    await expect(rig.app.open()).rejects.toThrow(new Error(`OpenAPI document app.json: servers: ${message}`));
  });

  it('fills the variables of its first server in', async () => {
    const servers = [{ url: 'https://{region}.example.com/v1', variables: { region: { default: 'eu' } } }];
    const rig = appRig({ document: { ...getX(), servers } });
    await rig.app.open();
    expect(rig.app.describe()).toMatchObject({ app: { baseUrl: 'https://eu.example.com/v1' } });
  });
});
