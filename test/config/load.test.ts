import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import type { Config, ServerConfig } from '../../src/config/config.ts';
import { loadConfig, parseConfig, type Overrides } from '../../src/config/load.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gangway-load-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const parse = (text: string, environment: NodeJS.ProcessEnv = {}, overrides: Overrides = {}): Config =>
  parseConfig(text, '/srv/gangway/f.yaml', environment, overrides);

/** The one server of a file, by what its entry says after its name. */
const server = (entry: string, above = '', overrides: Overrides = {}): ServerConfig =>
  parse(`${above}\nservers: { a: { ${entry} } }`, {}, overrides).servers.get('a')!;

/** What a file is refused with. */
function refusal(text: string, environment: NodeJS.ProcessEnv = {}, overrides: Overrides = {}): string {
  try {
    parseConfig(text, 'f.yaml', environment, overrides);
  } catch (error) {
    if (!(error instanceof BridgeError) || error.code !== 'CONFIG_INVALID') throw error;
    return error.message;
  }
  return 'accepted';
}

const ok = 'servers: { a: { image: x } }\n';
const one = (entry: string): string => `servers: { a: { ${entry} } }`;
const listen = (entry: string): string => `${ok}listen: { ${entry} }`;
const serverKeys =
  'image, build, package, command, openapi, app, url, headers, insecureHttp, args, env, mounts, user, tools, sharing, pool, resources, network, sandbox, pull, startTimeout, callTimeout, maxCallTime, pingInterval, maxLineBytes, replay, modern, inputTimeout';
const open =
  'can be reached from other machines and Gangway asks nobody who they are; wanted a loopback address, or insecureNoAuth: true (--insecure-no-auth)';

type Cases = readonly (readonly [what: string, text: string, message: string])[];

describe('parseConfig() refuses a file that', () => {
  const cases: Cases = [
    ['is empty', '', '1:1: servers: is missing, wanted a mapping of names to servers'],
    ['is null', 'null', '1:1: servers: is missing, wanted a mapping of names to servers'],
    ['is a text', 'hello', '1:1: got "hello", wanted a mapping'],
    ['has no servers', 'listen: {}', '1:1: servers: is missing, wanted a mapping of names to servers'],
    ['has empty servers', 'servers:', '1:1: servers: got null, wanted a mapping of names to servers'],
    ['has a server that is a text', 'servers: { a: x }', '1:12: servers.a: got "x", wanted a mapping'],
    ['has an empty section', `${ok}listen:`, '2:1: listen: got null, wanted a mapping'],
    ['has two documents', `${ok}---\na: b`, expect.stringMatching(/^f\.yaml:2:1: not valid YAML: /) as never],
  ];
  it.each(cases)('%s', (_what, text, message) => {
    expect(refusal(text)).toEqual(typeof message === 'string' ? `f.yaml:${message}` : message);
  });
});

describe('parseConfig() refuses YAML with', () => {
  const cases: Cases = [
    ['a mapping in a mapping', 'a: b: c', '1:4: not valid YAML: Nested mappings are not allowed in compact mappings'],
    ['a tab', '\ta: b', '1:1: not valid YAML: Tabs are not allowed as indentation'],
    ['an open quote', 'a: "b\n', '2:1: not valid YAML: Missing closing "quote'],
    [
      'a key that is there twice',
      'servers:\n  a: { image: x }\n  a: { image: y }',
      '3:3: not valid YAML: Map keys must be unique',
    ],
    ['an alias', 'servers: { a: &x { image: x }, b: *x }', '1:35: aliases are not allowed; write the value out'],
    ['an alias as a key', `x: &k servers\n*k : {}`, '2:1: aliases are not allowed; write the value out'],
    ['a merge key', one('<<: { image: x }'), `1:17: servers.a.<<: unknown key; known here: ${serverKeys}`],
    [
      'a merge key and an alias',
      'servers:\n  a: &x { image: x }\n  b: { <<: *x }',
      '3:12: aliases are not allowed; write the value out',
    ],
  ];
  it.each(cases)('%s', (_what, text, message) => {
    expect(refusal(text)).toBe(`f.yaml:${message}`);
  });
});

