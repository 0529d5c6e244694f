import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** Folders of the host that no server gets, nor anything in them, nor a parent that holds them. */
const forbiddenTrees = ['/etc', '/proc', '/sys', '/dev', '/boot', '/run', '/var/run', '/root/.ssh'];

/**
 * Why a host path may not be mounted, or undefined when it may: symbolic links are followed first.
 * An engine socket, a system folder or a dot folder of the home would give the server more than this file says.
 */
export function forbiddenMount(absolute: string): string | undefined {
  const real = resolveLinks(absolute);
  if (real.endsWith('.sock')) return 'is a socket; wanted a folder or a plain file';
  for (const tree of forbiddenTrees) {
    if (real === tree || isInside(real, tree) || isInside(tree, real)) {
      return `gives the server ${tree} of the host; wanted a folder of its own`;
    }
  }
  const home = homedir();
  if (real === home || isInside(home, real)) return 'gives the server a whole home folder; wanted a folder of its own';
  if (isInside(real, home) && path.relative(home, real).startsWith('.')) {
    return 'gives the server settings and keys of the home folder; wanted a folder of its own';
  }
  return undefined;
}

function isInside(child: string, parent: string): boolean {
  const relative = path.relative(parent, child);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
}

/** The real path, or the given one when it does not exist here (with a remote engine it may exist there). */
function resolveLinks(absolute: string): string {
  try {
    return realpathSync(absolute);
  } catch {
    return absolute;
  }
}
