import { describe, expect, it } from '@jest/globals';
import { ToolList } from '../../src/rest/tool-list.ts';

const names = (elements: unknown[]): string[] => new ToolList(elements, {}).tools.map(({ name }) => name);

describe('ToolList', () => {
  it('keeps the server’s order, and of two with the same name the first', () => {
    const list = new ToolList([{ name: 'b', description: '1' }, { name: 'a' }, { name: 'b', description: '2' }], {});
    expect(list.tools.map(({ name }) => name)).toEqual(['b', 'a']);
    expect(list.find('b')).toMatchObject({ description: '1', inputSchema: {} });
  });

  it('leaves out what is no tool, has a name that no path can have, or cannot be written', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(names([7, {}, { name: '' }, { name: 'a\nb' }, { name: '\ud800' }, { name: 'deep', deep }, { name: 'good' }])).toEqual(['good']); // prettier-ignore
  });

  it('knows who the server says that it is', () => {
    const handshake = { serverInfo: { name: 'n', title: 'T', version: '2' }, instructions: 'i' };
    expect(new ToolList([], handshake).facts).toEqual({ title: 'T', version: '2', instructions: 'i' });
    expect(new ToolList([], { serverInfo: 7, instructions: 7 }).facts).toEqual({});
  });
});