describe('parseConfig() refuses an unknown key', () => {
  const cases: Cases = [
    ['at the top, with the nearest', `${ok}servr: {}`, '2:1: servr: unknown key; did you mean "servers"?'],
    [
      'at the top, with all when none is near',
      `${ok}zzzzzzzzzz: {}`,
      '2:1: zzzzzzzzzz: unknown key; known here: listen, engine, limits, defaults, servers, groups, all',
    ],
    ['in listen', listen('prot: 1'), '2:11: listen.prot: unknown key; did you mean "port"?'],
    ['in limits', `${ok}limits: { start: 1 }`, '2:11: limits.start: unknown key; did you mean "starts"?'],
    ['in a server', one('imagee: x'), '1:17: servers.a.imagee: unknown key; did you mean "image"?'],
    [
      'in the pool of a server',
      one('image: x, pool: { maxx: 1 }'),
      '1:35: servers.a.pool.maxx: unknown key; did you mean "max"?',
    ],
    [
      'in the resources of a server',
      one('image: x, resources: { cpu: 1 }'),
      '1:40: servers.a.resources.cpu: unknown key; did you mean "cpus"?',
    ],
    [
      'in a mount',
      one('image: x, mounts: [{ from: ./d, to: /d, readonly: true }]'),
      '1:57: servers.a.mounts.0.readonly: unknown key; did you mean "readOnly"?',
    ],
    [
      'of one server in defaults',
      `${ok}defaults: { image: x }`,
      '2:13: defaults.image: unknown key; known here: sharing, pool, resources, network, sandbox, pull, startTimeout, callTimeout, maxCallTime, pingInterval, maxLineBytes, replay, modern, inputTimeout',
    ],
    [
      'in a server whose name is a number',
      'servers:\n  123: { imagee: x }',
      '2:10: servers.123.imagee: unknown key; did you mean "image"?',
    ],
    ['named __proto__', one('image: x, __proto__: {}'), '1:27: the key "__proto__" is not allowed'],
  ];
  it.each(cases)('%s', (_what, text, message) => {
    expect(refusal(text)).toBe(`f.yaml:${message}`);
  });
});

