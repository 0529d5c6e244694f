import { realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** Folders of the host that no server gets, nor anything in them, nor a parent that holds them. */
const forbiddenTrees = [
  '/etc',
  '/proc',
  '/sys',
  '/dev',
  '/boot',
  '/run',
  '/var/run',
  '/var/lib/docker',
  '/var/lib/containers',
  '/root/.ssh',
];

/**
 * Why a host path may not be mounted, or undefined when it may: symbolic links are followed first.
 * An engine socket, a system folder or a dot folder of the home would give the server more than this file says.
 */
export function forbiddenMount(absolute: string): string | undefined {
  const real = resolveLinks(absolute);
  return whyForbidden(real) ?? (real === absolute ? undefined : whyForbidden(absolute));
}

function whyForbidden(real: string): string | undefined {
  if (real.endsWith('.sock') || isSocket(real)) return 'is a socket; wanted a folder or a plain file';
  const tree = forbiddenTrees.find((forbidden) => overlaps(real, forbidden));
  if (tree !== undefined) return `gives the server ${tree} of the host; wanted a folder of its own`;
  return whyNotOfHome(real, homedir());
}

function whyNotOfHome(real: string, home: string): string | undefined {
  if (real === home || isInside(home, real)) return 'gives the server a whole home folder; wanted a folder of its own';
  if (isInside(real, home) && path.relative(home, real).startsWith('.')) {
    return 'gives the server settings and keys of the home folder; wanted a folder of its own';
  }
  return undefined;
}

function overlaps(one: string, other: string): boolean {
  return one === other || isInside(one, other) || isInside(other, one);
}

function isInside(child: string, parent: string): boolean {
  const relative = path.relative(parent, child);
  return relative !== '' && relative !== '..' && !relative.startsWith('../') && !path.isAbsolute(relative);
}

function isSocket(file: string): boolean {
  try {
    return statSync(file).isSocket();
  } catch {
    return false;
  }
}

/** The real path, with the part that does not exist here as it is (with a remote engine it may exist there). */
function resolveLinks(absolute: string): string {
  try {
    return realpathSync(absolute);
  } catch {
    const parent = path.dirname(absolute);
    return parent === absolute ? absolute : path.join(resolveLinks(parent), path.basename(absolute));
  }
}
