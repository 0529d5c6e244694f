// Installs and builds what is missing or out of date: shared by `npm start` and `npm test`. Needs only Node and npm.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Installs the locked packages unless they are there already, then compiles unless nothing has changed. */
export function prepare() {
  requireNode();
  once('node_modules', ['package-lock.json', 'package.json'], () => {
    console.error('Installing packages …');
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  });
  once('dist', ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', ...sources('src')], () => {
    console.error('Building …');
    run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
  });
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`Gangway needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** Runs `work` unless its result was made from the same inputs; a stamp in the folder remembers them. */
function once(folder, inputs, work) {
  const hash = createHash('sha256').update(process.version);
  for (const input of inputs) hash.update(input).update(readFileSync(path.join(root, input)));
  const digest = hash.digest('hex');
  const stamp = path.join(root, folder, '.gangway-stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  work();
  mkdirSync(path.join(root, folder), { recursive: true });
  writeFileSync(stamp, digest);
}

function sources(folder) {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function run(file, args) {
  try {
    execFileSync(file, args, { cwd: root, stdio: ['ignore', 2, 2] });
  } catch {
    console.error(`"${path.basename(file)} ${args.join(' ')}" failed.`);
    process.exit(1);
  }
}
