import { request as httpRequest, type ClientRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import type { ListenConfig, ServerConfig } from '../../src/config/config.ts';
import { createApp } from '../../src/http/app.ts';
import { Gate } from '../../src/http/gate.ts';
import { createListener, startListening } from '../../src/http/listener.ts';
import { McpRoute } from '../../src/http/mcp-route.ts';
import { restRouter } from '../../src/http/rest-router.ts';
import { KeepAlive } from '../../src/http/sse.ts';
import { SessionRegistry } from '../../src/legacy/registry.ts';
import { ModernServers } from '../../src/modern/modern-servers.ts';
import type { ModernServed } from '../../src/modern/served.ts';
import { SessionIds } from '../../src/legacy/session-id.ts';
import { SharedServer } from '../../src/relay/shared-server.ts';
import { RestServers } from '../../src/rest/rest-servers.ts';
import type { FakeChild } from '../support/fake-engine.ts';
import { settle } from '../support/manual-clock.ts';
import { noAdmin } from '../support/no-admin.ts';
import { poolRig, type PoolRig } from '../support/pool-rig.ts';
import { quietLog } from '../support/quiet-log.ts';
import { startRig, type StartRig } from '../support/shared-rig.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const listen: ListenConfig = {
  ...{ host: '127.0.0.1', port: 0, insecureNoAuth: false, allowedHosts: [], maxBodyBytes: 64 * 1024, sse: false },
  allowedOrigins: ['https://app.example.com'],
};

const inputSchema = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1 } },
  required: ['city'],
  additionalProperties: false,
};
const tools = [
  { name: 'forecast', description: 'The weather of a city', inputSchema },
  { name: 'fails', inputSchema: { type: 'object' } },
  { name: 'refuses', inputSchema: { type: 'object' } },
  { name: 'breaks', inputSchema: { type: 'object' } },
  { name: 'crashes', inputSchema: { type: 'object' } },
  { name: 'hangs', inputSchema: { type: 'object' } },
  { name: 'a/b ä', inputSchema: { type: 'object' } },
];

/** Everything that is sent to any server of a test, in order. */
let sent: { readonly method?: string; readonly params?: { readonly name?: string; readonly arguments?: unknown } }[];
let listed: readonly object[];
let listError: boolean;

/** A server with those tools. */
function weather(line: string, child: FakeChild): void {
  const message = JSON.parse(line) as (typeof sent)[number] & { readonly id?: unknown };
  const { id, method } = message;
  sent.push(message);
  if (method === 'initialize') {
    const capabilities = { tools: { listChanged: true } };
    child.say({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'weather', version: '1.2' } } }); // prettier-ignore
  } else if (method === 'tools/list') {
    child.say({ jsonrpc: '2.0', id, ...(listError ? { error: { code: -1, message: 'no list' } } : { result: { tools: listed } }) }); // prettier-ignore
  } else if (method === 'tools/call') call(line, message.params?.name ?? '', id, child);
  else if (id !== undefined) child.say({ jsonrpc: '2.0', id, result: {} });
}

function call(line: string, name: string, id: unknown, child: FakeChild): void {
  const args = /"arguments":(.*?),"_meta"/.exec(line)?.[1];
  const result = { content: [{ type: 'text', text: `${name} ${args}` }] };
  if (name === 'fails') child.say({ jsonrpc: '2.0', id, result: { ...result, isError: true } });
  else if (name === 'refuses') child.say({ jsonrpc: '2.0', id, error: { code: -32_602, message: 'not like this' } });
  else if (name === 'breaks') child.say({ jsonrpc: '2.0', id, error: { code: -32_000, message: 'broken' } });
  else if (name === 'crashes') child.exit({ code: 3, signal: undefined });
  else if (name !== 'hangs') child.say({ jsonrpc: '2.0', id, result });
}

