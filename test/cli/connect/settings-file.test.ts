import { mkdirSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { needInside, withEntries } from '../../../src/cli/connect/settings-file.ts';
import { temporaryFolder } from '../../support/program.ts';

describe('withEntries()', () => {
  it('keeps comments, order and the rest of the settings', () => {
    const text = '{\n    // mine\n    "theme": "dark",\n    "mcpServers": { "a": { "url": "x" } } // end\n}\n';
    const after = withEntries(text, 'f', 'mcpServers', { b: { url: 'y' } });
    expect(after).toContain('// mine\n    "theme": "dark"');
    expect(after).toContain('// end');
    expect(JSON.parse(after.replace(/\/\/.*/g, ''))).toEqual({
      theme: 'dark',
      mcpServers: { a: { url: 'x' }, b: { url: 'y' } },
    });
  });

  it('makes a new file', () => {
    expect(withEntries('', 'f', 'servers', { a: { url: 'x' } })).toBe(
      '{\n  "servers": {\n    "a": {\n      "url": "x"\n    }\n  }\n}\n',
    );
  });

  it('changes nothing when it is there already', () => {
    const text = withEntries('', 'f', 'servers', { a: { url: 'x' } });
    expect(withEntries(text, 'f', 'servers', { a: { url: 'x' } })).toBe(text);
  });

  it('leaves a broken file alone', () => {
    expect(() => withEntries('{ "a": ', 'f', 'servers', {})).toThrow('f: not valid JSON, so nothing is added to it');
  });
});

describe('needInside()', () => {
  it('takes files of the folder, there or not', () => {
    using folder = temporaryFolder();
    expect(() => {
      needInside(folder.path, '.vscode/mcp.json');
    }).not.toThrow();
  });

  it('refuses a link that leads out of the folder', () => {
    using folder = temporaryFolder();
    mkdirSync(`${folder.path}/project`);
    symlinkSync(folder.path, `${folder.path}/project/.vscode`);
    expect(() => {
      needInside(`${folder.path}/project`, '.vscode/mcp.json');
    }).toThrow('leads out of this folder');
  });
});