describe('parseConfig() refuses a value of the wrong kind', () => {
  const name = 'wanted a name of small letters, digits, ".", "_" and "-", at most 63 characters';
  const duration = 'wanted a duration such as "30s", from 100ms to 10m';
  const size = 'wanted a size such as "512m", from 6m to 1024g, or 0b (no limit)';
  const cpus = 'wanted a number of CPUs from 0.01 to 1024, or 0 (no limit)';
  const port = 'wanted a whole number from 0 to 65535';
  const hosts = 'wanted a list of host names';
  const origins = 'wanted a list of origins';
  const cases: Cases = [
    ['port as a text', listen('port: "8808"'), `2:11: listen.port: got "8808", ${port}`],
    ['port with a fraction', listen('port: 1.5'), `2:11: listen.port: got 1.5, ${port}`],
    ['port too high', listen('port: 65536'), `2:11: listen.port: got 65536, ${port}`],
    ['port too low', listen('port: -1'), `2:11: listen.port: got -1, ${port}`],
    ['port far too high, in one line', listen('port: 1e300'), `2:11: listen.port: got 1e+300, ${port}`],
    ['host empty', listen('host: ""'), '2:11: listen.host: got "", wanted an address such as 127.0.0.1'],
    [
      'insecureNoAuth: yes',
      listen('insecureNoAuth: yes'),
      '2:11: listen.insecureNoAuth: got "yes", wanted true or false',
    ],
    ['allowedHosts as a text', listen('allowedHosts: x'), `2:11: listen.allowedHosts: got "x", ${hosts}`],
    [
      'a host with a scheme',
      listen('allowedHosts: [ok, http://x]'),
      '2:30: listen.allowedHosts.1: got "http://x", wanted a host name without scheme or port',
    ],
    [
      'a host with a port',
      listen('allowedHosts: ["x:1"]'),
      '2:26: listen.allowedHosts.0: got "x:1", wanted a host name without scheme or port',
    ],
    ['allowedOrigins as a number', listen('allowedOrigins: 5'), `2:11: listen.allowedOrigins: got 5, ${origins}`],
    [
      'an origin with a path',
      listen('allowedOrigins: ["https://x/"]'),
      '2:28: listen.allowedOrigins.0: got "https://x/", wanted an origin such as https://app.example.com',
    ],
    [
      'an origin without a scheme',
      listen('allowedOrigins: [x]'),
      '2:28: listen.allowedOrigins.0: got "x", wanted an origin such as https://app.example.com',
    ],
    [
      'body size as a number',
      listen('maxBodyBytes: 1024'),
      '2:11: listen.maxBodyBytes: got 1024, wanted a size such as "4m", from 1k to 512m',
    ],
    ['another engine', `${ok}engine: nerdctl`, '2:1: engine: got "nerdctl", wanted "auto", "podman" or "docker"'],
    ['no starts', `${ok}limits: { starts: 0 }`, '2:11: limits.starts: got 0, wanted a whole number from 1 to 64'],
    ['a name in capitals', 'servers: { A: { image: x } }', `1:12: servers.A: ${name}`],
    ['a name with a slash', 'servers: { a/b: { image: x } }', `1:12: servers.a/b: ${name}`],
    ['a name that begins with a dot', 'servers: { .a: { image: x } }', `1:12: servers..a: ${name}`],
    ['a name that ends with a dash', 'servers: { a-: { image: x } }', `1:12: servers.a-: ${name}`],
    [
      'a name of 64 characters',
      `servers: { ${'a'.repeat(64)}: { image: x } }`,
      `1:12: servers.${'a'.repeat(64)}: ${name}`,
    ],
    ['an empty name', 'servers: { "": { image: x } }', `1:12: servers.: ${name}`],
    ['a name __proto__', 'servers: { __proto__: { image: x } }', '1:12: the key "__proto__" is not allowed'],
    [
      'an image that is an option',
      one('image: --privileged'),
      '1:17: servers.a.image: got "--privileged", wanted an image reference such as docker.io/mcp/fetch',
    ],
    [
      'an image with a space',
      one('image: a b'),
      '1:17: servers.a.image: got "a b", wanted an image reference such as docker.io/mcp/fetch',
    ],
    ['a build of nothing', one('build: ""'), '1:17: servers.a.build: got "", wanted a folder with a Containerfile'],
    [
      'a command as a text',
      one('command: node'),
      '1:17: servers.a.command: got "node", wanted a list such as [node, ./server.js]',
    ],
    ['a command of nothing', one('command: []'), '1:17: servers.a.command: got [], wanted at least the program'],
    [
      'a command with an empty program',
      one('command: [""]'),
      '1:27: servers.a.command.0: got "", wanted at least the program',
    ],
    ['args as a text', one('image: x, args: y'), '1:27: servers.a.args: got "y", wanted a list of texts'],
    ['an argument that is a number', one('image: x, args: [1]'), '1:34: servers.a.args.0: got 1, wanted a text'],
    ['env as a list', one('image: x, env: [A=b]'), '1:27: servers.a.env: wanted a mapping of variable names to values'],
    [
      'an env value that is a list',
      one('image: x, env: { A: [b] }'),
      '1:34: servers.a.env.A: wanted a text, number or boolean',
    ],
    [
      'an env value that is null',
      one('image: x, env: { A: }'),
      '1:34: servers.a.env.A: wanted a text, number or boolean',
    ],
    [
      'an env name with a dash',
      one('image: x, env: { A-B: c }'),
      '1:34: servers.a.env.A-B: wanted a variable name such as API_KEY',
    ],
    [
      'an env name with a digit first',
      one('image: x, env: { 1A: c }'),
      '1:34: servers.a.env.1A: wanted a variable name such as API_KEY',
    ],
    [
      'an env name with an equals sign',
      one('image: x, env: { "A=B": c }'),
      '1:34: servers.a.env.A=B: wanted a variable name such as API_KEY',
    ],
    [
      'an env value with NUL',
      one('image: x, env: { A: "b\\0c" }'),
      '1:34: servers.a.env.A: wanted a value without a NUL character',
    ],
    [
      'mounts as a mapping',
      one('image: x, mounts: {}'),
      '1:27: servers.a.mounts: got {}, wanted a list of { from, to }',
    ],
    ['a mount as a text', one('image: x, mounts: ["a:/b"]'), '1:36: servers.a.mounts.0: got "a:/b", wanted a mapping'],
    [
      'a mount without from',
      one('image: x, mounts: [{ to: /b }]'),
      '1:27: servers.a.mounts.0.from: is missing, wanted a volume name, or a path that begins with /, ./ or ../',
    ],
    [
      'a mount from the home',
      one('image: x, mounts: [{ from: ~/b, to: /b }]'),
      '1:38: servers.a.mounts.0.from: got "~/b", wanted a volume name, or a path that begins with /, ./ or ../',
    ],
    [
      'a mount with a comma',
      one('image: x, mounts: [{ from: "./a,b", to: /b }]'),
      '1:38: servers.a.mounts.0.from: got "./a,b", wanted a volume name or path without a comma',
    ],
    [
      'a mount to a relative path',
      one('image: x, mounts: [{ from: ./a, to: b }]'),
      '1:49: servers.a.mounts.0.to: got "b", wanted an absolute path in the container, not "/"',
    ],
    [
      'a mount to the root',
      one('image: x, mounts: [{ from: ./a, to: / }]'),
      '1:49: servers.a.mounts.0.to: got "/", wanted an absolute path in the container, not "/"',
    ],
    [
      'a user that is a number',
      one('image: x, user: 0'),
      '1:27: servers.a.user: got 0, wanted a user such as "1000:1000"',
    ],
    [
      'a user that is an option',
      one('image: x, user: --privileged'),
      '1:27: servers.a.user: got "--privileged", wanted a user such as "1000:1000"',
    ],
    [
      'the network of the host',
      one('image: x, network: host'),
      '1:27: servers.a.network: got "host", wanted "outbound" or "none"',
    ],
    [
      'another sandbox',
      one('image: x, sandbox: off'),
      '1:27: servers.a.sandbox: got "off", wanted "default" or "strict"',
    ],
    [
      'another pull',
      one('image: x, pull: newer'),
      '1:27: servers.a.pull: got "newer", wanted "missing", "always" or "never"',
    ],
    [
      'another sharing',
      one('image: x, sharing: all'),
      '1:27: servers.a.sharing: got "all", wanted "session" or "shared"',
    ],
    [
      'a duration without its unit',
      one('image: x, startTimeout: 30'),
      `1:27: servers.a.startTimeout: got 30, ${duration}`,
    ],
    [
      'a duration with another unit',
      one('image: x, startTimeout: 1d'),
      `1:27: servers.a.startTimeout: got "1d", ${duration}`,
    ],
    [
      'a duration that is too short',
      one('image: x, startTimeout: 99ms'),
      `1:27: servers.a.startTimeout: got "99ms", ${duration}`,
    ],
    [
      'a duration that is too long',
      one('image: x, startTimeout: 601s'),
      `1:27: servers.a.startTimeout: got "601s", ${duration}`,
    ],
    [
      'a size without its unit',
      one('image: x, resources: { memory: 512 }'),
      `1:40: servers.a.resources.memory: got 512, ${size}`,
    ],
    [
      'a size with another unit',
      one('image: x, resources: { memory: 1t }'),
      `1:40: servers.a.resources.memory: got "1t", ${size}`,
    ],
    [
      'a size with two units',
      one('image: x, resources: { memory: 9000000bb }'),
      `1:40: servers.a.resources.memory: got "9000000bb", ${size}`,
    ],
    [
      'a size that is too small',
      one('image: x, resources: { memory: 5m }'),
      `1:40: servers.a.resources.memory: got "5m", ${size}`,
    ],
    [
      'fewer CPUs than none',
      one('image: x, resources: { cpus: -1 }'),
      `1:40: servers.a.resources.cpus: got -1, ${cpus}`,
    ],
    [
      'hardly any CPU',
      one('image: x, resources: { cpus: 0.001 }'),
      `1:40: servers.a.resources.cpus: got 0.001, ${cpus}`,
    ],
    [
      'CPUs as a text',
      one('image: x, resources: { cpus: half }'),
      `1:40: servers.a.resources.cpus: got "half", ${cpus}`,
    ],
    [
      'half a process',
      one('image: x, resources: { pids: 0.5 }'),
      '1:40: servers.a.resources.pids: got 0.5, wanted a whole number from 0 to 4194304',
    ],
    [
      'a pool of none',
      one('image: x, pool: { max: 0 }'),
      '1:35: servers.a.pool.max: got 0, wanted a whole number from 1 to 10000',
    ],
    [
      'a limit in defaults',
      `${ok}defaults: { pool: { max: 0 } }`,
      '2:21: defaults.pool.max: got 0, wanted a whole number from 1 to 10000',
    ],
    [
      'a binary value, shortly',
      one('image: !!binary aGVsbG8='),
      '1:17: servers.a.image: wanted an image reference such as docker.io/mcp/fetch',
    ],
  ];
  it.each(cases)('%s', (_what, text, message) => {
    expect(refusal(text)).toBe(`f.yaml:${message}`);
  });

  it('says one thing about a mount from nowhere', () => {
    expect(refusal(one('image: x, mounts: [{ from: "", to: /b }]')).split('\n')).toHaveLength(1);
  });
});

