import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, realpathSync, symlinkSync } from 'node:fs';
import path from 'node:path';

/** A PATH on which there are Node and npm and nothing else: no engine. @param folder where it is made */
export function npmOnly(folder: string): string {
  const npm = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim();
  const bin = path.join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  if (!readdirSync(bin).includes('npm')) {
    symlinkSync(process.execPath, path.join(bin, 'node'));
    symlinkSync(realpathSync(npm), path.join(bin, 'npm'));
  }
  return bin;
}
