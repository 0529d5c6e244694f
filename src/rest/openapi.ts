import { embedSchema } from './embed-schema.ts';
import type { Tool, ToolList } from './tool-list.ts';

/**
 * The plain REST side of a server as an OpenAPI document: one operation for each tool.
 *
 * @param name of the server, as in its path
 * @see OpenAPI 3.1.0
 */
export function openApiDocument(name: string, { tools, facts }: ToolList): object {
  const named = withKeys(tools);
  const about = facts.instructions === undefined ? {} : { description: facts.instructions };
  return {
    openapi: '3.1.0',
    info: { title: facts.title ?? name, version: facts.version ?? '0', ...about },
    servers: [{ url: `/${name}` }],
    paths: Object.fromEntries(
      named.map(({ key, tool }) => [`/tools/${encodeURIComponent(tool.name)}`, { post: operation(key, tool) }]),
    ),
    components: {
      schemas: { ...commonSchemas, ...Object.fromEntries(named.flatMap(({ key, tool }) => schemasOf(key, tool))) },
      responses: {
        Problem: problemResponse('The request was refused, or could not be answered.', 'Problem'),
        ToolFailure: problemResponse('The tool ran, and said itself that it failed.', 'ToolFailure'),
      },
    },
  };
}

interface Named {
  /** Made of letters, digits and `_`, and used once: the names of functions and types follow from it. */
  readonly key: string;
  readonly tool: Tool;
}

function withKeys(tools: readonly Tool[]): Named[] {
  const taken = new Set<string>();
  return tools.map((tool) => {
    const wanted = tool.name.replaceAll(/[^A-Za-z0-9_]/g, '_');
    let key = wanted;
    for (let count = 2; taken.has(key.toLowerCase()); count++) key = `${wanted}_${count}`;
    taken.add(key.toLowerCase());
    return { key, tool };
  });
}

function operation(key: string, { name, title, description, inputSchema }: Tool): object {
  const { required } = inputSchema;
  const problem = { $ref: '#/components/responses/Problem' };
  return {
    operationId: key,
    summary: title ?? name,
    ...(description === '' ? {} : { description }),
    requestBody: {
      required: Array.isArray(required) && required.length > 0,
      content: { 'application/json': { schema: { $ref: placeOf(`${key}_Input`) } } },
    },
    responses: {
      200: {
        description: 'What the tool answered.',
        content: { 'application/json': { schema: { $ref: placeOf(`${key}_Result`) } } },
      },
      400: problem,
      404: problem,
      422: { $ref: '#/components/responses/ToolFailure' },
      502: problem,
      503: problem,
      504: problem,
      default: problem,
    },
  };
}

function schemasOf(key: string, { inputSchema, outputSchema }: Tool): [string, object][] {
  const [input, output] = [`${key}_Input`, `${key}_Output`];
  const structured = outputSchema ? { $ref: placeOf(output) } : { type: 'object' };
  return [
    ...embedSchema({ ...inputSchema, type: 'object' }, input),
    ...(outputSchema ? embedSchema(outputSchema, output) : []),
    [`${key}_Result`, resultSchema(structured)],
  ];
}

function placeOf(schema: string): string {
  return `#/components/schemas/${schema}`;
}

function resultSchema(structuredContent: object): object {
  return {
    type: 'object',
    required: ['content'],
    properties: {
      content: { type: 'array', items: { $ref: placeOf('Content') } },
      structuredContent,
      isError: { type: 'boolean' },
      _meta: { type: 'object' },
    },
  };
}

function problemResponse(description: string, schema: string): object {
  return { description, content: { 'application/problem+json': { schema: { $ref: placeOf(schema) } } } };
}

const problem = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'retryable'],
  properties: {
    type: { type: 'string', description: 'The kind of problem, as a URI.' },
    title: { type: 'string', description: 'The kind of problem, for people.' },
    status: { type: 'integer', description: 'The HTTP status.' },
    detail: { type: 'string', description: 'What happened this time, for people.' },
    instance: { type: 'string', description: 'The path of the request.' },
    code: { type: 'string', description: 'The kind of problem, for programs.' },
    retryable: { type: 'boolean', description: 'Whether the same request can succeed later.' },
    retryAfterMs: { type: 'number', description: 'How long to wait before that, in milliseconds.' },
    pointer: { type: 'string', description: 'What is wrong in the body, as a JSON Pointer.' },
    faults: { type: 'array', items: { type: 'string' }, description: 'All that is wrong with the arguments.' },
  },
};

const commonSchemas = {
  Content: {
    type: 'object',
    description: 'A piece of content, as in MCP: a text, an image, a sound, a resource.',
    required: ['type'],
    properties: {
      type: { type: 'string', description: '`text`, `image`, `audio`, `resource` or `resource_link`.' },
      text: { type: 'string' },
      data: { type: 'string', description: 'In Base64.' },
      mimeType: { type: 'string' },
      uri: { type: 'string' },
      name: { type: 'string' },
      resource: { type: 'object' },
    },
  },
  Problem: problem,
  ToolFailure: {
    ...problem,
    required: [...problem.required, 'result'],
    properties: { ...problem.properties, result: resultSchema({ type: 'object' }) },
  },
};
