import { existsSync, mkdirSync, readFileSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import type { Cancel, Clock } from '../base/clock.ts';
import type { Fates } from './fates.ts';
import { startTime } from './labels.ts';
import { makeRunFolder, removeDeadRunFolders, removeRunFolder } from './run-folders.ts';

/** Where Podman on this machine keeps what its monitors write. */
export interface ConmonPlaces {
  /** Each monitor leaves the exit code in a file here, named for the container's id, milliseconds after the death. */
  readonly exits: string;
  /** A folder for each container, in `ID/userdata`. */
  readonly bundles: string;
}

interface Trace {
  readonly folder: string;
  readonly watcher: FSWatcher | undefined;
  id?: string;
  monitorPid?: number;
  /** The monitor was not there at the last look. */
  isMissed?: boolean;
}

const lookMs = 250;

/**
 * What conmon, Podman's monitor of a container, writes down: that the process runs, that it ended and how. Podman's
 * client and `podman events` look for the same files, a quarter of a second later. A monitor that was killed is noticed
 * by looking for its process: nobody else says so, and the container runs on without its time limit.
 *
 * Best effort: where the files are not to be had, the client's own end tells.
 */
export class ConmonFiles {
  readonly #places: ConmonPlaces;
  readonly #token: string;
  readonly #fates: Fates;
  readonly #clock: Clock;
  readonly #traces = new Map<string, Trace>();
  readonly #namesById = new Map<string, string>();
  #root: string | undefined;
  #exits: FSWatcher | undefined;
  #cancel: Cancel = () => undefined;
  #hasClearedUp = false;

  /** @param token of this run, in the name of the folder: another run knows from it that we are gone */
  constructor(places: ConmonPlaces, token: string, fates: Fates, clock: Clock) {
    this.#places = places;
    this.#token = token;
    this.#fates = fates;
    this.#clock = clock;
  }

  /**
   * Before a start.
   *
   * @returns a folder of the container's own, for `traceArgs` and as the client's working directory: conmon before
   *   2.1.13 leaves its mark of a lack of memory in that of whoever started it. Undefined where there can be none.
   */
  begin(name: string): string | undefined {
    try {
      if (this.#traces.size === 0) this.#open();
      const folder = path.join(this.#ownFolder(), name);
      mkdirSync(folder);
      const watcher = tryWatch(folder, (file) => {
        if (file === files.pid) this.#onRunning(name);
      });
      this.#traces.set(name, { folder, watcher });
      return folder;
    } catch {
      // No room for a folder: the container is started all the same.
      if (this.#traces.size === 0) this.#close();
      return undefined;
    }
  }

  /** Its client has ended: what there is to know is told, and the folder goes. */
  end(name: string): void {
    const trace = this.#traces.get(name);
    if (!trace) return;
    this.#noteMemory(name, trace);
    trace.watcher?.close();
    this.#traces.delete(name);
    if (trace.id !== undefined) this.#namesById.delete(trace.id);
    removeRunFolder(trace.folder);
    if (this.#traces.size === 0) this.#close();
  }

  #open(): void {
    if (!this.#hasClearedUp) removeDeadRunFolders();
    this.#hasClearedUp = true;
    this.#exits = tryWatch(this.#places.exits, (id) => {
      this.#onExitFile(id);
    });
    this.#cancel = this.#clock.every(lookMs, () => {
      for (const [name, trace] of this.#traces) this.#lookAfter(name, trace);
    });
  }

  /** Whoever clears up the folder for temporary files may have taken it away. */
  #ownFolder(): string {
    if (this.#root === undefined || !existsSync(this.#root)) this.#root = makeRunFolder(this.#token);
    return this.#root;
  }

  #close(): void {
    this.#cancel();
    this.#exits?.close();
    this.#exits = undefined;
    if (this.#root !== undefined) removeRunFolder(this.#root);
    this.#root = undefined;
  }

  #onRunning(name: string): void {
    const trace = this.#traces.get(name);
    const id = trace && read(path.join(trace.folder, files.id));
    if (!trace || id === undefined || trace.id !== undefined) return;
    trace.id = id;
    trace.monitorPid = Number(read(path.join(trace.folder, files.monitorPid)));
    this.#namesById.set(id, name);
    this.#fates.runs(name);
  }

  #onExitFile(id: string): void {
    const name = this.#namesById.get(id);
    const trace = name === undefined ? undefined : this.#traces.get(name);
    const code = read(path.join(this.#places.exits, id));
    if (name === undefined || trace === undefined || code === undefined || !/^\d+$/.test(code)) return;
    this.#noteMemory(name, trace);
    this.#fates.dies(name, { code: Number(code), signal: undefined });
  }

  #noteMemory(name: string, { folder, id }: Trace): void {
    const bundle = id === undefined ? [] : [path.join(this.#places.bundles, id, 'userdata')];
    if ([folder, ...bundle].some((place) => existsSync(path.join(place, 'oom')))) this.#fates.ranOutOfMemory(name);
  }

  /** A monitor ends after it has written the exit code: one that is gone twice without it was killed. */
  #lookAfter(name: string, trace: Trace): void {
    const { id, monitorPid } = trace;
    if (!this.#exits || id === undefined || !monitorPid || startTime(monitorPid) !== undefined) return;
    this.#onExitFile(id);
    if (trace.isMissed) this.#fates.dies(name, { code: undefined, signal: undefined, lost: 'monitor' });
    trace.isMissed = true;
  }
}

const files = { id: 'id', pid: 'pid', monitorPid: 'monitor' } as const;

/** The flags that have Podman write into a folder of `ConmonFiles`. */
export function traceArgs(folder: string): string[] {
  return [
    ...['--cidfile', path.join(folder, files.id)],
    ...['--conmon-pidfile', path.join(folder, files.monitorPid)],
    // The last one to appear.
    ...['--pidfile', path.join(folder, files.pid)],
  ];
}

/** A watch that tells names of files, or none where the system has none left to give. */
function tryWatch(folder: string, onFile: (name: string) => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, (_, file) => {
      if (file !== null) onFile(file);
    });
    return watcher.on('error', () => {
      watcher.close();
    });
  } catch {
    return undefined;
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
