import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ToolsConfig } from '../../src/config/config.ts';
import { pinOf, ToolView } from '../../src/relay/tool-view.ts';

const all: ToolsConfig = {
  ...{ allow: undefined, deny: [], onChange: 'block' as const },
  ...{ rename: new Map(), describe: new Map(), pin: new Map() },
};

function view(config: Partial<ToolsConfig>): ToolView {
  return new ToolView({ ...all, ...config });
}

const text = '{"name":"get_page", "description":"Gets.","inputSchema":{"type":"object","maximum":1.0}}';

describe('ToolView.originalOf()', () => {
  it.each([
    [{}, 'get_page', 'get_page'],
    [{ allow: ['get_*'] }, 'get_page', 'get_page'],
    [{ allow: ['get_*'] }, 'set_page', undefined],
    [{ deny: ['*_page'] }, 'get_page', undefined],
    [{ allow: ['get_*'], deny: ['get_page'] }, 'get_page', undefined],
    [{ allow: ['a*b*c'] }, 'a-b-b-c', 'a-b-b-c'],
    [{ allow: ['a*b*c'] }, 'a-c-b', undefined],
    [{ allow: ['*'] }, 'x', 'x'],
    [{ allow: ['ab*ba'] }, 'aba', undefined],
    [{ allow: [] }, 'x', undefined],
    [{ rename: new Map([['get_page', 'page']]) }, 'page', 'get_page'],
    [{ rename: new Map([['get_page', 'page']]) }, 'get_page', undefined],
    [{ rename: new Map([['get_page', 'page']]), deny: ['get_page'] }, 'page', undefined],
    [{ rename: new Map([['a', 'b'], ['b', 'a']]) }, 'a', 'b'], // prettier-ignore
  ] as const)('with %j, knows %j as %j', (config, shown, original) => {
    expect(view(config as Partial<ToolsConfig>).originalOf(shown)).toBe(original);
  });

  it('takes no more time for a pattern with many stars than for one with none', () => {
    const config = { allow: [`${'*a'.repeat(5000)}b`] };
    expect(view(config).originalOf('a'.repeat(20_000))).toBeUndefined();
  });
});

describe('ToolView.see()', () => {
  it('shows a tool as it was written', () => {
    expect(view({}).see(text)).toEqual({ kind: 'shown', text });
  });

  it('changes name and description, and nothing else', () => {
    const rename = new Map([['get_page', 'page']]);
    const describing = new Map([['get_page', 'Better.']]);
    expect(view({ rename, describe: describing }).see(text)).toEqual({
      kind: 'shown',
      text: '{"name":"page","description":"Better.","inputSchema":{"type":"object","maximum":1.0}}',
    });
  });

  it('hides a tool under whose name another one is shown', () => {
    const rename = new Map([['other', 'get_page']]);
    expect(view({ rename }).see(text)).toEqual({ kind: 'hidden' });
  });

  it.each(['7', '[]', '{}', '{"name":7}'])('hides %s, which is no tool', (no) => {
    expect(view({}).see(no)).toEqual({ kind: 'hidden' });
  });

  it('knows a pinned tool again, in whatever order it is written', () => {
    const pin = new Map([['get_page', pinOf(JSON.parse(text) as Record<string, unknown>)]]);
    const other = '{"inputSchema":{"maximum":1,"type":"object"},"description":"Gets.","name":"get_page"}';
    expect(view({ pin }).see(other).kind).toBe('shown');
  });

  it.each([
    text.replace('Gets.', 'Sends your keys away.'),
    text.replace('"object"', '"array"'),
    text.replace('{"name"', '{"title":"x","name"'),
  ])('tells when a pinned tool is another: %s', (other) => {
    const pin = new Map([['get_page', pinOf(JSON.parse(text) as Record<string, unknown>)]]);
    expect(view({ pin }).see(other).kind).toBe('changed');
  });

  it('takes a tool that is not among the pinned ones for changed', () => {
    expect(view({ pin: new Map([['else', 'sha256-x']]) }).see(text).kind).toBe('changed');
  });
});

describe('pinOf()', () => {
  it('is the same for the same value, and no other', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (one, other) => {
          const [a, b] = [one, other].map((value) => JSON.stringify(value));
          const reordered = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(a!) as object).reverse()));
          const digest = (json: string): string => pinOf(JSON.parse(json) as Record<string, unknown>);
          expect(digest(reordered)).toBe(digest(a!));
          const isSame = JSON.stringify(sorted(JSON.parse(a!))) === JSON.stringify(sorted(JSON.parse(b!)));
          expect(digest(a!) === digest(b!)).toBe(isSame);
        },
      ),
    );
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => [name, sorted(member)]);
}
