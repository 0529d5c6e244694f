import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { EngineName } from './engines.ts';

const run = promisify(execFile);

/** The processes of this machine that make up a running container. */
export interface ContainerProcesses {
  /** The engine's client, our child. */
  readonly client: number;
  /** conmon, or containerd's shim. */
  readonly monitor: number;
  /** The first process in it, which the engine adds. */
  readonly init: number;
  /** The server itself, the child of that one. */
  readonly server: number;
}

/** Finds them; `client` and `server` need a container that a bridge has started and that runs. */
export async function containerProcesses(engine: EngineName, name: string): Promise<ContainerProcesses> {
  const { stdout } = await run(engine, ['inspect', '--format', '{{.State.Pid}}', name]);
  const init = Number(stdout);
  const [server = 0] = childrenOf(init);
  const client = clientOf(engine, name);
  return { client, monitor: parentOf(init), init, server };
}

/** Freezes a container. */
export async function pauseContainer(engine: EngineName, name: string): Promise<void> {
  await run(engine, ['pause', name], { timeout: 30_000 });
}

/** How many processes run in a container. */
export function countProcesses(init: number): number {
  return childrenOf(init).reduce((sum, child) => sum + countProcesses(child), 1);
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** `ENGINE run … --name NAME …`; conmon has the name in its arguments as well. */
function clientOf(engine: EngineName, name: string): number {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [program = '', verb, ...rest] = commandOf(entry);
    if (program.endsWith(engine) && verb === 'run' && rest.includes(name)) return Number(entry);
  }
  throw new Error(`no client of ${name}`);
}

function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