describe('parseConfig() refuses what contradicts itself', () => {
  const cases: Cases = [
    [
      'no source',
      one(''),
      '1:12: servers.a: got none of them, wanted exactly one of image, build, package, command, openapi, app, url',
    ],
    [
      'image and build',
      one('image: x, build: y'),
      '1:12: servers.a: got image and build, wanted exactly one of image, build, package, command, openapi, app, url',
    ],
    [
      'image and command',
      one('image: x, command: [y]'),
      '1:12: servers.a: got image and command, wanted exactly one of image, build, package, command, openapi, app, url',
    ],
    [
      'all three sources',
      one('image: x, build: y, command: [z]'),
      '1:12: servers.a: got image and build and command, wanted exactly one of image, build, package, command, openapi, app, url',
    ],
    [
      'more warm than max',
      one('image: x, pool: { warm: 3, max: 2 }'),
      '1:35: servers.a.pool.warm: got 3, wanted at most pool.max (2)',
    ],
    [
      'more min than max',
      one('image: x, sharing: shared, pool: { min: 3, max: 2 }'),
      '1:52: servers.a.pool.min: got 3, wanted at most pool.max (2)',
    ],
    [
      'warm for a shared server',
      one('image: x, sharing: shared, pool: { warm: 3 }'),
      '1:52: servers.a.pool.warm: is for sharing: session; this server has sharing: shared',
    ],
    [
      'a target for a server with sharing: session',
      one('image: x, pool: { target: 3 }'),
      '1:35: servers.a.pool.target: is for sharing: shared; this server has sharing: session',
    ],
    [
      'more warm in defaults than max of a server',
      `defaults: { pool: { warm: 3 } }\n${one('image: x, pool: { max: 2 }')}`,
      '2:27: servers.a.pool.warm: got 3, wanted at most pool.max (2)',
    ],
    [
      'a call longer than its limit',
      one('image: x, callTimeout: 5m, maxCallTime: 1m'),
      '1:44: servers.a.maxCallTime: wanted at least callTimeout',
    ],
    ['the host, open to all', listen('host: 0.0.0.0'), `2:11: listen.host: "0.0.0.0" ${open}`],
    ['the host, open to all in IPv6', listen('host: "::"'), `2:11: listen.host: "::" ${open}`],
    ['the host, a name', listen('host: bridge.example.com'), `2:11: listen.host: "bridge.example.com" ${open}`],
    [
      'a name with two underscores',
      'servers: { a__b: { image: x } }',
      '1:12: servers.a__b: wanted a name without "__"',
    ],
    [
      'a mount of /etc',
      one('image: x, mounts: [{ from: /etc, to: /b }]'),
      '1:38: servers.a.mounts.0.from: gives the server /etc of the host; wanted a folder of its own',
    ],
    [
      'a mount of a socket',
      one('image: x, mounts: [{ from: /srv/docker.sock, to: /b }]'),
      '1:38: servers.a.mounts.0.from: is a socket; wanted a folder or a plain file',
    ],
    [
      'a mount of a relative way to /etc',
      one('image: x, mounts: [{ from: ./../../../../../../../../etc, to: /b }]'),
      '1:38: servers.a.mounts.0.from: gives the server /etc of the host; wanted a folder of its own',
    ],
  ];
  it.each(cases)('%s', (_what, text, message) => {
    expect(refusal(text)).toBe(`f.yaml:${message}`);
  });

  it.each(['mcp', 'healthz', 'readyz', 'status', 'metrics', 'admin', 'assets'])('the reserved name %s', (name) => {
    expect(refusal(`servers: { ${name}: { image: x } }`)).toBe(
      `f.yaml:1:12: servers.${name}: the name "${name}" is taken by Gangway itself; wanted another one`,
    );
  });

  it.each(['mounts: []', 'user: a', 'network: none', 'sandbox: strict', 'pull: never', 'resources: {}', 'args: []'])(
    'a command with %s',
    (key) => {
      expect(refusal(one(`command: [y], ${key}`))).toBe(
        `f.yaml:1:31: servers.a.${key.split(':', 1)[0]}: is for containers; a command runs as a plain process`,
      );
    },
  );

  it.each([
    'PATH',
    'HOME',
    'TMPDIR',
    'LD_PRELOAD',
    'GODEBUG',
    'DOCKER_HOST',
    'DOCKER_CONFIG',
    'CONTAINER_HOST',
    'CONTAINERS_CONF',
    'XDG_RUNTIME_DIR',
    'SSH_AUTH_SOCK',
    'NOTIFY_SOCKET',
    'PODMAN_USERNS',
    'STORAGE_DRIVER',
    'STORAGE_OPTS',
    'REGISTRY_AUTH_FILE',
  ])('a secret in %s, which steers the engine', (name) => {
    expect(refusal(one(`image: x, env: { ${name}: '\${S}' }`), { S: 'hunter22' })).toBe(
      `f.yaml:1:34: servers.a.env.${name}: steers the engine’s own client, so it cannot be a secret; wanted a plain value or another name`,
    );
  });

  it('a host from the command line, open to all', () => {
    expect(refusal(ok, {}, { host: '0.0.0.0' })).toContain(`"0.0.0.0" ${open}`);
  });
});

