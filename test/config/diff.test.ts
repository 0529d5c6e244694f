import { describe, expect, it } from '@jest/globals';
import type { Config, PoolConfig, ServerConfig } from '../../src/config/config.ts';
import { diffConfig, withoutRestart } from '../../src/config/diff.ts';
import { parseConfig } from '../../src/config/load.ts';

const file = '/srv/gangway/servers.yaml';

/** What a user writes → a whole configuration, without the endpoint for all servers. */
function read(text: string, environment: NodeJS.ProcessEnv = {}): Config {
  return parseConfig(`all: false\n${text}`, file, environment, { allowProcess: true });
}

function configOf(...servers: ServerConfig[]): Config {
  return { ...read('servers: {}'), servers: new Map(servers.map((server) => [server.name, server])) };
}

const [demo] = read('servers:\n  demo: { image: example.org/demo, env: { A: 1, B: 2 } }').servers.values() as Iterable<ServerConfig>; // prettier-ignore
if (!demo) throw new Error('wanted a server');

/** What becomes of one server whose entry changes. */
function changeOf(after: ServerConfig, before = demo!): object {
  const { changed, resized, unchanged } = diffConfig(configOf(before), configOf(after));
  return { changed, resized, unchanged };
}

const view = {
  allow: undefined,
  deny: [],
  rename: new Map(),
  describe: new Map(),
  pin: new Map(),
  onChange: 'block',
} as const;

const replaced = (...keys: string[]): object => ({ changed: [{ name: 'demo', keys }], resized: [], unchanged: [] });
const resized = (...keys: string[]): object => ({ changed: [], resized: [{ name: 'demo', keys }], unchanged: [] });

