import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { forbiddenMount } from '../../src/config/mounts.ts';

const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'gangway-mounts-')));
const at = (name: string): string => path.join(folder, name);
const engineSocket = createServer();

beforeAll(async () => {
  mkdirSync(at('data'));
  writeFileSync(at('plain.txt'), '');
  symlinkSync('/etc', at('link-to-etc'));
  symlinkSync('/', at('link-to-root'));
  symlinkSync(homedir(), at('link-to-home'));
  symlinkSync(at('data'), at('link-to-data'));
  await new Promise<void>((resolve) => {
    engineSocket.listen(at('engine'), resolve);
  });
});

afterAll(async () => {
  await new Promise((resolve) => engineSocket.close(resolve));
  rmSync(folder, { recursive: true });
});

const system = (tree: string): string => `gives the server ${tree} of the host; wanted a folder of its own`;
const socket = 'is a socket; wanted a folder or a plain file';
// The home of root is refused for the `/root/.ssh` in it, so the sentence depends on who runs the tests.
const home = /^gives the server (a whole home folder|\/root\/\.ssh of the host); wanted a folder of its own$/;
const homeKeys = 'gives the server settings and keys of the home folder; wanted a folder of its own';

describe('forbiddenMount()', () => {
  it.each(['/etc', '/proc', '/sys', '/dev', '/boot', '/run'])('refuses the system folder %s', (tree) => {
    expect(forbiddenMount(tree)).toBe(system(tree));
  });

  it.each([
    ['/etc/passwd', '/etc'],
    ['/etc/not/there', '/etc'],
    ['/etc/..data', '/etc'],
    ['/proc/self/environ', '/proc'],
    ['/dev/mem', '/dev'],
    ['/run/secrets', '/run'],
  ])('refuses %s, inside a system folder', (inside, tree) => {
    expect(forbiddenMount(inside)).toBe(system(tree));
  });

  it.each(['/', '/var'])('refuses %s, which holds a system folder', (above) => {
    expect(forbiddenMount(above)).toBeDefined();
  });

  it.each([
    ['link-to-etc', system('/etc')],
    ['link-to-etc/hostname', system('/etc')],
    ['link-to-etc/not-there', system('/etc')],
    ['link-to-root', system('/etc')],
  ])('follows the link %s', (name, why) => {
    expect(forbiddenMount(at(name))).toBe(why);
  });

  it.each(['/var/run/docker.sock', '/srv/podman.sock'])('refuses the socket %s by its name', (name) => {
    expect(forbiddenMount(name)).toBe(socket);
  });

  it('refuses a socket that has no telling name', () => {
    expect(forbiddenMount(at('engine'))).toBe(socket);
  });

  it('refuses the home folder', () => {
    expect(forbiddenMount(homedir())).toMatch(home);
  });

  it('follows a link to the home folder', () => {
    expect(forbiddenMount(at('link-to-home'))).toMatch(home);
  });

  it.each(['.config/gangway-test', '.gnupg-test', '.netrc-test'])('refuses %s in the home folder', (name) => {
    expect(forbiddenMount(path.join(homedir(), name))).toBe(homeKeys);
  });

  it('allows a plain folder in the home folder', () => {
    expect(forbiddenMount(path.join(homedir(), 'gangway-test-data'))).toBeUndefined();
  });

  it.each(['data', 'plain.txt', 'link-to-data', 'not-there'])('allows %s', (name) => {
    expect(forbiddenMount(at(name))).toBeUndefined();
  });

  it.each(['/etcetera', '/srv/etc', '/system', '/device/x', '/srv/my.socket-notes'])(
    'allows %s, which only looks like a system folder',
    (name) => {
      expect(forbiddenMount(name)).toBeUndefined();
    },
  );
});