let rig: PoolRig;
let sharedRig: StartRig;
let shared: SharedServer;
let servers: Map<string, ModernServed>;
let registry: SessionRegistry;
let rest: RestServers;
let server: Server;
let port: number;
let refused: 'nothing' | 'sessions' | 'calls';

beforeEach(async () => {
  sent = [];
  listed = tools;
  listError = false;
  refused = 'nothing';
  rig = poolRig({ pool: { queue: 0, max: 2 } }, { onLine: weather });
  sharedRig = startRig({ name: 'shared' }, { onLine: weather });
  shared = new SharedServer(sharedRig.config, { ...sharedRig, clock: sharedRig.clock });
  const off: ServerConfig = { ...rig.config, name: 'off', disabled: { code: 'SERVER_DISABLED', reason: 'KEY is not set' } }; // prettier-ignore
  const sharedServed: ModernServed = {
    modern: rig.served.modern,
    config: sharedRig.config,
    lease: () => Promise.resolve(shared.join()),
    ...{ waiting: 0, shortage: 0 },
  };
  servers = new Map([
    ['demo', rig.served],
    ['shared', sharedServed],
    ['off', { ...rig.served, config: off }],
  ]);
  const { log } = quietLog();
  registry = new SessionRegistry(new SessionIds('test'), 100, rig.clock, log);
  rest = new RestServers({
    clock: rig.clock,
    lease: (served, signal, address) => registry.lease(served, signal, address),
  });
  const overloaded = new BridgeError('OVERLOADED', 'Gangway is short of memory');
  const admission = {
    session() {
      if (refused === 'sessions') throw overloaded;
    },
    calls() {
      if (refused === 'calls') throw overloaded;
    },
  };
  const keepAlive = new KeepAlive(rig.clock);
  const modern = new ModernServers({ clock: rig.clock, maxRounds: () => 10 });
  const context = { servers, sessions: registry, rest, keepAlive, admission, maxBodyBytes: listen.maxBodyBytes, log };
  const health = { notReady: () => undefined, status: () => ({}) };
  const app = createApp(health, noAdmin, restRouter(context), log);
  server = createListener(
    new Gate(listen),
    { mcp: new McpRoute({ ...context, modern }), sse: undefined, app },
    () => false,
  );
  port = await startListening(server, listen, log);
});

afterEach(async () => {
  rest.closeAll();
  registry.closeAll('draining');
  rig.pool.drain();
  shared.pool.drain();
  await rig.clock.advance(5000);
  await sharedRig.clock.advance(5000);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

interface Options {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Gets the request, to cut it off. */
  readonly onRequest?: (request: ClientRequest) => void;
}

function ask(method: string, path: string, { headers = {}, body, onRequest }: Options = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = response.headers['content-type']?.includes('json') && text !== '';
        const read = isJson ? (JSON.parse(text) as Answer['body']) : {};
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: read });
      });
    });
    request.once('error', reject);
    onRequest?.(request);
    request.end(body);
  });
}

const json = { 'Content-Type': 'application/json' };
const post = (path: string, body: unknown): Promise<Answer> =>
  ask('POST', path, { headers: json, body: typeof body === 'string' ? body : JSON.stringify(body) });

const methodsSent = (): unknown[] => sent.map(({ method }) => method);

/** Waits until something has come to the servers. */
async function untilSent(method: string): Promise<void> {
  for (let round = 0; round < 1000 && !methodsSent().includes(method); round++) await settle();
  expect(methodsSent()).toContain(method);
}

