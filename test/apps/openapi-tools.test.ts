import { describe, expect, it } from '@jest/globals';
import type { ToolDescription } from '../../src/apps/operation.ts';
import { appRig, documentOf, operation, type AppSetting } from '../support/app-rig.ts';

/** The tools of some paths. */
async function toolsOf(paths: object, setting: AppSetting = {}, more: object = {}): Promise<ToolDescription[]> {
  const rig = appRig({ baseUrl: 'http://localhost', document: documentOf(paths, more), ...setting });
  await rig.app.open();
  return rig.tools();
}

async function firstTool(paths: object, setting: AppSetting = {}, more: object = {}): Promise<ToolDescription> {
  const [first] = await toolsOf(paths, setting, more);
  return first!;
}

const parameter = (name: string, place: string, more: object = {}): object => {
  return { name, in: place, ...(place === 'path' ? { required: true } : {}), schema: { type: 'string' }, ...more };
};
const json = (schema: object): object => ({ 'application/json': { schema } });
const body = (content: object, required = true): object => ({ requestBody: { required, content } });

describe('openApiTools() names a tool', () => {
  it.each([
    ['by its operationId', { operationId: 'getPet' }, 'getPet'],
    ['by method and path without one', {}, 'get_pets_petId_toys'],
    ['with characters that every client takes', { operationId: 'pets/get.one' }, 'pets_get_one'],
  ])('%s', async (_what, more, name) => {
    const parameters = [parameter('petId', 'path')];
    const tool = await firstTool({ '/pets/{petId}/toys': { get: operation({ parameters, ...more }) } });
    expect(tool.name).toBe(name);
  });

  it('and describes it as the configuration says', async () => {
    const paths = { '/pets': { get: operation({ operationId: 'listPets', summary: 'All', description: 'Long' }) } };
    const plain = await firstTool(paths);
    const openapi = { rename: { listPets: 'pets' }, describe: { listPets: 'The pets.' } };
    const other = await firstTool(paths, { openapi });
    expect([plain, other].map(({ name, title, description }) => [name, title, description])).toEqual([
      ['listPets', 'All', 'All\n\nLong'],
      ['pets', 'All', 'The pets.'],
    ]);
  });

  it('says what its method says about its effects', async () => {
    const methods = ['get', 'put', 'post', 'delete'];
    const tools = await toolsOf({ '/x': Object.fromEntries(methods.map((method) => [method, operation()])) });
    expect(tools.map(({ name, annotations }) => [name, annotations])).toEqual([
      ['get_x', { readOnlyHint: true }],
      ['put_x', { readOnlyHint: false, idempotentHint: true }],
      ['post_x', { readOnlyHint: false }],
      ['delete_x', { readOnlyHint: false, idempotentHint: true }],
    ]);
  });
});

describe('openApiTools() makes one schema', () => {
  it('of path, query, header, cookie and body, and tells equal names apart', async () => {
    const parameters = ['query', 'header', 'cookie', 'path'].map((place) => parameter('id', place));
    const content = json({
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'integer' }, name: { type: 'string' } },
    });
    const tool = await firstTool({ '/x/{id}': { post: operation({ parameters, ...body(content) }) } });
    expect(tool.inputSchema).toEqual({
      type: 'object',
      properties: {
        ...{ id: { type: 'string' }, query_id: { type: 'string' }, header_id: { type: 'string' } },
        ...{ cookie_id: { type: 'string' }, body_id: { type: 'integer' }, name: { type: 'string' } },
      },
      required: ['id', 'body_id'],
      additionalProperties: false,
    });
  });

  it('of parameters of the path and of the operation, whose own win', async () => {
    const item = { parameters: [parameter('a', 'query'), parameter('b', 'query')] };
    const own = [parameter('b', 'query', { schema: { type: 'integer' }, description: 'Mine', required: true })];
    const tool = await firstTool({ '/x': { ...item, get: operation({ parameters: own }) } });
    expect(tool.inputSchema).toMatchObject({
      properties: { a: { type: 'string' }, b: { type: 'integer', description: 'Mine' } },
      required: ['b'],
    });
  });

  it('with names that every client takes', async () => {
    const parameters = [parameter('filter[status]', 'query'), parameter('$top', 'query'), parameter('ü', 'query')];
    const tool = await firstTool({ '/x': { get: operation({ parameters }) } });
    expect(Object.keys(tool.inputSchema['properties'] as object)).toEqual(['filter_status', 'top', 'value']);
  });

  it('without what the configuration sends, and what is the bridge’s own', async () => {
    const parameters = [
      parameter('api_key', 'query'),
      parameter('X-Key', 'header'),
      parameter('Authorization', 'header'),
    ];
    const setting = {
      headers: [{ name: 'x-key', value: 'v', secret: false }],
      query: [{ name: 'api_key', value: 'v', secret: false }],
    };
    const tool = await firstTool({ '/x': { get: operation({ parameters }) } }, setting);
    expect(tool.inputSchema['properties']).toEqual({});
  });

  it('of a body that is more than its properties as one argument', async () => {
    const schema = { oneOf: [{ type: 'object' }, { type: 'array', items: {} }] };
    const tool = await firstTool({ '/x': { post: operation(body(json(schema), false)) } });
    expect(tool.inputSchema).toEqual({ type: 'object', properties: { body: schema }, additionalProperties: false });
  });

  it('with $defs for a body that holds itself', async () => {
    const Node = { type: 'object', properties: { next: { $ref: '#/components/schemas/Node' } } };
    const paths = { '/x': { post: operation(body(json({ $ref: '#/components/schemas/Node' }))) } };
    const tool = await firstTool(paths, {}, { components: { schemas: { Node } } });
    expect(tool.inputSchema).toMatchObject({
      properties: { next: { $ref: '#/$defs/Node' } },
      $defs: { Node: { properties: { next: { $ref: '#/$defs/Node' } } } },
    });
  });

  it.each([
    ['multipart, binary of 3.0', { format: 'binary', type: 'string' }],
    ['multipart, bytes of 3.1', { contentMediaType: 'image/png' }],
  ])('with files as base64: %s', async (_what, file) => {
    const schema = {
      type: 'object',
      properties: { file, files: { type: 'array', items: file }, note: { type: 'string' } },
    };
    const content = { 'multipart/form-data': { schema } };
    const tool = await firstTool({ '/x': { post: operation(body(content)) } });
    const one = { type: 'string', contentEncoding: 'base64', description: 'A file. (base64)' };
    expect(tool.inputSchema['properties']).toEqual({
      ...{ file: one, files: { type: 'array', items: one }, note: { type: 'string' } },
    });
  });

  it('with the media type of a body that may be several', async () => {
    const tool = await firstTool({ '/x': { post: operation(body({ 'image/png': {}, 'image/jpeg': {} })) } });
    expect(tool.inputSchema['properties']).toMatchObject({ bodyType: { enum: ['image/png', 'image/jpeg'] } });
  });
});