describe('parseConfig() names', () => {
  it('every mistake, one in a line', () => {
    expect(refusal('servers:\n  a: { imagee: x }\n  b: { user: 0 }\nlisten: { port: x }').split('\n')).toEqual([
      'f.yaml:4:11: listen.port: got "x", wanted a whole number from 0 to 65535',
      'f.yaml:2:8: servers.a.imagee: unknown key; did you mean "image"?',
      'f.yaml:3:8: servers.b.user: got 0, wanted a user such as "1000:1000"',
    ]);
  });

  it('at most 60 characters of a long value', () => {
    expect(refusal(listen(`port: ${'x'.repeat(200)}`))).toBe(
      `f.yaml:2:11: listen.port: got "${'x'.repeat(56)}…, wanted a whole number from 0 to 65535`,
    );
  });
});

describe('parseConfig() shows no value of an env in an error:', () => {
  const inEnv = (value: string): string => `servers:\n  a:\n    image: x\n    env:\n      TOKEN: ${value}\n`;
  it.each([
    ['a list', inEnv('[hunter22]')],
    ['a mapping', inEnv('{ hunter22: hunter22 }')],
    ['a NUL', inEnv('"hunter22\\0"')],
    ['a block header', inEnv('|hunter22')],
    ['an alias', inEnv('*hunter22')],
    ['an anchor of its own', inEnv('&hunter22 *hunter22')],
    ['an open quote', inEnv('"hunter22')],
    ['a bad escape', inEnv('"\\qhunter22"')],
    ['text after a quote', inEnv('"a"hunter22')],
    ['a reserved character', inEnv('@hunter22')],
    ['a percent sign', inEnv('%hunter22')],
    ['a colon', inEnv('a: hunter22')],
    ['a bracket', inEnv('[hunter22')],
    ['a closing bracket', inEnv(']hunter22')],
    ['a second line', inEnv('""\n     hunter22')],
    ['the same key twice', inEnv('hunter22\n      TOKEN: hunter22')],
    ['env as a list', one('image: x, env: [TOKEN=hunter22]')],
    ['env as a text', one('image: x, env: TOKEN=hunter22')],
    ['env in a misspelt key', one('image: x, envs: { TOKEN: hunter22 }')],
    ['env in defaults', `${ok}defaults: { env: { TOKEN: hunter22 } }`],
    ['env outside a server', `${ok}env: { TOKEN: hunter22 }`],
    ['servers as a list', 'servers:\n  - { name: a, env: { TOKEN: hunter22 } }'],
    ['a server as a list', 'servers: { a: [{ env: { TOKEN: hunter22 } }] }'],
    ['the file as a list', '- servers: { a: { env: { TOKEN: hunter22 } } }'],
    ['a server as a list, from the environment', "servers: { a: [{ env: { TOKEN: '${S}' } }] }"],
    ['a variable that steers the engine', one("image: x, env: { PATH: '${S}' }")],
  ])('%s', (_what, text) => {
    expect(refusal(text, { S: 'hunter22' })).toMatch(/^(?!accepted)(?!.*hunter22)/s);
  });
});

