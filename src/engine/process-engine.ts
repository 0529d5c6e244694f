import { readdirSync, readFileSync } from 'node:fs';
import { settlesWithin } from '../base/deadline.ts';
import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { ProcessSource } from '../config/config.ts';
import { spawnChild, spawnOn, type Spawn } from './child.ts';
import type { Child, ContainerRecord, LaunchSpec, Life, LocalEngine, Progress, Stdio } from './engine.ts';
import { labelKeys } from './labels.ts';
import { PackageFolder } from './package-folder.ts';
import { processEnvironment } from './process-environment.ts';

/** A process wears its labels as environment variables: they can be read back from /proc as long as it lives. */
const variables = {
  GANGWAY_NAME: '',
  GANGWAY_INSTANCE: labelKeys.instance,
  GANGWAY_OWNER: labelKeys.owner,
  GANGWAY_SERVER: labelKeys.server,
  GANGWAY_STARTED: labelKeys.started,
} as const;

const terminateMs = 500;

interface Group {
  readonly pid: number;
  readonly exited: Promise<unknown>;
}

/**
 * Runs `command:` servers as plain processes of this host, each the leader of a process group, which is what is ended.
 * No sandbox: only with `--allow-process`. Orphans of a killed Gangway are found on Linux, through /proc.
 */
export class ProcessEngine implements LocalEngine {
  readonly kind = 'process';
  readonly version = process.version;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #clock: Clock;
  readonly #packages: PackageFolder;
  /** The process groups of our own children, by name. */
  readonly #groups = new Map<string, Group>();

  constructor(environment: NodeJS.ProcessEnv, clock: Clock) {
    this.#environment = environment;
    this.#clock = clock;
    this.#packages = new PackageFolder(environment);
  }

  async prepare(source: ProcessSource, _pull: unknown, progress: Progress): Promise<LaunchSpec['source']> {
    if (source.kind === 'command') return source;
    if (source.kind === 'package' && source.plainIn !== undefined) {
      return { kind: 'command', command: [await this.#packages.ensure(source, progress)], cwd: source.plainIn };
    }
    throw new BridgeError('ENGINE_UNAVAILABLE', 'Cannot run an image: there is no container engine');
  }

  renew(source: ProcessSource, pull: unknown, progress: Progress): Promise<LaunchSpec['source']> {
    return this.prepare(source, pull, progress);
  }

  launch(spec: LaunchSpec): Child {
    return this.#launch(spec, spawnChild);
  }

  launchOn(stdio: Stdio, spec: LaunchSpec): Life {
    return this.#launch(spec, (...how) => spawnOn(stdio, ...how));
  }

  async remove(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#removeGroup(name)));
  }

  list(): Promise<ContainerRecord[]> {
    const records = [...markedProcesses()].map(({ name, labels }) => ({ name, labels, state: 'running' }));
    return Promise.resolve(records);
  }

  #launch<T extends Life>(spec: LaunchSpec, spawn: Spawn<T>): T {
    if (spec.source.kind !== 'command') throw new TypeError('A plain process runs commands, not images');
    const [file, ...args] = spec.source.command;
    const own = Object.entries(processEnvironment(this.#environment));
    const marks = Object.entries(variables).map(([name, label]) => [
      name,
      label === '' ? spec.name : spec.labels[label],
    ]);
    const servers = spec.env.map(({ name, value }) => [name, value]);
    const env = Object.fromEntries([...own, ...servers, ...marks]) as Record<string, string>;
    const child = spawn(spec.name, file, [...args, ...spec.args], { env, cwd: spec.source.cwd });
    if (child.pid !== undefined) this.#groups.set(spec.name, { pid: child.pid, exited: child.exited });
    return child;
  }

  async #removeGroup(name: string): Promise<void> {
    const group = this.#groups.get(name);
    if (group) {
      signalGroup(group.pid, 'SIGTERM');
      await settlesWithin(group.exited, terminateMs, this.#clock);
      // Also after an orderly exit: what the leader has started may live on in its group.
      signalGroup(group.pid, 'SIGKILL');
      this.#groups.delete(name);
    }
    for (const marked of markedProcesses()) {
      if (marked.name !== name) continue;
      // Of a launcher that is gone: whom it started leads a group.
      signalGroup(marked.pid, 'SIGKILL');
      signal(marked.pid, 'SIGKILL');
    }
  }
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  signal(-pid, name);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // ESRCH: it is gone, which is what was wanted.
  }
}

/** Every process on this machine, of this user, that carries our marks; none where there is no /proc. */
function* markedProcesses(): Generator<{ pid: number; name: string; labels: Record<string, string> }> {
  for (const pid of processIds()) {
    let environment: string;
    try {
      environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    } catch {
      continue;
    }
    if (!environment.includes('GANGWAY_OWNER=')) continue;
    const values = new Map(environment.split('\0').map((entry) => split(entry)));
    const name = values.get('GANGWAY_NAME');
    if (name === undefined) continue;
    const labels = Object.entries(variables).flatMap(([key, label]) =>
      label === '' ? [] : [[label, values.get(key) ?? '']],
    );
    yield { pid, name, labels: Object.fromEntries(labels) as Record<string, string> };
  }
}

function processIds(): number[] {
  try {
    return readdirSync('/proc').flatMap((entry) =>
      /^\d+$/.test(entry) && Number(entry) !== process.pid ? [Number(entry)] : [],
    );
  } catch {
    return [];
  }
}

function split(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return [entry.slice(0, at), entry.slice(at + 1)];
}