describe('openApiTools() states what a tool answers', () => {
  const object = { type: 'object', properties: { a: { type: 'string', format: 'date' } } };
  const answers = (...found: [string, object | undefined][]): object => ({
    responses: Object.fromEntries(
      found.map(([status, content]) => [status, { description: '', ...(content ? { content } : {}) }]),
    ),
  });

  it('when that is one object', async () => {
    const tool = await firstTool({ '/x': { get: answers(['200', json(object)], ['404', json({ type: 'string' })]) } });
    expect(tool.outputSchema).toEqual({ type: 'object', properties: { a: { type: 'string' } } });
  });

  it.each([
    ['a list', answers(['200', json({ type: 'array', items: {} })])],
    ['text', answers(['200', { 'text/plain': { schema: object } }])],
    ['sometimes nothing', answers(['200', json(object)], ['204', undefined])],
    ['null at times', answers(['200', json({ type: ['object', 'null'] })])],
  ])('and not when it is %s', async (_what, found) => {
    expect(await firstTool({ '/x': { get: found } })).not.toHaveProperty('outputSchema');
  });

  it('and not when the configuration says so', async () => {
    const paths = { '/x': { get: answers(['200', json(object)]) } };
    expect(await firstTool(paths, { openapi: { hasOutputs: false } })).not.toHaveProperty('outputSchema');
  });
});

describe('openApiTools() refuses, with the place,', () => {
  const head = 'OpenAPI document app.json: ';
  const twice = { '/a': { get: operation({ operationId: 'x' }) }, '/b': { get: operation({ operationId: 'x' }) } };
  const alike = { '/a': { get: operation({ operationId: 'x.y' }) }, '/b': { get: operation({ operationId: 'x/y' }) } };
  const dangling = {
    '/a': { post: operation(body(json({ properties: { p: { $ref: '#/nowhere' } }, type: 'object' }))) },
  };
  const outside = { '/a': { get: operation({ parameters: [{ $ref: 'http://evil.example/p.json' }] }) } };
  it.each([
    ['one operationId twice', twice, {}, 'paths./b.get: its operationId "x" is that of paths./a.get too'],
    [
      'two that become one name',
      alike,
      {},
      'paths./b.get: its tool would be "x_y", as that of paths./a.get is; wanted a "rename"',
    ],
    [
      'a parameter of the path that is missing',
      { '/a/{id}': { get: operation() } },
      {},
      'paths./a/{id}.get: its path has "{id}", which is not one of its parameters',
    ],
    [
      'a reference to nothing',
      dangling,
      {},
      'paths./a.post.requestBody.content.application/json.schema.properties.p: "$ref" leads to "#/nowhere", which is not there',
    ],
    [
      'a reference to elsewhere',
      outside,
      {},
      'paths./a.get.parameters.0: "$ref" leads to "http://evil.example/p.json", wanted a part of the same document',
    ],
    [
      'a rename of nothing',
      { '/a': { get: operation({ operationId: 'x' }) } },
      { rename: { y: 'z' } },
      'rename: there is no operation "y"; did you mean "x"?',
    ],
    ['no operations', {}, {}, 'it has no operations'],
  ])('%s', async (_what, paths, openapi, message) => {
    const failing = toolsOf(paths, { openapi });
    await expect(failing).rejects.toMatchObject({ code: 'SERVER_DISABLED' });
    await expect(failing).rejects.toThrow(new Error(`${head}${message}`));
  });

  it('schemas of more than 200,000 parts in all', async () => {
    const properties = Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`p${i}`, {}]));
    const components = { schemas: { Large: { type: 'object', properties } } };
    const answering = operation({}, json({ $ref: '#/components/schemas/Large' }));
    const paths = Object.fromEntries(Array.from({ length: 23 }, (_, i) => [`/p${i}`, { get: answering }]));
    await expect(toolsOf(paths, {}, { components })).rejects.toThrow(
      `${head}the schemas of its tools have more than 200000 parts; say which with "include", or "outputs: false"`,
    );
    expect(await toolsOf(paths, { openapi: { hasOutputs: false } }, { components })).toHaveLength(23);
  });
});
