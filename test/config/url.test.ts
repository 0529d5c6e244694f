import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { diffConfig } from '../../src/config/diff.ts';
import type { Config, UrlSource } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gangway-url-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const parse = (entry: string, environment: NodeJS.ProcessEnv = {}): Config =>
  parseConfig(`servers: { a: { ${entry} } }`, path.join(folder, 'f.yaml'), environment, {});

const sourceOf = (config: Config): UrlSource => config.servers.get('a')?.source as UrlSource;

/** What an entry is refused with. */
function refusal(entry: string, environment: NodeJS.ProcessEnv = {}): string {
  try {
    parse(entry, environment);
  } catch (error) {
    if (!(error instanceof BridgeError) || error.code !== 'CONFIG_INVALID') throw error;
    return error.message;
  }
  return 'accepted';
}

describe('parseConfig(), url', () => {
  it.each([
    'https://mcp.example.com/mcp',
    'https://mcp.example.com:8443/a/b?team=x',
    'http://127.0.0.1:9000/mcp',
    'http://localhost/mcp',
    'http://[::1]:9000/mcp',
  ])('takes %s', (url) => {
    expect(sourceOf(parse(`url: "${url}"`))).toEqual({ kind: 'url', url, headers: [] });
  });

  it.each([
    ['http://mcp.example.com/mcp', 'url: wanted https://; plain http:// to another machine needs insecureHttp: true'],
    ['http://127.0.0.1.example.com/mcp', 'needs insecureHttp: true'],
    ['https://me:secret@mcp.example.com/mcp', 'url: has a user or password in it; wanted a secret in headers'],
    ['ftp://mcp.example.com', 'wanted an address such as https://mcp.example.com/mcp'],
    ['https://', 'wanted an address such as https://mcp.example.com/mcp'],
    ['https://mcp.example.com:99999/', 'wanted an address such as https://mcp.example.com/mcp'],
    ['https://mcp.example.com/#part', 'without a fragment'],
  ])('refuses %s', (url, message) => {
    expect(refusal(`url: "${url}"`)).toContain(message);
  });

  it('takes plain HTTP to another machine when it is allowed', () => {
    const { url } = sourceOf(parse('url: "http://10.0.0.7/mcp", insecureHttp: true'));
    expect(url).toBe('http://10.0.0.7/mcp');
  });

  it.each([
    'args: [x]',
    'env: { A: b }',
    'sharing: shared',
    'sandbox: strict',
    'pool: { warm: 1 }',
    'pingInterval: 5s',
    'inputTimeout: 5s',
  ])('refuses %s beside it', (key) => {
    expect(refusal(`url: "https://x.example/mcp", ${key}`)).toContain('is for servers that Gangway starts');
  });

  it('takes times, limits and replay beside it', () => {
    const keys =
      'startTimeout: 5s, callTimeout: 2m, maxLineBytes: 1m, replay: { events: 0 }, pool: { idleTimeout: 1m }';
    expect(refusal(`url: "https://x.example/mcp", ${keys}`)).toBe('accepted');
  });

  it.each(['image: x', 'command: [x]'])('refuses %s beside it', (key) => {
    expect(refusal(`url: "https://x.example/mcp", ${key}`)).toContain('wanted exactly one of');
  });
});

describe('parseConfig(), headers', () => {
  const url = 'url: "https://x.example/mcp"';

  it('fills secrets in from the environment and from files, and marks them', () => {
    const file = path.join(folder, 'token');
    writeFileSync(file, 'from-file\n');
    chmodSync(file, 0o600);
    const entry = `${url}, headers: { Authorization: "Bearer \${TOKEN}", X-Key: "file:token", X-Team: red }`;
    expect(sourceOf(parse(entry, { TOKEN: 'abc' })).headers).toEqual([
      { name: 'Authorization', value: 'Bearer abc', secret: true },
      { name: 'X-Key', value: 'from-file', secret: true },
      { name: 'X-Team', value: 'red', secret: false },
    ]);
  });

  it('switch the server off when a secret is missing', () => {
    const { disabled } = parse(`${url}, headers: { Authorization: "Bearer \${TOKEN}" }`).servers.get('a')!;
    expect(disabled?.reason).toBe('the environment variable TOKEN is not set');
  });

  it.each([
    ['Accept: x', 'is a header that the protocol needs'],
    ['mcp-session-id: x', 'is a header that the protocol needs'],
    ['X-A: 1, x-a: 2', 'is there twice'],
    ['"X A": 1', 'wanted a header name such as Authorization'],
  ])('refuses { %s }', (headers, message) => {
    expect(refusal(`${url}, headers: { ${headers} }`)).toContain(message);
  });

  it('does not show a value that cannot be one', () => {
    const message = refusal(`${url}, headers: { X-Key: "\${TOKEN}" }`, { TOKEN: 'sk-1\r\nX-Other: y' });
    expect([message.includes('wanted a value of one line'), message.includes('sk-1')]).toEqual([true, false]);
  });

  it.each(['headers: { X-A: b }', 'insecureHttp: true'])('is refused without url: %s', (key) => {
    expect(refusal(`image: x, ${key}`)).toContain('is for url; this server has none');
  });
});

describe('diffConfig()', () => {
  it('replaces a server whose secret is another one', () => {
    const entry = 'url: "https://x.example/mcp", headers: { Authorization: "${TOKEN}" }';
    const diff = diffConfig(parse(entry, { TOKEN: 'one' }), parse(entry, { TOKEN: 'two' }));
    expect([diff.changed, diff.resized]).toEqual([[{ name: 'a', keys: ['source'] }], []]);
  });
});
