import { describe, expect, it } from '@jest/globals';
import { defaults } from '../../src/config/defaults.ts';
import { fileSchema, jsonSchema } from '../../src/config/schema.ts';
import { formatDuration, formatSize } from '../../src/config/units.ts';

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly range?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
}

/** Every key of the file and its node, by path. */
function keys(node: Node, place = ''): [string, Node][] {
  return Object.entries(node.properties ?? {}).flatMap(([key, value]) => {
    const below = typeof value.additionalProperties === 'object' ? value.additionalProperties : (value.items ?? value);
    return [[`${place}${key}`, value] as [string, Node], ...keys(below, `${place}${key}.`)];
  });
}

const all = keys(jsonSchema());
const byPath = new Map(all);
const { listen, limits, server } = defaults;

describe('jsonSchema()', () => {
  it('is JSON Schema 2020-12', () => {
    expect(jsonSchema()['$schema']).toBe('https://json-schema.org/draft/2020-12/schema');
  });

  it('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(jsonSchema()))).toEqual(jsonSchema());
  });

  it('wants `servers`', () => {
    expect(jsonSchema()['required']).toEqual(['servers']);
  });

  it.each(all)('says what %s does', (_path, { description }) => {
    expect(description).toMatch(/^[A-Z`].*[.\w/]$/);
  });

  it.each(all.filter(([, node]) => node.properties))('knows every key in %s', (_path, node) => {
    expect(node.additionalProperties).toBe(false);
  });

  it.each(all.filter(([, node]) => node.minimum === 0))('says what 0 means for %s', (_path, { description }) => {
    expect(description).toMatch(/\b0\b/);
  });

  it.each(all.filter(([, node]) => node.type === 'number'))('says the range of %s', (_path, { range }) => {
    expect(range).toMatch(/from .* to /);
  });

  it.each<[string, unknown]>([
    ['listen.host', listen.host],
    ['listen.port', listen.port],
    ['listen.insecureNoAuth', listen.insecureNoAuth],
    ['listen.allowedHosts', listen.allowedHosts],
    ['listen.allowedOrigins', listen.allowedOrigins],
    ['listen.maxBodyBytes', formatSize(listen.maxBodyBytes)],
    ['limits.starts', limits.starts],
    ['limits.sessions', limits.sessions],
    ['limits.calls', limits.calls],
    ['limits.rounds', limits.rounds],
    ['limits.containers', limits.containers],
    ['limits.memory', formatSize(limits.memory)],
    ['servers.sharing', server.sharing],
    ['servers.sandbox', server.sandbox],
    ['servers.pull', server.pull],
    ['servers.startTimeout', formatDuration(server.startTimeout)],
    ['servers.callTimeout', formatDuration(server.callTimeout)],
    ['servers.maxCallTime', formatDuration(server.maxCallTime)],
    ['servers.pingInterval', formatDuration(server.pingInterval)],
    ['servers.modern', server.modern],
    ['servers.inputTimeout', formatDuration(server.inputTimeout)],
    ['servers.maxLineBytes', formatSize(server.maxLineBytes)],
    ['servers.resources.cpus', server.resources.cpus],
    ['servers.resources.memory', formatSize(server.resources.memory)],
    ['servers.resources.pids', server.resources.pids],
    ['servers.pool.warm', server.pool.warm],
    ['servers.pool.min', server.pool.min],
    ['servers.pool.target', server.pool.target],
    ['servers.pool.upscaleDelay', formatDuration(server.pool.upscaleDelay)],
    ['servers.pool.downscaleDelay', formatDuration(server.pool.downscaleDelay)],
    ['servers.pool.lookBack', formatDuration(server.pool.lookBack)],
    ['servers.pool.upscaleFactor', server.pool.upscaleFactor],
    ['servers.pool.downscaleFactor', server.pool.downscaleFactor],
    ['servers.pool.maxUses', server.pool.maxUses],
    ['servers.pool.max', server.pool.max],
    ['servers.pool.queue', server.pool.queue],
    ['servers.pool.acquireTimeout', formatDuration(server.pool.acquireTimeout)],
    ['servers.pool.idleTimeout', formatDuration(server.pool.idleTimeout)],
    ['servers.pool.maxAge', formatDuration(server.pool.maxAge)],
  ])('states the default of %s that holds', (place, preset) => {
    expect(byPath.get(place)?.default).toEqual(preset);
  });
});

describe('fileSchema', () => {
  it('accepts its least', () => {
    expect(fileSchema.safeParse({ servers: {} }).success).toBe(true);
  });

  it('states defaults and does not apply them', () => {
    expect(fileSchema.parse({ servers: { a: { image: 'x' } } })).toEqual({ servers: { a: { image: 'x' } } });
  });

  it('gives milliseconds and bytes', () => {
    const file = { servers: { a: { image: 'x', startTimeout: '2s', maxLineBytes: '1m' } } };
    expect(fileSchema.parse(file).servers['a']).toEqual({ image: 'x', startTimeout: 2000, maxLineBytes: 1_048_576 });
  });

  it.each([
    'mcp/fetch',
    'docker.io/mcp/fetch:1.0',
    'localhost:5000/a/b:tag',
    `ghcr.io/a/b@sha256:${'0'.repeat(64)}`,
    'docker.io/Library/x',
  ])('accepts the image %s', (image) => {
    expect(fileSchema.safeParse({ servers: { a: { image } } }).success).toBe(true);
  });

  it.each(['a', '0', 'a.b', 'a-b', 'a_b', 'a'.repeat(63)])('accepts the name %s', (name) => {
    expect(fileSchema.safeParse({ servers: { [name]: { image: 'x' } } }).success).toBe(true);
  });

  it.each(['a', 'bridge.example.com', '[::1]', '10.0.0.1'])('accepts the allowed host %s', (host) => {
    expect(fileSchema.safeParse({ servers: {}, listen: { allowedHosts: [host] } }).success).toBe(true);
  });

  it.each(['root', '0', '1000:1000', 'app:app', 'a.b-c_d'])('accepts the user %s', (user) => {
    expect(fileSchema.safeParse({ servers: { a: { image: 'x', user } } }).success).toBe(true);
  });
});
