import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { codeOf } from '../base/errors.ts';

/** The labels of every container that Gangway starts; the only ones it ever reads back. */
export const labelKeys = {
  /** The same for all runs of one installation: who may sweep what a run on another host or namespace left behind. */
  instance: 'io.gangway.instance',
  /** One run: the process that owns the container, see `Owner`. */
  owner: 'io.gangway.owner',
  server: 'io.gangway.server',
  /** Seconds since the epoch. */
  started: 'io.gangway.started',
} as const;

/** Who owns containers: this run of this installation. */
export interface Owner {
  readonly instance: string;
  /** "SPACE.PID.START": process namespace, process id and start time; no two processes ever share it. */
  readonly token: string;
}

/**
 * This process as an owner.
 *
 * @param installation what stays the same when this bridge is started again: its configuration file and port
 */
export function ownerOf(installation: string, environment: NodeJS.ProcessEnv): Owner {
  const chosen = environment['GANGWAY_INSTANCE'];
  const instance = chosen
    ? chosen.replace(/[^a-zA-Z0-9._-]/g, '-').slice(0, 64)
    : shortHash(`${hostname()}\n${installation}`);
  return { instance, token: ownToken() };
}

/** This process among all that ever were, see `Owner`. */
export function ownToken(): string {
  return ownedBy;
}

/** The start time of a process about which nobody can say. */
export const unknownStart = 'x';

/** What the name of every container of ours begins with. */
export const namePrefix = 'gangway-';

/** A container name: readable, and never used twice. */
export function containerName(server: string): string {
  return `${namePrefix}${server}-${randomBytes(6).toString('hex')}`;
}

export function labelsFor(owner: Owner, server: string, startedAt: Date): Record<string, string> {
  return {
    [labelKeys.instance]: owner.instance,
    [labelKeys.owner]: owner.token,
    [labelKeys.server]: server,
    [labelKeys.started]: String(Math.floor(startedAt.getTime() / 1000)),
  };
}

/**
 * Where process ids mean the same as here: this boot of this machine and this PID namespace.
 * Without /proc (macOS) the host name has to do.
 */
export function processSpace(): string {
  return space;
}

/** Found once, while there are descriptors to look with: what this run is called must never change. */
const space = findSpace();
const ownedBy = `${space}.${process.pid}.${startTime(process.pid) ?? unknownStart}`;

function findSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return shortHash(`${boot}\n${readlinkSync('/proc/self/ns/pid')}`);
  } catch {
    return shortHash(hostname());
  }
}

/**
 * When a process began, in clock ticks since boot (proc(5), field 22).
 *
 * @returns undefined when it is gone or a zombie; `unknownStart` when it cannot be looked at, for lack of descriptors
 */
export function startTime(pid: number, read: (file: string) => string = readText): string | undefined {
  try {
    const stat = read(`/proc/${pid}/stat`);
    // The second field, the command, may hold spaces and parentheses; what follows the last ")" is regular.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' || code === 'ESRCH' ? undefined : unknownStart;
  }
}

function readText(file: string): string {
  return readFileSync(file, 'utf8');
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
