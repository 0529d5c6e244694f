import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { PackageSource } from '../../src/config/config.ts';
import { chooseNpmProgram } from '../../src/engine/package-programs.ts';
import { packageRecipe, whyNotInstalled } from '../../src/engine/package-recipe.ts';
import { temporaryFolder } from '../support/program.ts';

const npm: PackageSource = {
  ...{ kind: 'package', registry: 'npm', name: '@team/server', version: '1.2.3' },
  ...{ base: 'docker.io/library/node:22-bookworm-slim', scripts: false },
};
const pypi: PackageSource = { ...npm, registry: 'pypi', name: 'Team.Server', base: 'docker.io/library/python:3.13' };

describe('packageRecipe()', () => {
  it('gives an image a name that says which package it is', () => {
    expect(packageRecipe(npm)).toMatchObject({
      title: 'npm:@team/server@1.2.3',
      tag: expect.stringMatching(/^localhost\/gangway\/npm-team-server:[0-9a-f]{12}$/) as unknown,
    });
    expect(packageRecipe(pypi).tag).toMatch(/^localhost\/gangway\/pypi-team-server:[0-9a-f]{12}$/);
  });

  it.each<[string, Partial<PackageSource>]>([
    ['version', { version: '1.2.4' }],
    ['base image', { base: 'docker.io/library/node:24' }],
    ['program', { bin: 'other' }],
    ['leave to run scripts', { scripts: true }],
  ])('gives each %s an image of its own', (_, change) => {
    expect(packageRecipe({ ...npm, ...change }).tag).not.toBe(packageRecipe(npm).tag);
  });

  it('does not give a package another image because it may be a plain process', () => {
    expect(packageRecipe({ ...npm, plainIn: '/' }).tag).toBe(packageRecipe(npm).tag);
  });

  it('runs no install scripts unless it may', () => {
    const lines = (source: PackageSource): string =>
      packageRecipe(source)
        .commands.map((line) => line.join(' '))
        .join('\n');
    expect(lines(npm)).toContain('--ignore-scripts');
    expect(lines({ ...npm, scripts: true })).not.toContain('--ignore-scripts');
    expect(lines(pypi)).toContain('--only-binary :all:');
    expect(lines({ ...pypi, scripts: true })).not.toContain('--only-binary');
  });

  it('puts nothing of the package into a command line', () => {
    for (const source of [npm, pypi]) {
      const { commands, containerfile } = packageRecipe(source);
      expect(JSON.stringify(commands) + containerfile).not.toMatch(/team/i);
    }
  });

  it('runs as nobody in the image, and as root only while it is made', () => {
    const users = packageRecipe(npm).containerfile.match(/^USER .*$/gm);
    expect(users).toEqual(['USER 0:0', 'USER 1000:1000']);
  });
});

describe('whyNotInstalled()', () => {
  it.each([
    ['npm error code E404', 'the registry does not have this version of it'],
    ['npm error code ETARGET', 'the registry does not have this version of it'],
    ['npm error code E401', 'the registry wants a login'],
    ['npm error code ECONNREFUSED', 'the registry cannot be reached'],
    ['npm error code EAI_AGAIN', 'the registry cannot be reached'],
    ['npm error code ENOSPC', 'there is no space left'],
    ['pull access denied for x, repository does not exist', 'its base image cannot be had'],
    ['gangway-package: has no program to start', 'it has no program to start'],
    ['something new', 'its installation failed, the log has its output'],
  ])('says why in words for anybody: %s', (line, why) => {
    expect(whyNotInstalled(['STEP 5/9', line, 'exit status 1'], npm)).toBe(why);
  });

  it('says that a Python package may have no wheel', () => {
    const lines = ['ERROR: No matching distribution found for team-server==1.2.3'];
    expect(whyNotInstalled(lines, pypi)).toMatch(/^the registry does not have this version of it, or only such as/);
  });

  it('does not take a network that is down for a package that is not there', () => {
    const lines = ['Failed to establish a new connection: [Errno 111]', 'ERROR: No matching distribution found for x'];
    expect(whyNotInstalled(lines, pypi)).toBe('the registry cannot be reached');
  });
});

describe('The program that chooses what a package is started with', () => {
  /** What `entry` leads to, or what it says. */
  function choose(bin: unknown, wanted?: string): string {
    using folder = temporaryFolder();
    const home = path.join(folder.path, 'node_modules/@team/server');
    mkdirSync(home, { recursive: true });
    writeFileSync(path.join(home, 'package.json'), JSON.stringify({ name: '@team/server', bin }));
    writeFileSync(path.join(folder.path, 'wanted.json'), JSON.stringify({ name: '@team/server', bin: wanted }));
    writeFileSync(path.join(folder.path, 'choose.mjs'), chooseNpmProgram);
    chmodSync(folder.path, 0o755);
    const { status, stderr } = spawnSync(process.execPath, ['choose.mjs'], { cwd: folder.path, encoding: 'utf8' });
    return status === 0 ? readlinkSync(path.join(folder.path, 'entry')) : stderr.trim();
  }

  it.each<[string, unknown, string | undefined, string]>([
    ['the only one', { other: 'a.js' }, undefined, 'node_modules/.bin/other'],
    ['the only one, without a name', 'a.js', undefined, 'node_modules/.bin/server'],
    ['one file of two names', { one: 'a.js', two: 'a.js' }, undefined, 'node_modules/.bin/one'],
    ['the one with the name of the package', { other: 'a.js', server: 'b.js' }, undefined, 'node_modules/.bin/server'],
    ['the one that is wanted', { other: 'a.js', server: 'b.js' }, 'other', 'node_modules/.bin/other'],
  ])('takes %s', (_, bin, wanted, entry) => {
    expect(choose(bin, wanted)).toBe(entry);
  });

  it.each<[string, unknown, string | undefined, string]>([
    ['there is none', undefined, undefined, 'gangway-package: has no program to start'],
    [
      'there are several',
      { a: 'a.js', b: 'b.js' },
      undefined,
      'gangway-package: has no program "server", wanted bin to be one of: a, b',
    ],
    [
      'the one that is wanted is not there',
      { a: 'a.js' },
      'c',
      'gangway-package: has no program "c", wanted bin to be one of: a',
    ],
    [
      'a name means something to JavaScript',
      { a: 'a.js', b: 'b.js' },
      'constructor',
      'gangway-package: has no program "constructor", wanted bin to be one of: a, b',
    ],
  ])('says so when %s', (_, bin, wanted, sentence) => {
    expect(choose(bin, wanted)).toBe(sentence);
  });
});