describe('parseConfig() fills in', () => {
  it('all defaults of a server', () => {
    expect(server('image: x')).toEqual({
      name: 'a',
      source: { kind: 'image', image: 'x' },
      args: [],
      env: [],
      mounts: [],
      user: undefined,
      sharing: 'session',
      network: 'outbound',
      sandbox: 'default',
      pull: 'missing',
      resources: { cpus: 1, memoryBytes: 536_870_912, pids: 128 },
      pool: {
        ...{ warm: 1, min: 1, max: 20, maxOngoing: 20, maxUses: 0, queue: 100 },
        ...{ acquireTimeoutMs: 5000, idleTimeoutMs: 600_000, maxAgeMs: 28_800_000 },
        scaling: {
          ...{ target: 10, upscaleDelayMs: 1000, downscaleDelayMs: 300_000, lookBackMs: 5000 },
          ...{ upscaleFactor: 1, downscaleFactor: 1 },
        },
      },
      startTimeoutMs: 30_000,
      callTimeoutMs: 60_000,
      maxCallTimeMs: 600_000,
      pingIntervalMs: 15_000,
      modern: 'auto',
      inputTimeoutMs: 300_000,
      maxLineBytes: 33_554_432,
      replay: { events: 1000, bytes: 4_194_304, ageMs: 300_000 },
      disabled: undefined,
    });
  });

  it('all defaults of listen', () => {
    expect(parse(ok).listen).toEqual({
      host: '127.0.0.1',
      port: 8808,
      insecureNoAuth: false,
      allowedHosts: [],
      allowedOrigins: [],
      maxBodyBytes: 4_194_304,
      sse: false,
    });
  });

  it('the default engine', () => {
    expect(parse(ok).engine).toBe('auto');
  });

  it('the default limits', () => {
    expect(parse(ok).limits).toEqual({
      starts: 4,
      sessions: 1000,
      calls: 5000,
      rounds: 1000,
      containers: 250,
      memoryBytes: 0,
    });
  });

  it('the absolute name of the file', () => {
    expect(parseConfig(ok, 'conf/f.yaml', {}, {}).file).toBe(path.resolve('conf/f.yaml'));
  });

  it('a server from `defaults:`', () => {
    expect(server('image: x', 'defaults: { startTimeout: 1s }').startTimeoutMs).toBe(1000);
  });

  it('a server from its own entry before `defaults:`', () => {
    expect(server('image: x, startTimeout: 2s', 'defaults: { startTimeout: 1s }').startTimeoutMs).toBe(2000);
  });

  it('a pool key by key', () => {
    const { pool } = server('image: x, pool: { warm: 2 }', 'defaults: { pool: { max: 5, warm: 3 } }');
    expect(pool).toMatchObject({ warm: 2, max: 5, queue: 100 });
  });

  it('resources key by key', () => {
    const { resources } = server('image: x, resources: { cpus: 0 }', 'defaults: { resources: { pids: 7, cpus: 2 } }');
    expect(resources).toEqual({ cpus: 0, memoryBytes: 536_870_912, pids: 7 });
  });

  it('0 for memory, without a limit', () => {
    expect(server('image: x, resources: { memory: 0b }').resources.memoryBytes).toBe(0);
  });

  it('twice the target as maxOngoing that nobody wrote', () => {
    expect(server('image: x, sharing: shared, pool: { target: 3.5 }').pool.maxOngoing).toBe(7);
    expect(server('image: x, sharing: shared, pool: { target: 0.1 }').pool.maxOngoing).toBe(1);
    expect(server('image: x, sharing: shared, pool: { target: 4, maxOngoing: 5 }').pool.maxOngoing).toBe(5);
  });

  it('a min that nobody wrote, within max', () => {
    expect(server('image: x, sharing: shared, pool: { max: 1 }').pool).toMatchObject({ min: 1, max: 1 });
  });

  it('a warm that nobody wrote, within max', () => {
    expect(server('image: x, pool: { max: 1 }', 'defaults: { pool: { queue: 3 } }').pool.warm).toBe(1);
  });

  it('a maxCallTime that nobody wrote, from a longer callTimeout', () => {
    expect(server('image: x, callTimeout: 1h').maxCallTimeMs).toBe(3_600_000);
  });

  it('no network for a strict sandbox', () => {
    expect(server('image: x, sandbox: strict').network).toBe('none');
  });

  it('the network that is written, for a strict sandbox too', () => {
    expect(server('image: x, sandbox: strict, network: outbound').network).toBe('outbound');
  });

  it.each([
    ['A: b', 'b'],
    ['A: ""', ''],
    ['A: 5', '5'],
    ['A: true', 'true'],
    ['A: TRUE', 'TRUE'],
    ['A: 007', '007'],
    ['A: 1.10', '1.10'],
    ['A: 0x10', '0x10'],
    ['A: 12345678901234567890', '12345678901234567890'],
  ])('an env value as it is written: %s', (entry, value) => {
    expect(server(`image: x, env: { ${entry} }`).env).toEqual([{ name: 'A', value, secret: false }]);
  });

  it.each([
    ['./d', { kind: 'bind', from: '/srv/gangway/d' }],
    ['../d', { kind: 'bind', from: '/srv/d' }],
    ['.', { kind: 'bind', from: '/srv/gangway' }],
    ['/srv/d', { kind: 'bind', from: '/srv/d' }],
    ['data', { kind: 'volume', from: 'data' }],
  ])('a mount from %s', (from, mount) => {
    expect(server(`image: x, mounts: [{ from: ${from}, to: /d }]`).mounts).toEqual([
      { ...mount, to: '/d', readOnly: false },
    ]);
  });

  it('a build folder from the folder of the file', () => {
    expect(server('build: ./b').source).toEqual({ kind: 'build', context: '/srv/gangway/b' });
  });

  it.each([
    ['./b', '/srv/gangway/b'],
    ['../b', '/srv/b'],
    ['node', 'node'],
    ['/bin/b', '/bin/b'],
  ])('the program %s of a command', (program, absolute) => {
    expect(server(`command: [${program}, ./c]`).source).toEqual({
      kind: 'command',
      command: [absolute, './c'],
      cwd: '/srv/gangway',
    });
  });
});

