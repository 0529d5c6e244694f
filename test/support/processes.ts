import { readdirSync, readFileSync } from 'node:fs';

/** A process of this machine, read from /proc. */
export interface ProcessFacts {
  readonly pid: number;
  readonly environment: ReadonlyMap<string, string>;
}

/** Every process whose environment can be read. */
export function processes(): ProcessFacts[] {
  return processIds().flatMap((pid) => {
    const text = read(`/proc/${pid}/environ`);
    if (text === undefined) return [];
    const entries = text
      .split('\0')
      .filter((entry) => entry.includes('='))
      .map((entry): [string, string] => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]);
    return [{ pid, environment: new Map(entries) }];
  });
}

/** The plain processes that a bridge has started and that still run. */
export function childrenOf(bridgePid: number): ProcessFacts[] {
  return processes().filter(
    ({ pid, environment }) => environment.get('GANGWAY_OWNER')?.split('.')[1] === String(bridgePid) && isAlive(pid),
  );
}

/** Whether a process runs: a zombie does not. */
export function isAlive(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== undefined && !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}

/** When a process began, in clock ticks since boot. */
export function startTicks(pid: number): string {
  const stat = read(`/proc/${pid}/stat`) ?? '';
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** The argument list of every process, as one text each. */
export function commandLines(): string[] {
  return processIds().flatMap((pid) => read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ') ?? []);
}

/** Memory of a process in RAM, in bytes. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`) ?? '')?.[1] ?? 0) * 1024;
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
