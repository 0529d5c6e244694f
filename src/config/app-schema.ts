import { z } from 'zod';
import { defaults } from './defaults.ts';
import { count, duration, size, text } from './fields.ts';

const minute = 60_000;
const mebibyte = 1024 ** 2;

const baseUrl = text('an address such as http://127.0.0.1:9000/v1')
  .regex(/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/, {
    error: 'wanted an address such as http://127.0.0.1:9000/v1, without user, query and fragment',
  })
  .refine((address) => URL.canParse(address), { error: 'wanted an address such as http://127.0.0.1:9000/v1' });

const value = z.union([z.string(), z.number(), z.boolean()], { error: 'wanted a text, number or boolean' });

const headers = z
  .record(z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: 'wanted a header name' }), value, {
    error: 'wanted a mapping of header names to values',
  })
  .meta({
    description:
      'Headers of every request to the app, such as `Authorization`; no tool has a parameter for them. Values may be secrets, as in `env`.',
    default: {},
  })
  .optional();

/** Keys that both kinds of app have. */
const common = {
  headers,
  query: z
    .record(z.string().min(1, { error: 'wanted a name' }), value, { error: 'wanted a mapping of names to values' })
    .meta({
      description: 'The same for query parameters, such as an API key. Values may be secrets, as in `env`.',
      default: {},
    })
    .optional(),
  timeout: duration('How long the app may take for one answer; then the call is given up and is a tool error.', {
    min: 10,
    // `fetch` waits no longer for the head of an answer.
    max: 5 * minute,
    default: defaults.app.timeout,
  }),
  concurrency: count(
    'Requests to the app at once; more wait in line (`pool.queue`, `pool.acquireTimeout`). Clients are served in turns.',
    { min: 1, max: 10_000, default: defaults.app.concurrency },
  ),
  maxAnswerBytes: size('The largest answer of the app that is read; a larger one is a tool error.', {
    min: 1024,
    max: 256 * mebibyte,
    default: defaults.app.maxAnswerBytes,
  }),
};

const patterns = (description: string): z.ZodType<string[] | undefined> =>
  z
    .array(text('an operationId, a path or tag:NAME').min(1, { error: 'wanted an operationId, a path or tag:NAME' }), {
      error: 'wanted a list such as [getPet, /pets/*, tag:public]',
    })
    .meta({ description, default: [] })
    .optional();

const toolName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, {
  error: 'wanted a tool name of letters, digits, "_" and "-", at most 64 characters',
});

/** The key `openapi`; a text stands for its `document`. */
export const openapi = z
  .strictObject({
    document: text('a file, or an address that begins with http:// or https://')
      .min(1, { error: 'wanted a file, or an address that begins with http:// or https://' })
      .meta({
        description:
          'The OpenAPI document (3.0 or 3.1, YAML or JSON): a file, relative to this one, or an address. It may refer to nothing outside itself.',
      }),
    baseUrl: baseUrl
      .meta({
        description:
          'Where the app is: all requests go below this address, and nowhere else. Without it, the first of the document’s `servers`, which a document from an address may only set to its own origin.',
      })
      .optional(),
    include: patterns(
      'Operations that become tools: by operationId (`*` stands for any part), by path (`/pets/*`, `GET /pets/**`), by tag (`tag:public`). All, when it is empty.',
    ),
    exclude: patterns('Operations that do not, in the same words; it wins over `include`.'),
    rename: z
      .record(z.string(), toolName, { error: 'wanted a mapping of operationIds to tool names' })
      .meta({ description: 'Other names for tools, by operationId.', default: {} })
      .optional(),
    describe: z
      .record(z.string(), text('a description'), { error: 'wanted a mapping of operationIds to descriptions' })
      .meta({ description: 'Other descriptions for tools, by operationId.', default: {} })
      .optional(),
    outputs: z
      .boolean({ error: 'wanted true or false' })
      .meta({
        description:
          'Whether tools state what they answer (`outputSchema`), as the document says. An answer that is something else is then a tool error; `false` for an app that does not keep to its document.',
        default: true,
      })
      .optional(),
    ...common,
  })
  .meta({
    description:
      'An HTTP app whose operations become tools, as its OpenAPI document describes them. A text is its `document`.',
    shorthand: true,
  });

const parameter = z
  .looseObject({
    in: z
      .enum(['path', 'query', 'header', 'body'], { error: 'wanted "path", "query", "header" or "body"' })
      .meta({
        description:
          'Where it goes: `path` when `path` has it in braces; else the body, or the query when the method has no body.',
      })
      .optional(),
    required: z
      .union([z.boolean(), z.array(z.string())], { error: 'wanted true or false' })
      .meta({ description: 'Whether it must be there; those in the path always must.', default: false })
      .optional(),
  })
  .meta({ description: 'Its JSON Schema, such as `type: string`, and these two.' });

const tool = z
  .strictObject({
    description: text('a description').meta({ description: 'What it does, for the model.' }),
    method: z
      .enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], { error: 'wanted GET, POST, PUT, PATCH or DELETE' })
      .meta({ description: 'The HTTP method.', default: 'GET' })
      .optional(),
    path: text('a path such as /pets/{id}')
      .regex(/^\/[^\s?#]*$/, { error: 'wanted a path such as /pets/{id}' })
      .meta({ description: 'The path below `baseUrl`, with parameters in braces.' }),
    body: z
      .enum(['json', 'form', 'multipart', 'text', 'binary'], {
        error: 'wanted "json", "form", "multipart", "text" or "binary"',
      })
      .meta({
        description:
          'What the body is: an object of the parameters as JSON, as a form or as parts (base64 where `contentEncoding: base64`), or the one parameter itself (base64 when `binary`).',
        default: 'json',
      })
      .optional(),
    parameters: z
      .record(
        z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, {
          error: 'wanted a name of letters, digits, ".", "_" and "-", at most 64 characters',
        }),
        parameter,
        { error: 'wanted a mapping of names to parameters' },
      )
      .meta({ description: 'What the tool takes, by name.', default: {} })
      .optional(),
  })
  .meta({ description: 'One tool.' });

/** The key `app`. */
export const app = z
  .strictObject({
    baseUrl: baseUrl.meta({ description: 'Where the app is: all requests go below this address, and nowhere else.' }),
    tools: z
      .record(toolName, tool, { error: 'wanted a mapping of tool names to tools' })
      .meta({ description: 'Its tools, by name.' }),
    ...common,
  })
  .meta({ description: 'An HTTP app without an OpenAPI document: its tools are written here.' });

export type OpenApiEntry = z.output<typeof openapi>;
export type AppEntry = z.output<typeof app>;
