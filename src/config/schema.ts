import { z } from 'zod';
import { app, openapi } from './app-schema.ts';
import { defaults } from './defaults.ts';
import { count, duration, servedName, size, text } from './fields.ts';
import { groupKeys, toolsField } from './group-schema.ts';
import { pool, replay, resources } from './limits-schema.ts';
import { modernKeys } from './modern-schema.ts';
import { remoteKeys } from './remote-schema.ts';
import { packageField } from './package-schema.ts';

/**
 * The source of truth for every key of `servers.yaml`: type, unit, bounds, default and a sentence. The JSON Schema
 * (`gangway schema`) and `docs/configuration.md` are generated from it. Defaults are stated, not applied, here:
 * `load.ts` lays the file's `defaults:` between them and each server.
 */
const minute = 60_000;
const hour = 60 * minute;
const mebibyte = 1024 ** 2;

const noComma = /^[^,\0]+$/;

const mount = z
  .strictObject({
    from: text('a volume name, or a path that begins with /, ./ or ../')
      .regex(noComma, { error: 'wanted a volume name or path without a comma', abort: true })
      .regex(/^(\/|\.{1,2}\/|\.$|[a-zA-Z0-9][a-zA-Z0-9_.-]*$)/, {
        error: 'wanted a volume name, or a path that begins with /, ./ or ../',
      })
      .meta({ description: 'A named volume of the engine, or a path on the host (relative to the file).' }),
    to: text('an absolute path in the container')
      .regex(noComma, { error: 'wanted a path without a comma', abort: true })
      .regex(/^\/[^/]/, { error: 'wanted an absolute path in the container, not "/"' })
      .meta({ description: 'Where it appears in the container.' }),
    readOnly: z
      .boolean({ error: 'wanted true or false' })
      .meta({ description: 'Whether the server may only read it.', default: false })
      .optional(),
  })
  .meta({ description: 'One mount.' });

/** The keys that `defaults:` and each server share. */
const common = {
  sharing: z
    .enum(['session', 'shared'], { error: 'wanted "session" or "shared"' })
    .meta({
      description:
        'Who shares a container. `session`: each client has one of its own. `shared`: many clients share a few, for servers that keep no state between calls.',
      default: 'session',
    })
    .optional(),
  pool: pool.optional(),
  resources: resources.optional(),
  network: z
    .enum(['outbound', 'none'], { error: 'wanted "outbound" or "none"' })
    .meta({
      description:
        'What the container can reach: the engine’s default network, or nothing at all (the default when `sandbox` is `strict`).',
      default: 'outbound',
    })
    .optional(),
  sandbox: z
    .enum(['default', 'strict'], { error: 'wanted "default" or "strict"' })
    .meta({
      description:
        '`default`: no capabilities, no new privileges, limits, an own IPC namespace. `strict` adds a read-only root file system, a small `/tmp`, a non-root user and no network.',
      default: 'default',
    })
    .optional(),
  pull: z
    .enum(['missing', 'always', 'never'], { error: 'wanted "missing", "always" or "never"' })
    .meta({
      description: 'When the image is pulled: if it is not there, once at every start of Gangway, or never.',
      default: 'missing',
    })
    .optional(),
  startTimeout: duration('How long a server may take from its start to its answer to `initialize`.', {
    min: 100,
    max: 10 * minute,
    default: defaults.server.startTimeout,
  }),
  callTimeout: duration(
    'How long a request may take without a sign of life; each progress notification begins it anew. While the server waits for its client (sampling, elicitation), only `maxCallTime` counts.',
    { min: 100, max: 24 * hour, default: defaults.server.callTimeout },
  ),
  maxCallTime: duration('How long a request may take in all.', {
    min: 100,
    max: 24 * hour,
    default: defaults.server.maxCallTime,
  }),
  pingInterval: duration(
    'A server without a request in flight is asked (`ping`) after this long whether it lives; one that does not answer for as long again is ended.',
    { min: 100, max: 24 * hour, default: defaults.server.pingInterval },
  ),
  maxLineBytes: size(
    'The longest message that a server may send; a longer one ends its session, or its call at a `url`.',
    {
      min: 1024,
      max: 512 * mebibyte,
      default: defaults.server.maxLineBytes,
    },
  ),
  replay: replay.optional(),
  ...modernKeys,
};

const argument = text('a text').regex(/^[^\0]*$/, { error: 'wanted a text without a NUL character' });

const command = z
  .array(argument, { error: 'wanted a list such as [node, ./server.js]' })
  .min(1, { error: 'wanted at least the program' });