describe('GET /NAME/tools', () => {
  it.each(['demo', 'shared'])('has the tutorial’s members and those of MCP (%s)', async (name) => {
    const { status, headers, body } = await ask('GET', `/${name}/tools`);
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    expect((body['tools'] as unknown[]).slice(0, 2)).toEqual([
      { name: 'forecast', description: 'The weather of a city', inputSchema, input_schema: inputSchema },
      { name: 'fails', description: '', inputSchema: { type: 'object' }, input_schema: { type: 'object' } },
    ]);
  });

  it('asks the server once for many, and again a minute later', async () => {
    await Promise.all([ask('GET', '/demo/tools'), ask('GET', '/demo/tools'), ask('GET', '/demo/tools')]);
    await rig.clock.advance(59_000);
    await ask('GET', '/demo/tools');
    const before = methodsSent().filter((method) => method === 'tools/list').length;
    await rig.clock.advance(1000);
    await ask('GET', '/demo/tools');
    expect([before, methodsSent().filter((method) => method === 'tools/list').length]).toEqual([1, 2]);
  });

  it('asks again when a shared server says that its tools have changed', async () => {
    await ask('GET', '/shared/tools');
    listed = tools.slice(0, 1);
    sharedRig.engine.last.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
    await settle();
    expect((await ask('GET', '/shared/tools')).body['tools']).toHaveLength(1);
  });

  it('gives what was known when it cannot be had anew', async () => {
    await ask('GET', '/demo/tools');
    await rig.clock.advance(60_000);
    listError = true;
    const { status, body } = await ask('GET', '/demo/tools');
    expect([status, (body['tools'] as unknown[]).length]).toEqual([200, tools.length]);
  });

  it('asks again ten seconds after it could not be had', async () => {
    await ask('GET', '/demo/tools');
    await rig.clock.advance(60_000);
    listError = true;
    const asked = async (): Promise<number> => {
      await ask('GET', '/demo/tools');
      return methodsSent().filter((method) => method === 'tools/list').length;
    };
    const counts = [await asked(), await asked()];
    await rig.clock.advance(10_000);
    expect([...counts, await asked()]).toEqual([2, 2, 3]);
  });

  it('says why when it was never known', async () => {
    listError = true;
    expect((await ask('GET', '/demo/tools')).body).toMatchObject({ status: 502, code: 'SERVER_ERROR', rpcCode: -1 });
  });

  it('retires the upstream that it asked', async () => {
    await ask('GET', '/demo/tools');
    await rig.clock.advance(5000);
    expect([rig.engine.children.length, rig.engine.live]).toEqual([1, []]);
  });
});