describe('parseConfig() switches off', () => {
  it('a command unless plain processes are allowed', () => {
    expect(server('command: [b]').disabled).toEqual({
      code: 'SERVER_DISABLED',
      reason: 'it runs a plain process on this host, which needs --allow-process',
    });
  });

  it('no command when plain processes are allowed', () => {
    expect(server('command: [b]', '', { allowProcess: true }).disabled).toBeUndefined();
  });

  const half = "servers:\n  a: { image: x, env: { A: '${MISSING}' } }\n  b: { image: x, env: { B: c } }";

  it('a server whose env names a variable that is not set', () => {
    expect(parse(half).servers.get('a')?.disabled).toEqual({
      code: 'SERVER_DISABLED',
      reason: 'the environment variable MISSING is not set',
    });
  });

  it('only that server', () => {
    expect(parse(half).servers.get('b')?.disabled).toBeUndefined();
  });
});

describe('parseConfig() lets the command line', () => {
  const file = `${ok}listen: { host: 127.0.0.2, port: 1 }\nengine: podman`;

  it('change the host', () => {
    expect(parse(file, {}, { host: '127.0.0.3' }).listen.host).toBe('127.0.0.3');
  });

  it('change the port, to 0 too', () => {
    expect(parse(file, {}, { port: 0 }).listen.port).toBe(0);
  });

  it('change the engine', () => {
    expect(parse(file, {}, { engine: 'docker' }).engine).toBe('docker');
  });

  it('open it to all', () => {
    expect(parse(file, {}, { host: '0.0.0.0', insecureNoAuth: true }).listen).toMatchObject({
      host: '0.0.0.0',
      insecureNoAuth: true,
    });
  });

  it('leave the rest as it is', () => {
    expect(parse(file, {}, { allowProcess: true }).listen).toMatchObject({ host: '127.0.0.2', port: 1 });
  });
});

describe('parseConfig() gives', () => {
  it('servers in the order of the file', () => {
    const text = 'servers: { z: { image: x }, a: { image: x }, m: { image: x } }';
    expect([...parse(text).servers.keys()]).toEqual(['z', 'a', 'm']);
  });

  it('a host open to all when the file asks for it', () => {
    expect(parse(listen('host: 0.0.0.0, insecureNoAuth: true')).listen.host).toBe('0.0.0.0');
  });

  it('a result that is frozen, whole', () => {
    const config = parse(one('image: x, args: [a], env: { A: b }, mounts: [{ from: ./d, to: /d }]'));
    expect(thawed(config)).toEqual([]);
  });
});