const server = z
  .strictObject({
    image: text('an image reference such as docker.io/mcp/fetch')
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$/, { error: 'wanted an image reference such as docker.io/mcp/fetch' })
      .meta({ description: 'The image whose stdio server is put on HTTP, unchanged. Name the registry in full.' })
      .optional(),
    build: text('a folder with a Containerfile')
      .min(1, { error: 'wanted a folder with a Containerfile' })
      .meta({
        description:
          'A folder with a Containerfile (or Dockerfile), built by the engine before the first start; and anew when it has changed and Gangway is started, gets SIGHUP, or is told to recycle the server.',
      })
      .optional(),
    package: packageField.optional(),
    command: command
      .meta({
        description:
          'A stdio server as a plain process on this host, not sandboxed; needs `--allow-process`. The program is looked up on PATH, or relative to the file when it begins with ./',
      })
      .optional(),
    openapi: openapi.optional(),
    app: app.optional(),
    ...remoteKeys,
    args: z
      .array(argument, { error: 'wanted a list of texts' })
      .meta({ description: 'Arguments for the server in the image, or for the program of the package.', default: [] })
      .optional(),
    env: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'wanted a variable name such as API_KEY' }),
        z.union([z.string(), z.number(), z.boolean()], { error: 'wanted a text, number or boolean' }),
        { error: 'wanted a mapping of variable names to values' },
      )
      .meta({
        description:
          'Environment of the server, and nothing but this. A value may be `${NAME}`, `${NAME:-default}`, or `file:PATH` for a secret file; none of them is ever in an argument list.',
        default: {},
      })
      .optional(),
    mounts: z
      .array(mount, { error: 'wanted a list of { from, to }' })
      .meta({ description: 'Volumes and host folders that the container sees. None by default.', default: [] })
      .optional(),
    user: text('a user such as "1000:1000"')
      .regex(/^[a-zA-Z0-9_][a-zA-Z0-9_.-]*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]*)?$/, {
        error: 'wanted a user such as "1000:1000"',
      })
      .meta({
        description: 'User (and group) in the container; the image’s own by default, 65534:65534 when `strict`.',
      })
      .optional(),
    tools: toolsField.optional(),
    ...common,
  })
  .meta({
    description:
      'One server: exactly one of `image`, `build`, `package`, `command`, `openapi`, `app` or `url`, and what it may do.',
  });

const hostName = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?)$/;

export const fileSchema = z
  .strictObject({
    listen: z
      .strictObject({
        host: text('an address such as 127.0.0.1')
          .min(1, { error: 'wanted an address such as 127.0.0.1' })
          .meta({
            description: 'Address to listen on. Anything but loopback needs `insecureNoAuth: true`.',
            default: defaults.listen.host,
          })
          .optional(),
        port: count('Port to listen on. 0 takes a free one.', { min: 0, max: 65_535, default: defaults.listen.port }),
        insecureNoAuth: z
          .boolean({ error: 'wanted true or false' })
          .meta({
            description: 'Allows an address other than loopback although Gangway asks nobody who they are.',
            default: false,
          })
          .optional(),
        allowedHosts: z
          .array(text('a host name').regex(hostName, { error: 'wanted a host name without scheme or port' }), {
            error: 'wanted a list of host names',
          })
          .meta({ description: 'Names, besides loopback, that a `Host` header may carry.', default: [] })
          .optional(),
        allowedOrigins: z
          .array(
            text('an origin').regex(/^https?:\/\/[^/\s]+$/, {
              error: 'wanted an origin such as https://app.example.com',
            }),
            { error: 'wanted a list of origins' },
          )
          .meta({ description: 'Web origins, besides loopback, that may use the bridge; exact.', default: [] })
          .optional(),
        maxBodyBytes: size('The largest request body that is read.', {
          min: 1024,
          max: 512 * mebibyte,
          default: defaults.listen.maxBodyBytes,
        }),
        sse: z
          .boolean({ error: 'wanted true or false' })
          .meta({
            description:
              'Whether clients of 2024-11-05 are served too: HTTP+SSE at `/NAME/sse` and `/NAME/messages`. Newer ones do not need it.',
            default: defaults.listen.sse,
          })
          .optional(),
      })
      .meta({ description: 'Where Gangway listens, and to whom.' })
      .optional(),
    engine: z
      .enum(['auto', 'podman', 'docker'], { error: 'wanted "auto", "podman" or "docker"' })
      .meta({ description: 'What runs the images. `auto`: Podman, then Docker.', default: 'auto' })
      .optional(),
    limits: z
      .strictObject({
        starts: count('Containers started at the same time.', { min: 1, max: 64, default: defaults.limits.starts }),
        sessions: count('Sessions of all servers together.', {
          min: 1,
          max: 1_000_000,
          default: defaults.limits.sessions,
        }),
        calls: count('Requests under way in all sessions and in plain REST together.', {
          min: 1,
          max: 1_000_000,
          default: defaults.limits.calls,
        }),
        rounds: count(
          'Requests of revision 2026-07-28 that wait for input of their clients, of all servers together.',
          {
            min: 1,
            max: 1_000_000,
            default: defaults.limits.rounds,
          },
        ),
        containers: count('Containers of all servers together, whatever their state. 0 sets no limit.', {
          min: 0,
          max: 100_000,
          default: defaults.limits.containers,
        }),
        memory: size('The sum of `resources.memory` of all containers.', {
          min: 6 * mebibyte,
          max: 1024 ** 5,
          default: defaults.limits.memory,
          zero: 'no limit',
        }),
      })
      .meta({ description: 'Limits for all servers together.' })
      .optional(),
    defaults: z.strictObject(common).meta({ description: 'What each server has unless it says otherwise.' }).optional(),
    servers: z
      .record(servedName, server, { error: 'wanted a mapping of names to servers' })
      .meta({ description: 'The servers, by the name under which each is served: `/NAME/mcp`.' }),
    ...groupKeys,
  })
  .meta({ title: 'Gangway servers.yaml', description: 'Which stdio MCP servers Gangway puts on HTTP.' });

export type FileConfig = z.output<typeof fileSchema>;
export type ServerEntry = FileConfig['servers'][string];
export type GroupEntry = NonNullable<FileConfig['groups']>[string];
export type CommonEntry = NonNullable<FileConfig['defaults']>;

/** The JSON Schema (2020-12) of `servers.yaml`, for editors. */
export function jsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(fileSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const { default: preset, shorthand } = z.globalRegistry.get(zodSchema as never) ?? {};
      if (preset !== undefined) jsonSchema.default = preset;
      // A text stands for the mapping: its keys are for mappings only.
      if (shorthand === true) Object.assign(jsonSchema, { type: ['string', 'object'], shorthand: undefined });
    },
  });
}