describe('POST /NAME/tools/TOOL', () => {
  it.each(['demo', 'shared'])('calls the tool with its body as it was written (%s)', async (name) => {
    const { status, headers, text } = await post(`/${name}/tools/forecast`, '{"city":"Bras\\u00edlia", "days":3.0}');
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    const shown = JSON.stringify('forecast {"city":"Bras\\u00edlia", "days":3.0}');
    expect(text).toBe(`{"content":[{"type":"text","text":${shown}}]}`);
  });

  it('takes no body for no arguments', async () => {
    const { body } = await ask('POST', '/demo/tools/a%2Fb%20%C3%A4');
    expect(body).toEqual({ content: [{ type: 'text', text: 'a/b ä {}' }] });
  });

  it.each([
    [{}, '/city', '"/city" is missing'],
    [{ city: 'x', days: 0 }, '/days', '"/days" is 0, wanted at least 1'],
    [{ city: 'x', day: 1 }, '/day', '"/day" is not known, wanted one of city, days'],
    [[], '', 'the whole is no object'],
  ])('sends nothing of %j: 400 with the place and the reason', async (args, pointer, fault) => {
    await ask('GET', '/demo/tools');
    sent = [];
    const { status, headers, body } = await post('/demo/tools/forecast', args);
    expect([status, headers['content-type'], sent]).toEqual([400, 'application/problem+json', []]);
    expect(body).toEqual({
      type: 'urn:gangway:docs:errors#arguments_invalid',
      title: 'Arguments invalid',
      status: 400,
      detail: `Invalid arguments: ${fault}`,
      instance: '/demo/tools/forecast',
      ...{ code: 'ARGUMENTS_INVALID', retryable: false, pointer, faults: [fault] },
    });
  });

  it('checks them also when the tools are not known yet', async () => {
    expect((await post('/demo/tools/forecast', {})).status).toBe(400);
    expect(methodsSent()).not.toContain('tools/call');
  });

  it('is 422 when the tool says that it failed, with all that it said', async () => {
    const { status, headers, body } = await post('/demo/tools/fails', {});
    expect([status, headers['content-type']]).toEqual([422, 'application/problem+json']);
    expect(body).toMatchObject({
      ...{ code: 'TOOL_FAILED', retryable: false },
      result: { content: [{ type: 'text', text: 'fails {}' }], isError: true },
    });
  });

  it.each([
    ['refuses', 400, { code: 'ARGUMENTS_INVALID', rpcCode: -32_602 }],
    ['breaks', 502, { code: 'SERVER_ERROR', rpcCode: -32_000 }],
    ['crashes', 502, { code: 'UPSTREAM_EXITED', retryable: true, exitCode: 3 }],
    ['none', 404, { code: 'TOOL_UNKNOWN' }],
    ['%ff', 404, { code: 'TOOL_UNKNOWN' }],
  ])('that %s is %i', async (tool, status, members) => {
    const answer = await post(`/demo/tools/${tool}`, {});
    expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/problem+json']);
    expect(answer.body).toMatchObject({ ...members, status });
  });

  it('is 504 after callTimeout, and the server is told', async () => {
    const answer = post('/demo/tools/hangs', {});
    await untilSent('tools/call');
    await rig.clock.advance(rig.config.callTimeoutMs);
    expect((await answer).body).toMatchObject({ status: 504, code: 'CALL_TIMEOUT', retryable: true });
    expect(methodsSent()).toContain('notifications/cancelled');
  });

  it.each(['demo', 'shared'])('is cancelled when its client goes away (%s)', async (name) => {
    let cut: ClientRequest | undefined;
    const answer = ask('POST', `/${name}/tools/hangs`, { headers: json, body: '{}', onRequest: (request) => (cut = request) }); // prettier-ignore
    answer.catch(() => undefined);
    await untilSent('tools/call');
    cut?.destroy();
    await untilSent('notifications/cancelled');
    await settle();
    expect(rest.inFlight).toBe(0);
  });

  it('has an upstream of its own for each call, retired afterwards', async () => {
    await post('/demo/tools/forecast', { city: 'x' });
    await post('/demo/tools/forecast', { city: 'x' });
    await rig.clock.advance(5000);
    expect([rig.engine.children.length, rig.engine.live, rig.held.size]).toEqual([2, [], 0]);
  });

  it('shares the containers of a shared server', async () => {
    await Promise.all([1, 2, 3].map(() => post('/shared/tools/forecast', { city: 'x' })));
    expect([sharedRig.engine.children.length, methodsSent().filter((method) => method === 'initialize').length]).toEqual([1, 1]); // prettier-ignore
  });

  it('is 503 with Retry-After when there is no room', async () => {
    const calls = [post('/demo/tools/hangs', {}), post('/demo/tools/hangs', {})];
    for (let round = 0; round < 1000 && methodsSent().filter((method) => method === 'tools/call').length < 2; round++) await settle(); // prettier-ignore
    const { status, headers, body } = await post('/demo/tools/forecast', { city: 'x' });
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(body).toMatchObject({ code: 'POOL_FULL', retryable: true, retryAfterMs: 1000 });
    rest.closeAll();
    expect((await Promise.all(calls)).map(({ body: { code } }) => code)).toEqual(['DRAINING', 'DRAINING']);
  });
});

