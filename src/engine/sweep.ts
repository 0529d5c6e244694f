import { causeOf, codeOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ContainerRecord, Engine } from './engine.ts';
import { labelKeys, namePrefix, processSpace, startTime, unknownStart, type Owner } from './labels.ts';

/** What is known about processes here; injectable for tests. */
export interface ProcessTable {
  readonly space: string;
  /** Whether the process of this id and start time still runs. */
  isAlive(pid: number, start: string): boolean;
}

export const localProcesses: ProcessTable = {
  get space() {
    return processSpace();
  },
  isAlive(pid, start) {
    const now = startTime(pid);
    if (now !== undefined) return now === start || now === unknownStart;
    try {
      process.kill(pid, 0);
      // Alive, and without /proc there is no start time to compare: believe it. With /proc it is a zombie.
      return start === unknownStart;
    } catch (error) {
      // Another user's: it lives, and cannot be looked at.
      return codeOf(error) === 'EPERM';
    }
  },
};

/**
 * Whether a container's owner is gone.
 * An owner in our own process space is looked up: it is dead or alive, whatever its instance.
 * An owner elsewhere (another container, another machine on the same engine) cannot be looked up: it is a former run of
 * ourselves if it carries our instance, and none of our business if it does not.
 */
export function isOrphan(record: ContainerRecord, self: Owner, processes: ProcessTable): boolean {
  const token = record.labels[labelKeys.owner];
  if (token === undefined || token === self.token) return false;
  const [space = '', pid = '', start = ''] = token.split('.');
  if (space === processes.space && /^\d+$/.test(pid)) return !processes.isAlive(Number(pid), start);
  return record.labels[labelKeys.instance] === self.instance;
}

/**
 * Removes every container whose owner is gone, and those of our own that nobody holds any more.
 *
 * @param isHeld whether a name is in use by this run
 * @returns the names that were removed; none when one of them could not be: the next sweep tries again
 * @throws {BridgeError} `ENGINE_UNAVAILABLE` when the engine does not give its list
 */
export async function sweep(
  engine: Engine,
  self: Owner,
  isHeld: (name: string) => boolean,
  log: Log,
  processes: ProcessTable = localProcesses,
): Promise<string[]> {
  const records = await engine.list();
  const names = records
    // Whatever a label says: a container that was named by somebody else is somebody else's.
    .filter(({ name }) => name.startsWith(namePrefix))
    .filter((record) => isOrphan(record, self, processes) || isLeaked(record, self, isHeld))
    .map(({ name }) => name);
  if (names.length === 0) return [];
  try {
    await engine.remove(names);
  } catch (error) {
    // The engine has given its list, so it is there: one container that it cannot remove keeps nobody from using it.
    const facts = { engine: engine.kind, containers: names, error: messageOf(error), ...causeOf(error) };
    log.error(facts, 'could not remove orphaned containers; trying again');
    return [];
  }
  log.warn({ engine: engine.kind, containers: names }, `removed ${names.length} orphaned containers`);
  return names;
}

function isLeaked({ name, labels }: ContainerRecord, self: Owner, isHeld: (name: string) => boolean): boolean {
  return labels[labelKeys.owner] === self.token && !isHeld(name);
}
