import { readdirSync, readFileSync } from 'node:fs';
import type { Program } from './program.ts';
import { until } from './until.ts';

/** What a bridge says of its launcher. */
interface LauncherStatus {
  readonly pid: number | null;
  readonly restarts: number;
  readonly missing?: string;
}

export async function launcherOf({ url }: Program): Promise<LauncherStatus> {
  const status = (await (await fetch(`${url}/status`)).json()) as { engine: { launcher: LauncherStatus } };
  return status.engine.launcher;
}

/** The process id of the launcher that runs. */
export function launcherPid(bridge: Program): Promise<number> {
  return until('a launcher', async () => (await launcherOf(bridge)).pid ?? 0);
}

/** The processes, zombies included, whose parent this one is. */
export function childPids(parent: number): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    return parentOf(entry) === parent ? [Number(entry)] : [];
  });
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