describe('POST /NAME/call', () => {
  it('answers like the tutorial', async () => {
    const { status, body } = await post('/demo/call', { tool_name: 'forecast', tool_args: { city: 'x' } });
    expect(status).toBe(200);
    expect(body).toEqual({
      result: { content: [{ type: 'text', text: 'forecast {"city":"x"}' }], isError: false },
    });
  });

  it('is 200 when the tool says that it failed: the result has it', async () => {
    const { status, body } = await post('/demo/call', { tool_name: 'fails', tool_args: {} });
    expect([status, body]).toMatchObject([200, { result: { isError: true } }]);
  });

  it('passes arguments as they were written', async () => {
    const { text } = await post('/demo/call', ' {"tool_args" : {"city":"x", "days":3.0}, "tool_name":"forecast"}');
    expect(text).toContain(JSON.stringify('forecast {"city":"x", "days":3.0}'));
  });

  it.each([
    [{ tool_args: {} }, '/tool_name'],
    [{ tool_name: 'forecast' }, '/tool_args'],
    [{ tool_name: 7, tool_args: {} }, '/tool_name'],
    [[], '/tool_name'],
    [{ tool_name: 'forecast', tool_args: {} }, '/tool_args/city'],
    [{ tool_name: 'forecast', tool_args: null }, '/tool_args'],
  ])('is 400 for %j, at %s', async (body, pointer) => {
    expect((await post('/demo/call', body)).body).toMatchObject({ status: 400, code: 'ARGUMENTS_INVALID', pointer });
  });

  it('is 404 for an unknown tool', async () => {
    expect((await post('/demo/call', { tool_name: 'none', tool_args: {} })).body).toMatchObject({ status: 404, code: 'TOOL_UNKNOWN' }); // prettier-ignore
  });
});

describe('GET /NAME/openapi.json', () => {
  it('has one operation for each tool', async () => {
    const { status, body } = await ask('GET', '/demo/openapi.json');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'weather', version: '1.2' },
      servers: [{ url: '/demo' }],
    });
    const paths = body['paths'] as Readonly<Record<string, { post: { operationId: string } }>>;
    expect(
      Object.entries(paths).map(
        ([
          path,
          {
            post: { operationId },
          },
        ]) => `${path} ${operationId}`,
      ),
    ).toEqual([
      ...['/tools/forecast forecast', '/tools/fails fails', '/tools/refuses refuses', '/tools/breaks breaks'],
      ...['/tools/crashes crashes', '/tools/hangs hangs', '/tools/a%2Fb%20%C3%A4 a_b__'],
    ]);
  });

  it('has the schema of the arguments', async () => {
    const { body } = await ask('GET', '/demo/openapi.json');
    expect(body).toMatchObject({ components: { schemas: { forecast_Input: inputSchema } } });
  });
});

