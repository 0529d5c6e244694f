import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { PackageSource } from '../../src/config/config.ts';
import { PackageFolder } from '../../src/engine/package-folder.ts';
import { temporaryFolder } from '../support/program.ts';

jest.setTimeout(120_000);

/** A wheel, by hand: `greeter` with these programs, each of which says its name. */
const makeWheel = `
import sys, zipfile
folder, programs = sys.argv[1], sys.argv[2:]
with zipfile.ZipFile(folder + '/greeter-1.0.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('greeter.py', 'def main():\\n    import os, sys\\n    print(os.path.basename(sys.argv[0]), *sys.argv[1:])\\n')
    info = 'greeter-1.0.0.dist-info/'
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: greeter\\nVersion: 1.0.0\\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    entries = ''.join('%s = greeter:main\\n' % program for program in programs)
    wheel.writestr(info + 'entry_points.txt', '[console_scripts]\\n' + entries)
    wheel.writestr(info + 'RECORD', '')
`;

const hasPython = spawnSync('python3', ['-c', 'import ensurepip, venv']).status === 0;
const describeWithPython = hasPython ? describe : describe.skip;

const source: PackageSource = {
  ...{ kind: 'package', registry: 'pypi', name: 'greeter', version: '1.0.0' },
  ...{ base: 'docker.io/library/python:3.13', scripts: false, plainIn: '/' },
};

describeWithPython('PackageFolder.ensure(), for a Python package,', () => {
  let home: ReturnType<typeof temporaryFolder>;
  let packages: PackageFolder;
  const told: string[] = [];

  beforeEach(() => {
    home = temporaryFolder();
    const config = path.join(home.path, '.config/pip');
    mkdirSync(config, { recursive: true });
    // From this folder alone, whatever this machine has elsewhere.
    writeFileSync(path.join(config, 'pip.conf'), `[global]\nno-index = true\nfind-links = ${home.path}\n`);
    packages = new PackageFolder({ PATH: process.env['PATH'], HOME: home.path });
    told.length = 0;
  });

  afterEach(() => {
    home[Symbol.dispose]();
  });

  const offer = (...programs: string[]): void =>
    void execFileSync('python3', ['-c', makeWheel, home.path, ...programs]);
  const ensure = (change: Partial<PackageSource> = {}): Promise<string> =>
    packages.ensure({ ...source, ...change }, (line) => told.push(line));

  it('installs it once and gives the program that it is started with', async () => {
    offer('greet');
    const [entry, same] = await Promise.all([ensure(), ensure()]);
    expect(execFileSync(entry, ['you'], { encoding: 'utf8' })).toMatch(/ you\n$/);
    expect([same, await ensure()]).toEqual([entry, entry]);
    expect(told.filter((line) => line.startsWith('installing'))).toEqual(['installing pypi:greeter@1.0.0']);
  });

  it('takes the program with its own name, or the one that is wanted', async () => {
    offer('other', 'greeter');
    const names = await Promise.all([ensure(), ensure({ bin: 'other' })]);
    expect(new Set(names).size).toBe(2);
  });

  it.each<[string, readonly string[], Partial<PackageSource>, string]>([
    ['has several others', ['a', 'b'], {}, 'it has no program "greeter", wanted bin to be one of: a, b'],
    [
      'is not there in this version',
      ['a'],
      { version: '2.0.0' },
      'the registry does not have this version of it, or only such as would run its own install script',
    ],
  ])('throws BUILD_FAILED when it %s, and leaves nothing behind', async (_, programs, change, why) => {
    offer(...programs);
    const message = `Cannot install pypi:greeter@${change.version ?? '1.0.0'}: ${why}`;
    await expect(ensure(change)).rejects.toMatchObject({ code: 'BUILD_FAILED', message });
    const root = path.join(home.path, '.cache/gangway/packages');
    expect(readdirSync(root).flatMap((name) => readdirSync(path.join(root, name)))).toEqual([]);
  });
});

describe('PackageFolder.ensure()', () => {
  it('throws BUILD_FAILED when there is no npm', async () => {
    using home = temporaryFolder();
    const packages = new PackageFolder({ PATH: home.path, HOME: home.path });
    await expect(packages.ensure({ ...source, registry: 'npm' }, () => undefined)).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: 'Cannot install npm:greeter@1.0.0: npm is not there',
    });
  });

  it('does not wait for what an installer has left running, and shows its words without their colours', async () => {
    using home = temporaryFolder();
    const npm =
      '#!/bin/sh\nprintf "\\033[31mnpm error\\033[0m code E404\\n"\nsleep 60 &\necho $! >left\ncp left $HOME\nexit 1\n';
    writeFileSync(path.join(home.path, 'npm'), npm, { mode: 0o755 });
    const packages = new PackageFolder({ PATH: `${home.path}:${process.env['PATH']}`, HOME: home.path });
    const told: string[] = [];
    const installed = packages.ensure({ ...source, registry: 'npm' }, (line) => told.push(line));
    await expect(installed).rejects.toMatchObject({ message: expect.stringContaining('does not have this version') });
    expect(told).toEqual(['installing npm:greeter@1.0.0', 'npm error code E404']);
    // Still there: it was not its end that was waited for.
    process.kill(Number(readFileSync(path.join(home.path, 'left'), 'utf8')), 'SIGKILL');
  });
});
