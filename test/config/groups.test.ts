import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import type { Config } from '../../src/config/config.ts';
import { diffConfig } from '../../src/config/diff.ts';
import { parseConfig } from '../../src/config/load.ts';

const servers = 'servers:\n  fetch: { image: x/fetch }\n  memory: { image: x/memory }\n';

const read = (text: string): Config => parseConfig(`${servers}${text}`, 'f.yaml', {}, {});

function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (!(error instanceof BridgeError) || error.code !== 'CONFIG_INVALID') throw error;
    return error.message;
  }
  return 'accepted';
}

const sourceOf = (text: string, group: string): unknown => read(text).groups.get(group)?.source;

describe('parseConfig(), groups,', () => {
  it('has an endpoint for all servers', () => {
    expect(sourceOf('', 'mcp')).toEqual({ kind: 'group', servers: undefined, separator: '__', listWaitMs: 2000 });
  });

  it('has none when `all` is false', () => {
    expect([...read('all: false').groups]).toEqual([]);
  });

  it('takes its settings', () => {
    expect(sourceOf('all: { separator: "-", listWait: 500ms }', 'mcp')).toMatchObject({
      separator: '-',
      listWaitMs: 500,
    });
  });

  it('takes a list of servers for a group, in its order', () => {
    expect(sourceOf('groups: { both: [memory, fetch] }', 'both')).toMatchObject({ servers: ['memory', 'fetch'] });
  });

  it('takes a mapping for a group', () => {
    const text = 'groups: { one: { servers: [fetch], separator: "." } }';
    expect(sourceOf(text, 'one')).toMatchObject({ servers: ['fetch'], separator: '.', listWaitMs: 2000 });
  });

  it('gives calls as long as the slowest server may take, its start included', () => {
    const slow = '  slow: { image: x, callTimeout: 5m, startTimeout: 40s, pool: { acquireTimeout: 10s } }\n';
    const { groups } = parseConfig(`${servers}${slow}groups: { quick: [fetch] }`, 'f.yaml', {}, {});
    const callTimes = ['mcp', 'quick'].map((name) => groups.get(name)?.callTimeoutMs);
    expect(callTimes).toEqual([350_000, 95_000]);
  });

  it('lets a session rest as long as any server allows, and live no longer than each', () => {
    const more = '  more: { image: x, pool: { idleTimeout: 1h, maxAge: 2h } }\n';
    const pool = parseConfig(`${servers}${more}`, 'f.yaml', {}, {}).groups.get('mcp')?.pool;
    expect(pool).toMatchObject({ idleTimeoutMs: 3_600_000, maxAgeMs: 7_200_000 });
  });

  it.each([
    ['a server that there is not', 'groups: { g: [fetch, memry] }', '4:22: groups.g.1: there is no server "memry"; did you mean "memory"?'],
    ['a group in a group', 'groups: { g: [fetch], h: [g] }', '4:27: groups.h.0: "g" is a group; wanted a server'],
    ['a server twice', 'groups: { g: [fetch, fetch] }', '4:22: groups.g.1: "fetch" is in it already'],
    ['no server', 'groups: { g: [] }', '4:11: groups.g: got no server, wanted at least one'],
    ['no server, in a mapping', 'groups: { g: { servers: [] } }', '4:16: groups.g.servers: got no server, wanted at least one'],
    ['a text', 'groups: { g: fetch }', '4:11: groups.g: got "fetch", wanted a list of servers such as [fetch, memory], or a mapping with servers'],
    ['the name of a server', 'groups: { fetch: [memory] }', '4:11: groups.fetch: the name "fetch" is taken by a server; wanted another one'],
    ['a name of Gangway’s own', 'groups: { mcp: [memory] }', '4:11: groups.mcp: the name "mcp" is taken by Gangway itself; wanted another one'],
    ['a name that is none', 'groups: { A: [memory] }', '4:11: groups.A: wanted a name of small letters, digits, ".", "_" and "-", at most 63 characters'],
    ['a separator that no tool name may have', 'all: { separator: "/" }', '4:8: all.separator: got "/", wanted one to eight letters, digits, "_", "." or "-", such as "__"'],
    ['a wait that is too long', 'all: { listWait: 2m }', '4:8: all.listWait: got "2m", wanted a duration such as "2s", from 0ms to 1m'],
    ['an unknown key', 'groups: { g: { servers: [fetch], seperator: "-" } }', '4:34: groups.g.seperator: unknown key; did you mean "separator"?'],
  ])('refuses %s', (_what, text, message) => {
    expect(refusal(text)).toBe(`f.yaml:${message}`);
  }); // prettier-ignore
});

describe('diffConfig(), groups,', () => {
  it('leaves the endpoint for all servers as it is when there is another server', () => {
    const after = parseConfig(`${servers}  more: { image: x/more }`, 'f.yaml', {}, {});
    expect(diffConfig(read(''), after)).toMatchObject({ added: ['more'], unchanged: ['fetch', 'memory', 'mcp'] });
  });

  it('replaces a group that has other servers', () => {
    const [before, after] = [read('groups: { g: [fetch] }'), read('groups: { g: [fetch, memory] }')];
    expect(diffConfig(before, after).changed).toEqual([{ name: 'g', keys: ['source'] }]);
  });
});

describe('parseConfig(), tools of a server,', () => {
  const tools = (text: string): string => `servers: { a: { image: x, tools: ${text} } }`;
  const viewOf = (text: string): unknown => parseConfig(tools(text), 'f.yaml', {}, {}).servers.get('a')?.tools;

  it('shows all without it', () => {
    expect(read('').servers.get('fetch')?.tools).toBeUndefined();
  });

  it('takes it all', () => {
    const pin = `sha256-${'A'.repeat(43)}`;
    const text = `{ allow: [get_*], deny: [get_x], rename: { get_a: a }, describe: { get_a: A }, pin: { get_a: ${pin} }, onChange: warn }`;
    expect(viewOf(text)).toEqual({
      ...{ allow: ['get_*'], deny: ['get_x'], onChange: 'warn' },
      ...{ rename: new Map([['get_a', 'a']]), describe: new Map([['get_a', 'A']]), pin: new Map([['get_a', pin]]) },
    });
  });

  it.each([
    ['two tools under one name', '{ rename: { b: x, c: x } }', 'servers.a.tools.rename.c: "x" is what "b" is called already'],
    ['a pin that is no digest', '{ pin: { b: sha256-x } }', 'servers.a.tools.pin.b: got "sha256-x", wanted a digest as `gangway tools NAME --pins` prints it'],
    ['a pattern that is no text', '{ allow: [1] }', 'servers.a.tools.allow.0: got 1, wanted the name of a tool'],
    ['an unknown key', '{ alow: [a] }', 'servers.a.tools.alow: unknown key; did you mean "allow"?'],
  ])('refuses %s', (_what, text, message) => {
    expect(() => viewOf(text)).toThrow(message);
  }); // prettier-ignore
});
