import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { newestVersions } from '../../src/cli/newest-versions.ts';
import { temporaryFolder } from '../support/program.ts';

/** A PATH on which `npm` is this program of Node, or is not there. */
function pathWith(folder: string, program?: string): { PATH: string } {
  mkdirSync(`${folder}/bin`);
  symlinkSync(process.execPath, `${folder}/bin/node`);
  if (program !== undefined) {
    writeFileSync(`${folder}/bin/npm`, `#!${process.execPath}\n${program}\n`);
    chmodSync(`${folder}/bin/npm`, 0o755);
  }
  return { PATH: `${folder}/bin` };
}

describe('newestVersions()', () => {
  it('asks npm for each package once, and leaves out what it does not tell', async () => {
    using folder = temporaryFolder();
    const answers = `const answers = { 'a': '1.2.3', '@me/b@next': '2.0.0-rc.1', 'c': 'not a version' };
      const [verb, spec, field] = process.argv.slice(2);
      if (verb !== 'view' || field !== 'version' || !(spec in answers)) process.exit(1);
      console.log(answers[spec]);`;
    const found = await newestVersions(['a', '@me/b@next', 'c', 'gone', 'a'], pathWith(folder.path, answers));
    expect([...found]).toEqual([
      ['a', '1.2.3'],
      ['@me/b@next', '2.0.0-rc.1'],
    ]);
  });

  it('tells nothing without npm', async () => {
    using folder = temporaryFolder();
    expect([...(await newestVersions(['a'], pathWith(folder.path)))]).toEqual([]);
  });

  it('tells nothing of what npm does not answer in time', async () => {
    using folder = temporaryFolder();
    const silent = pathWith(folder.path, 'setInterval(() => undefined, 1000)');
    expect([...(await newestVersions(['a', 'b'], silent, AbortSignal.timeout(300)))]).toEqual([]);
  });
});
