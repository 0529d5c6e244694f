import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';

const shipped = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const servers = (name: string, environment: NodeJS.ProcessEnv, allowProcess = false) => [
  ...loadConfig(shipped(name), environment, { allowProcess }).servers.values(),
];
const disabled = (name: string, environment: NodeJS.ProcessEnv, allowProcess = false): string[] =>
  servers(name, environment, allowProcess)
    .filter((server) => server.disabled)
    .map((server) => server.name);

describe('servers.yaml', () => {
  it('names its schema in its first line', () => {
    expect(readFileSync(shipped('servers.yaml'), 'utf8').split('\n', 1)).toEqual([
      '# yaml-language-server: $schema=./servers.schema.json',
    ]);
  });

  it('loads', () => {
    expect(servers('servers.yaml', {}).length).toBeGreaterThan(0);
  });

  it('switches off only what lacks its secret', () => {
    expect(disabled('servers.yaml', {})).toEqual(['brave-search']);
  });

  it('switches nothing off once the secret is there', () => {
    expect(disabled('servers.yaml', { BRAVE_API_KEY: 'x' })).toEqual([]);
  });

  it('has Brave Search one to five times and Fetch twice, shared, with a fifth of a CPU each', () => {
    const [fetch, brave] = ['fetch', 'brave-search'].map((name) =>
      servers('servers.yaml', { BRAVE_API_KEY: 'x' }).find((server) => server.name === name),
    );
    const common = { sharing: 'shared', resources: { cpus: 0.2 } };
    expect(brave).toMatchObject({ ...common, pool: { min: 1, max: 5, scaling: { target: 10 } } });
    expect(fetch).toMatchObject({ ...common, pool: { min: 2, max: 2 } });
  });

  it('names the registry of every image', () => {
    const sources = servers('servers.yaml', {}).map(({ source }) => (source.kind === 'image' ? source.image : 'none'));
    expect(sources).toEqual(sources.filter((image) => /^[^/]+\.[^/]+\//.test(image)));
  });
});

describe('examples/http-apps/servers.yaml', () => {
  it('loads, with every document', () => {
    expect([
      servers('examples/http-apps/servers.yaml', {}).length,
      disabled('examples/http-apps/servers.yaml', {}),
    ]).toEqual([3, []]);
  });
});

describe('examples/embedded.yaml', () => {
  it('names its schema in its first line', () => {
    expect(readFileSync(shipped('examples/embedded.yaml'), 'utf8').split('\n', 1)).toEqual([
      '# yaml-language-server: $schema=../servers.schema.json',
    ]);
  });

  it('loads', () => {
    expect(servers('examples/embedded.yaml', {}, true).length).toBeGreaterThan(0);
  });

  it('switches nothing off when plain processes are allowed', () => {
    expect(disabled('examples/embedded.yaml', {}, true)).toEqual([]);
  });

  it('has plain processes only', () => {
    const kinds = servers('examples/embedded.yaml', {}).map(({ source }) => source.kind);
    expect(new Set(kinds)).toEqual(new Set(['command']));
  });
});

describe('examples/brave-search.yaml', () => {
  it('has three containers that all clients share, and needs its secret only', () => {
    const [server] = servers('examples/brave-search.yaml', { BRAVE_API_KEY: 'x' });
    expect(server).toMatchObject({ sharing: 'shared', pool: { min: 3, max: 3 }, disabled: undefined });
    expect(disabled('examples/brave-search.yaml', {})).toEqual(['brave-search']);
  });
});