describe('diffConfig()', () => {
  const replacing: [string, Partial<ServerConfig>][] = [
    ['source', { source: { kind: 'image', image: 'example.org/demo:2' } }],
    ['source', { source: { kind: 'build', context: '/srv/demo' } }],
    ['args', { args: ['--verbose'] }],
    ['env', { env: [{ name: 'A', value: '1', secret: false }] }],
    ['mounts', { mounts: [{ kind: 'volume', from: 'data', to: '/data', readOnly: false }] }],
    ['user', { user: '1000' }],
    ['sharing', { sharing: 'shared' }],
    ['network', { network: 'none' }],
    ['sandbox', { sandbox: 'strict' }],
    ['pull', { pull: 'always' }],
    ['resources', { resources: { ...demo.resources, cpus: 0.2 } }],
    ['startTimeout', { startTimeoutMs: 1 }],
    ['pingInterval', { pingIntervalMs: 1 }],
    ['modern', { modern: 'fallback' }],
    ['maxLineBytes', { maxLineBytes: 1 }],
    ['tools', { tools: { ...view, deny: ['x'] } }],
    ['replay', { replay: { ...demo.replay, events: 0 } }],
    ['disabled', { disabled: { code: 'SERVER_DISABLED', reason: 'API_KEY is not set' } }],
    ['pool.maxAge', { pool: { ...demo.pool, maxAgeMs: 1 } }],
  ];
  it.each(replacing)('replaces a server whose %s differs: %j', (key, change) => {
    expect(changeOf({ ...demo, ...change })).toEqual(replaced(key));
  });

  const sizes: [string, Partial<PoolConfig>][] = [
    ['pool.warm', { warm: 7 }],
    ['pool.min', { min: 7 }],
    ['pool.max', { max: 7 }],
    ['pool.maxOngoing', { maxOngoing: 7 }],
    ['pool.maxUses', { maxUses: 7 }],
    ['pool.queue', { queue: 7 }],
    ['pool.acquireTimeout', { acquireTimeoutMs: 7 }],
    ['pool.idleTimeout', { idleTimeoutMs: 7 }],
    ['pool.target', { scaling: { ...demo.pool.scaling, target: 7 } }],
    ['pool.upscaleDelay', { scaling: { ...demo.pool.scaling, upscaleDelayMs: 7 } }],
    ['pool.downscaleDelay', { scaling: { ...demo.pool.scaling, downscaleDelayMs: 7 } }],
    ['pool.lookBack', { scaling: { ...demo.pool.scaling, lookBackMs: 7 } }],
    ['pool.upscaleFactor', { scaling: { ...demo.pool.scaling, upscaleFactor: 7 } }],
    ['pool.downscaleFactor', { scaling: { ...demo.pool.scaling, downscaleFactor: 7 } }],
  ];
  it.each(sizes)('resizes a server whose %s differs: %j', (key, change) => {
    expect(changeOf({ ...demo, pool: { ...demo.pool, ...change } })).toEqual(resized(key));
  });

  it.each([
    ['callTimeout', { callTimeoutMs: 7 }],
    ['maxCallTime', { maxCallTimeMs: 7 }],
    ['inputTimeout', { inputTimeoutMs: 7 }],
  ])('resizes a server whose %s differs', (key, change) => {
    expect(changeOf({ ...demo, ...change })).toEqual(resized(key));
  });

  it('replaces a server of which a size and something else differ, and names both', () => {
    const pool = { ...demo.pool, max: 7 };
    expect(changeOf({ ...demo, pool, args: ['x'] })).toEqual(replaced('args', 'pool.max'));
  });

  it('finds a rotated secret, and says no more than that it is in env', () => {
    const text = 'servers:\n  demo: { image: example.org/demo, env: { KEY: "${KEY}" } }';
    const diff = diffConfig(read(text, { KEY: 'old-secret' }), read(text, { KEY: 'new-secret' }));
    expect(diff.changed).toEqual([{ name: 'demo', keys: ['env'] }]);
    expect(JSON.stringify(diff)).not.toContain('secret');
  });

  it('finds a server whose secret has come', () => {
    const text = 'servers:\n  demo: { image: example.org/demo, env: { KEY: "${KEY}" } }';
    expect(diffConfig(read(text), read(text, { KEY: 'x' })).changed).toEqual([
      { name: 'demo', keys: ['env', 'disabled'] },
    ]);
  });

  it('does not mind the order of variables, of servers, or how a file is written', () => {
    const before = read('servers:\n  a: { image: x/a, env: { A: 1, B: 2 } }\n  b: { image: x/b, callTimeout: 60s }');
    const after = read(
      '# new\nservers:\n  b: { callTimeout: 1m, image: x/b }\n  a:\n    image: x/a\n    env: { B: 2, A: 1 }',
    );
    const { unchanged, ...rest } = diffConfig(before, after);
    expect([...unchanged].sort()).toEqual(['a', 'b']);
    expect(Object.values(rest).flat()).toEqual([]);
  });

  it('follows what `defaults:` means for each server', () => {
    const servers = 'servers:\n  a: { image: x/a }\n  b: { image: x/b, pool: { max: 5 } }';
    const { resized: found, unchanged } = diffConfig(read(servers), read(`defaults: { pool: { max: 9 } }\n${servers}`));
    expect([found, unchanged]).toEqual([[{ name: 'a', keys: ['pool.max'] }], ['b']]);
  });

  it('finds what is new and what is gone', () => {
    const { added, removed, unchanged } = diffConfig(
      configOf(demo, { ...demo, name: 'gone' }),
      configOf({ ...demo, name: 'new' }, demo),
    );
    expect([added, removed, unchanged]).toEqual([['new'], ['gone'], ['demo']]);
  });

  it('takes a server under another name for another server', () => {
    const { added, removed } = diffConfig(configOf(demo), configOf({ ...demo, name: 'renamed' }));
    expect([added, removed]).toEqual([['renamed'], ['demo']]);
  });

  it.each([
    ['limits: { starts: 9 }', ['limits.starts'], []],
    ['limits: { sessions: 9, calls: 9, rounds: 9 }', ['limits.sessions', 'limits.calls', 'limits.rounds'], []],
    ['limits: { containers: 9, memory: 9g }', ['limits.containers', 'limits.memory'], []],
    ['listen: { allowedHosts: [a.example.com] }', ['listen.allowedHosts'], []],
    ['listen: { allowedOrigins: ["https://a.example.com"] }', ['listen.allowedOrigins'], []],
    ['listen: { maxBodyBytes: 9m }', ['listen.maxBodyBytes'], []],
    ['listen: { port: 9 }', [], ['listen.port']],
    ['listen: { host: 127.0.0.9, maxBodyBytes: 9m }', ['listen.maxBodyBytes'], ['listen.host']],
    ['listen: { insecureNoAuth: true }', [], ['listen.insecureNoAuth']],
    ['listen: { sse: true }', [], ['listen.sse']],
    ['engine: docker', [], ['engine']],
  ])('says of %j what changes in place and what waits for a restart', (text, adjusted, needsRestart) => {
    const diff = diffConfig(read('servers: {}'), read(`${text}\nservers: {}`));
    expect([diff.adjusted, diff.needsRestart]).toEqual([adjusted, needsRestart]);
  });
});

describe('withoutRestart()', () => {
  const inForce = read('servers: {}');
  const wanted = read(
    'engine: docker\nlisten: { port: 9, sse: true, maxBodyBytes: 9m }\nlimits: { sessions: 9 }\nservers:\n  a: { image: x/a }',
  );

  it('takes over all that can change now', () => {
    const { adjusted, needsRestart, added } = diffConfig(inForce, withoutRestart(inForce, wanted));
    expect([adjusted, needsRestart, added]).toEqual([['listen.maxBodyBytes', 'limits.sessions'], [], ['a']]);
  });

  it('leaves what waits for a restart to be found again by the next reload', () => {
    const { adjusted, needsRestart } = diffConfig(withoutRestart(inForce, wanted), wanted);
    expect([adjusted, needsRestart]).toEqual([[], ['engine', 'listen.port', 'listen.sse']]);
  });
});
