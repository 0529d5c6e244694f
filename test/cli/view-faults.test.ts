import { describe, expect, it } from '@jest/globals';
import type { ToolsConfig } from '../../src/config/config.ts';
import { faultsOf } from '../../src/cli/view-faults.ts';
import { pinOf } from '../../src/relay/tool-view.ts';

const tools = [{ name: 'get_page', description: 'Gets.' }, { name: 'search' }];
const none: ToolsConfig = {
  ...{ allow: undefined, deny: [], onChange: 'block' as const },
  ...{ rename: new Map(), describe: new Map(), pin: new Map() },
};

describe('faultsOf()', () => {
  it('finds nothing wrong with what is there as it was', () => {
    const pin = new Map(tools.map((tool) => [tool.name, pinOf(tool)]));
    expect(faultsOf({ ...none, pin, rename: new Map([['search', 'find']]) }, tools)).toEqual([]);
  });

  it('names tools that the server does not have, and the nearest that it has', () => {
    const view = { ...none, rename: new Map([['get_pag', 'page']]), describe: new Map([['zzzzzz', 'Z']]) };
    expect(faultsOf(view, tools)).toEqual([
      'tools.rename.get_pag: the server has no such tool; did you mean "get_page"?',
      'tools.describe.zzzzzz: the server has no such tool',
    ]);
  });

  it('names a pinned tool that is another now', () => {
    const pin = new Map([['search', pinOf({ name: 'search', description: 'once' })]]);
    expect(faultsOf({ ...none, pin }, tools)).toEqual([
      `tools.pin.search: the tool is another now (${pinOf(tools[1]!)})`,
    ]);
  });
});
