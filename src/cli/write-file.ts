import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { BridgeError, codeOf } from '../base/errors.ts';

/**
 * Writes a file in one step: whoever reads it sees the old text or the new one, and nothing in between. It keeps its
 * mode, and a symbolic link goes on pointing to it.
 *
 * @throws {BridgeError} `CONFIG_INVALID` when it cannot be written
 */
export function replaceFile(file: string, text: string): void {
  guarded(file, () => {
    const target = existsSync(file) ? realpathSync(file) : path.resolve(file);
    const mode = existsSync(target) ? statSync(target).mode & 0o777 : 0o644;
    mkdirSync(path.dirname(target), { recursive: true });
    const temporary = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.tmp`);
    try {
      write(temporary, text, mode);
      renameSync(temporary, target);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

/**
 * Writes a file that only its owner may read.
 *
 * @throws {BridgeError} `CONFIG_INVALID` when it is there already, or cannot be written
 */
export function createPrivateFile(file: string, text: string): void {
  if (existsSync(file)) {
    throw new BridgeError('CONFIG_INVALID', `Cannot write ${file}: it is there already; wanted a new name`);
  }
  guarded(file, () => {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true, mode: 0o700 });
    write(file, text, 0o600);
  });
}

function write(file: string, text: string, mode: number): void {
  const descriptor = openSync(file, 'wx', mode);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  // The mask of the process may have taken something from the mode.
  chmodSync(file, mode);
}

function guarded(file: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    throw new BridgeError('CONFIG_INVALID', `Cannot write ${file}: the system says ${code}`);
  }
}