describe('Plain REST', () => {
  it.each([
    ['GET', '/none/tools', 404, 'SERVER_UNKNOWN'],
    ['POST', '/none/tools/x', 404, 'SERVER_UNKNOWN'],
    ['GET', '/off/tools', 503, 'SERVER_DISABLED'],
    ['POST', '/demo/tools', 405, 'METHOD_REFUSED'],
    ['GET', '/demo/tools/forecast', 405, 'METHOD_REFUSED'],
    ['GET', '/demo/call', 405, 'METHOD_REFUSED'],
    ['DELETE', '/demo/openapi.json', 405, 'METHOD_REFUSED'],
  ])('%s %s is %i %s', async (method, path, status, code) => {
    const answer = await ask(method, path, { headers: json });
    expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/problem+json']);
    expect(answer.body).toMatchObject({ status, code, instance: path });
    expect(answer.headers.allow !== undefined).toBe(status === 405);
  });

  it.each([
    ['no JSON', '{"a":', json, 400, 'BODY_MALFORMED'],
    ['what would end the text around it', '{}},"x":{"y":{}', json, 400, 'BODY_MALFORMED'],
    ['too many levels', `${'['.repeat(100)}${']'.repeat(100)}`, json, 400, 'MESSAGE_TOO_COMPLEX'],
    ['too much', `"${'x'.repeat(70_000)}"`, json, 413, 'BODY_TOO_LARGE'],
    ['a form', 'a=1', { 'Content-Type': 'application/x-www-form-urlencoded' }, 415, 'MEDIA_TYPE_REFUSED'],
    ['a wish for HTML', '{}', { ...json, Accept: 'text/html' }, 406, 'NOT_ACCEPTABLE'],
  ])('refuses %s', async (_what, body, headers, status, code) => {
    const answer = await ask('POST', '/demo/tools/forecast', { headers, body });
    expect([answer.status, answer.body['code'], sent]).toEqual([status, code, []]);
  });

  it('takes members that MCP’s own are called like', async () => {
    const { status } = await post('/demo/tools/a%2Fb%20%C3%A4', '{"ID":1,"id":2,"Method":3,"jsonrpc":4}');
    expect(status).toBe(200);
  });

  it('may be used by a page of an allowed origin', async () => {
    const Origin = 'https://app.example.com';
    const asked = await ask('OPTIONS', '/demo/tools/forecast', { headers: { Origin, 'Access-Control-Request-Method': 'POST' } }); // prettier-ignore
    expect([asked.status, asked.headers['access-control-allow-origin']]).toEqual([204, Origin]);
    const got = await ask('GET', '/demo/tools', { headers: { Origin } });
    expect([got.status, got.headers['access-control-allow-origin']]).toEqual([200, Origin]);
  });

  it('may not be used by any other page', async () => {
    const { status } = await ask('POST', '/demo/tools/forecast', { headers: { ...json, Origin: 'https://evil.example' } }); // prettier-ignore
    expect([status, sent]).toEqual([403, []]);
  });

  it.each(['cross-site', 'same-site'])('starts nothing for a page that asks as with an image (%s)', async (site) => {
    const { status, body } = await ask('GET', '/demo/tools', { headers: { 'Sec-Fetch-Site': site } });
    expect([status, body['code'], sent]).toEqual([403, 'ORIGIN_REFUSED', []]);
  });

  it('lists what is known also while Gangway takes nothing new', async () => {
    await ask('GET', '/demo/tools');
    refused = 'calls';
    expect((await ask('GET', '/demo/tools')).status).toBe(200);
    expect((await ask('HEAD', '/demo/openapi.json')).status).toBe(200);
  });

  it.each(['sessions', 'calls'] as const)('starts nothing while Gangway takes no new %s', async (what) => {
    refused = what;
    const { status, headers, body } = await post('/demo/tools/forecast', { city: 'x' });
    expect([status, headers['retry-after'], body['code'], sent]).toEqual([503, '1', 'OVERLOADED', []]);
  });

  it('uses a shared server while Gangway takes no new sessions', async () => {
    refused = 'sessions';
    expect((await post('/shared/tools/forecast', { city: 'x' })).status).toBe(200);
  });

  it('is refused once Gangway drains, which waits for the calls under way', async () => {
    const answer = post('/demo/tools/hangs', {});
    await untilSent('tools/call');
    let isQuiet = false;
    void rest.drain().then(() => (isQuiet = true));
    expect((await post('/demo/tools/forecast', { city: 'x' })).body).toMatchObject({ status: 503, code: 'DRAINING' });
    expect([isQuiet, rest.inFlight, rest.count(rig.config)]).toEqual([false, 1, 1]);
    rig.engine.last.exit();
    await answer;
    await settle();
    expect([isQuiet, rest.inFlight]).toEqual([true, 0]);
  });

  it('goes on with the successor of a server whose configuration changes', async () => {
    await ask('GET', '/demo/tools');
    const next: ModernServed = { ...rig.served, config: { ...rig.config } };
    Object.assign(rig.config, { disabled: { code: 'SERVER_UNKNOWN', reason: 'changed' } });
    servers.set('demo', next);
    expect((await post('/demo/tools/forecast', { city: 'x' })).status).toBe(200);
  });
});
