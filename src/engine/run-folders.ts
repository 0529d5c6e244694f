import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { localProcesses } from './sweep.ts';

const prefix = 'gangway-run-';

/** A fresh temporary folder of a run, which nobody else can enter. @param token the run's, see `Owner`: others know from its name whose it is */
export function makeRunFolder(token: string): string {
  return mkdtempSync(path.join(tmpdir(), `${prefix}${token}-`));
}

/** Removes folders that others could not clear up behind themselves, because they were killed. @param own a run whose folders are of no use any more, whether it lives or not */
export function removeDeadRunFolders(own?: string): void {
  for (const entry of readdirSync(tmpdir())) {
    if (!entry.startsWith(prefix)) continue;
    const [space = '', pid = '', start = ''] = entry.slice(prefix.length).split(/[.-]/);
    const isDead = space === localProcesses.space && !localProcesses.isAlive(Number(pid), start);
    if (isDead || `${space}.${pid}.${start}` === own) removeRunFolder(path.join(tmpdir(), entry));
  }
}

/** Best effort: one that stays (it is another user's, no descriptor is left to look into it) goes after a later start. */
export function removeRunFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Nobody waits for it.
  }
}