/** The places in a value that are not frozen. */
function thawed(value: unknown, place = 'config'): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const parts = value instanceof Map ? [...(value as Map<string, unknown>)] : Object.entries(value);
  const below = parts.flatMap(([key, part]) => thawed(part, `${place}.${key}`));
  return Object.isFrozen(value) ? below : [place, ...below];
}

describe('loadConfig()', () => {
  it('reads a file', () => {
    const file = path.join(folder, 'good.yaml');
    writeFileSync(file, `\ufeff${ok}`);
    expect(loadConfig(file, {}).servers.size).toBe(1);
  });

  it.each([
    ['is not there', 'absent.yaml', 'ENOENT'],
    ['is a folder', '.', 'EISDIR'],
  ])('names a file that %s', (_what, name, code) => {
    const file = path.join(folder, name);
    expect(() => loadConfig(file, {})).toThrow(
      new BridgeError(
        'CONFIG_INVALID',
        `${file}: cannot be read (${code}); wanted a readable servers.yaml (see --config)`,
      ),
    );
  });
});

describe('parseConfig() takes a package', () => {
  const source = (entry: string, overrides: Overrides = {}): ServerConfig['source'] =>
    server(entry, '', overrides).source;
  const node = { base: 'docker.io/library/node:22-bookworm-slim', scripts: false };

  it('of npm, in a stock Node image, without install scripts', () => {
    expect(source('package: npm:@team/x@1.2.3-rc.1')).toEqual({
      ...{ kind: 'package', registry: 'npm', name: '@team/x', version: '1.2.3-rc.1', ...node },
    });
  });

  it('of PyPI, in a stock Python image', () => {
    expect(source('package: pypi:Mcp.Server_time@2025.9.25')).toEqual({
      ...{ kind: 'package', registry: 'pypi', name: 'Mcp.Server_time', version: '2025.9.25', scripts: false },
      base: 'docker.io/library/python:3.13-slim-bookworm',
    });
  });

  it('with what is seldom needed', () => {
    expect(source('package: { npm: x@1.0.0, bin: y, base: r.example/node, scripts: true }')).toEqual({
      ...{ kind: 'package', registry: 'npm', name: 'x', version: '1.0.0' },
      ...{ base: 'r.example/node', scripts: true, bin: 'y' },
    });
  });

  it('that may be a plain process, when those are allowed and it asks for no sandbox', () => {
    const plainIn = (entry: string, allowProcess = true): unknown =>
      (source(`package: npm:x@1.0.0${entry}`, { allowProcess }) as { plainIn?: string }).plainIn;
    expect(plainIn('')).toBe('/srv/gangway');
    expect(plainIn('', false)).toBeUndefined();
    for (const entry of ['user: "1"', 'network: none', 'sandbox: strict', 'resources: { pids: 9 }', 'mounts: []'])
      expect(plainIn(`, ${entry}`)).toBeUndefined();
  });

  const exactly =
    'wanted npm:NAME@VERSION or pypi:NAME@VERSION, with an exact version such as 1.2.3: what runs must not change by itself';
  const name = 'wanted NAME@VERSION, with an exact version such as 1.2.3: what runs must not change by itself';
  it.each([
    ['without a version', 'package: npm:x', `1:17: servers.a.package: got "npm:x", ${exactly}`],
    ['of a tag', 'package: npm:x@latest', `1:17: servers.a.package: got "npm:x@latest", ${exactly}`],
    ['of a range', 'package: npm:x@^1.2.3', `1:17: servers.a.package: got "npm:x@^1.2.3", ${exactly}`],
    ['of nowhere', 'package: x@1.2.3', `1:17: servers.a.package: got "x@1.2.3", ${exactly}`],
    ['that is a flag', 'package: "npm:--x@1.2.3"', `1:17: servers.a.package: got "npm:--x@1.2.3", ${exactly}`],
    [
      'that is a number',
      'package: 1',
      `1:17: servers.a.package: got 1, ${exactly.replace('itself', 'itself; or a mapping with npm or pypi')}`,
    ],
    ['in a mapping, without a version', 'package: { npm: x }', `1:28: servers.a.package.npm: got "x", ${name}`],
    [
      'in a mapping, of nowhere',
      'package: { bin: x }',
      '1:17: servers.a.package: got none of them, wanted exactly one of npm, pypi',
    ],
    [
      'of both',
      'package: { npm: x@1.0.0, pypi: x@1.0 }',
      '1:17: servers.a.package: got npm and pypi, wanted exactly one of npm, pypi',
    ],
    [
      'with an unknown key',
      'package: { npm: x@1.0.0, bins: x }',
      '1:42: servers.a.package.bins: unknown key; did you mean "bin"?',
    ],
  ])('but none %s', (_, entry, message) => {
    expect(refusal(one(entry))).toBe(`f.yaml:${message}`);
  });
});
