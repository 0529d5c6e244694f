import { lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { createPrivateFile, replaceFile } from '../../src/cli/write-file.ts';
import { temporaryFolder } from '../support/program.ts';

const modeOf = (file: string): number => statSync(file).mode & 0o777;

describe('replaceFile()', () => {
  it('keeps the mode, follows a link and leaves nothing else', () => {
    using folder = temporaryFolder();
    writeFileSync(`${folder.path}/real`, 'old', { mode: 0o640 });
    symlinkSync('real', `${folder.path}/link`);
    replaceFile(`${folder.path}/link`, 'new');
    expect(readFileSync(`${folder.path}/real`, 'utf8')).toBe('new');
    expect(modeOf(`${folder.path}/real`)).toBe(0o640);
    expect(lstatSync(`${folder.path}/link`).isSymbolicLink()).toBe(true);
    expect(readdirSync(folder.path).sort()).toEqual(['link', 'real']);
  });

  it('makes a file and its folder', () => {
    using folder = temporaryFolder();
    replaceFile(`${folder.path}/a/b`, 'text');
    expect(readFileSync(`${folder.path}/a/b`, 'utf8')).toBe('text');
  });

  it('says what the system said, and leaves nothing', () => {
    using folder = temporaryFolder();
    writeFileSync(`${folder.path}/file`, '');
    expect(() => {
      replaceFile(`${folder.path}/file/x`, '');
    }).toThrow(/Cannot write .*: the system says E(NOTDIR|EXIST)/);
    expect(readdirSync(folder.path)).toEqual(['file']);
  });
});

describe('createPrivateFile()', () => {
  it('makes a file for its owner alone, and never takes the place of one', () => {
    using folder = temporaryFolder();
    const file = `${folder.path}/secrets/KEY`;
    createPrivateFile(file, 'x');
    expect([modeOf(file), modeOf(`${folder.path}/secrets`)]).toEqual([0o600, 0o700]);
    expect(() => {
      createPrivateFile(file, 'y');
    }).toThrow(/it is there already/);
    expect(readFileSync(file, 'utf8')).toBe('x');
  });
});
