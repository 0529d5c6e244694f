import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';

const read = (text: string): Config => parseConfig(text, 'f.yaml', {}, { allowProcess: true });
const one = (entry: string, above = ''): string => `${above}\nservers: { a: { ${entry} } }`;
const choiceOf = (entry: string, above = ''): unknown => read(one(entry, above)).servers.get('a')?.modern;
const groupOf = (text: string, name: string): unknown =>
  read(`${text}\nservers: { a: { image: x } }`).groups.get(name)?.modern;

function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (!(error instanceof BridgeError) || error.code !== 'CONFIG_INVALID') throw error;
    return error.message.replace(/^f\.yaml:\d+:\d+: /, '');
  }
  return 'accepted';
}

const app = 'app: { baseUrl: "http://127.0.0.1:9000", tools: {} }';
const url = 'url: "https://x.example/mcp"';

describe('parseConfig(), modern,', () => {
  it.each([
    ['translate', 'image: x, sharing: shared'],
    ['translate', app],
    ['per-call', 'image: x'],
    ['per-call', 'command: [x]'],
    ['fallback', 'image: x, sharing: shared'],
    ['fallback', url],
    ['auto', url],
  ])('takes %s for { %s }', (choice, entry) => {
    expect(choiceOf(`${entry}, modern: ${choice}`)).toBe(choice);
  });

  it.each([
    ['translate', 'image: x', 'is for sharing: shared; this server has sharing: session'],
    ['per-call', 'image: x, sharing: shared', 'is for sharing: session; this server has sharing: shared'],
    ['per-call', app, 'is for servers that Gangway starts; this one runs already'],
    ['per-call', url, 'is not for url; wanted "auto" or "fallback"'],
    ['translate', url, 'is not for url; wanted "auto" or "fallback"'],
  ])('refuses %s for { %s }', (choice, entry, message) => {
    expect(refusal(one(`${entry}, modern: ${choice}`))).toBe(`servers.a.modern: "${choice}" ${message}`);
  });

  it('refuses a word that it does not know', () => {
    expect(refusal(one('image: x, modern: relay'))).toBe(
      'servers.a.modern: got "relay", wanted "auto", "translate", "per-call" or "fallback"',
    );
  });

  it.each([
    ['translate', 'image: x, sharing: shared', 'translate'],
    ['translate', 'image: x', 'auto'],
    ['per-call', url, 'auto'],
    ['fallback', url, 'fallback'],
  ])('takes %s of `defaults:` for { %s } where it fits: %s', (choice, entry, wanted) => {
    expect(choiceOf(entry, `defaults: { modern: ${choice} }`)).toBe(wanted);
  });

  it('takes an own entry before `defaults:`', () => {
    expect(choiceOf('image: x, modern: auto', 'defaults: { modern: fallback }')).toBe('auto');
  });

  it.each([
    ['', 'mcp', 'auto'],
    ['all: { modern: fallback }', 'mcp', 'fallback'],
    ['groups: { g: { servers: [a], modern: fallback } }', 'g', 'fallback'],
    ['groups: { g: [a] }', 'g', 'auto'],
    ['defaults: { modern: fallback }', 'mcp', 'fallback'],
    ['defaults: { modern: per-call }', 'mcp', 'auto'],
  ])('makes of { %s } for the group %s: %s', (text, name, wanted) => {
    expect(groupOf(text, name)).toBe(wanted);
  });

  it('refuses per-call for a group', () => {
    expect(refusal('groups: { g: { servers: [a], modern: per-call } }\nservers: { a: { image: x } }')).toBe(
      'groups.g.modern: got "per-call", wanted "auto" or "fallback"',
    );
  });
});

describe('parseConfig(), inputTimeout,', () => {
  it('is that of the most patient of its servers for a group', () => {
    const { groups } = read('servers: { a: { image: x, inputTimeout: 9m }, b: { image: x } }');
    expect(groups.get('mcp')?.inputTimeoutMs).toBe(540_000);
  });

  it.each(['999ms', '25h'])('refuses %s', (text) => {
    expect(refusal(one(`image: x, inputTimeout: ${text}`))).toBe(
      `servers.a.inputTimeout: got "${text}", wanted a duration such as "5m", from 1s to 24h`,
    );
  });
});
