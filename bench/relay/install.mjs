// What has to be there before anything is measured: a build, the peers, the echo server.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from '../../scripts/prepare.mjs';

const bench = fileURLToPath(new URL('..', import.meta.url));

/** Builds Gangway if it is not, and installs the peers of bench/package.json if they are not there in these versions. */
export function install() {
  prepare();
  const isThere = Object.entries(wantedPeers()).every(([name, version]) => versionOf(name) === version);
  if (isThere) return;
  console.error('Installing the peers …');
  // A part of mcp-proxy that is not used here wants a newer Node.
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--engine-strict=false'];
  const args = ['ci', '--prefix', bench, ...quiet];
  execFileSync('npm', args, { stdio: ['ignore', 2, 2] });
}

/** @returns {Record<string, string>} version by name */
export function wantedPeers() {
  return JSON.parse(readFileSync(path.join(bench, 'package.json'), 'utf8')).dependencies;
}

/** The program of a peer. @param {string} name @returns {string} */
export function programOf(name) {
  const folder = path.join(bench, 'node_modules', name);
  const { bin } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  return path.join(folder, typeof bin === 'string' ? bin : bin[name]);
}

/**
 * The echo server: in C when there is a compiler, else in Node.
 *
 * @param {string} folder where it is compiled to
 * @returns {{ language: 'C' | 'Node', command: string[] }}
 */
export function echoServer(folder) {
  const program = path.join(folder, 'echo');
  try {
    execFileSync('cc', ['-O2', '-o', program, path.join(bench, 'echo.c')], { stdio: 'ignore' });
    return { language: 'C', command: [program] };
  } catch {
    return { language: 'Node', command: [process.execPath, path.join(bench, 'echo.mjs')] };
  }
}

function versionOf(name) {
  const file = path.join(bench, 'node_modules', name, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined;
}
