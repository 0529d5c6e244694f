import { deferred, type Deferred } from '../base/deferred.ts';
import type { Exit } from './engine.ts';

interface Fate {
  readonly running: Deferred<void>;
  readonly died: Deferred<Exit>;
  isRunning: boolean;
  isOutOfMemory: boolean;
}

/** The exit code of a process that was killed: by the kernel, for lack of memory, among others. */
const killed = 137;

/**
 * What becomes of the containers of this run, each from before its start to the end of its client. Several sources
 * tell; the first word counts, and what they say of others' containers does not.
 */
export class Fates {
  readonly #fates = new Map<string, Fate>();

  /** Before the start: from now on, what is told of this name is kept. Both promises resolve for certain. */
  expect(name: string): { readonly running: Promise<void>; readonly died: Promise<Exit> } {
    const fate: Fate = { running: deferred(), died: deferred<Exit>(), isRunning: false, isOutOfMemory: false };
    this.#fates.set(name, fate);
    return { running: fate.running.promise, died: fate.died.promise };
  }

  /** Names whose containers are not known to run yet. */
  starting(): string[] {
    return [...this.#fates].flatMap(([name, { isRunning }]) => (isRunning ? [] : [name]));
  }

  /** Whether the process in it has begun, whatever became of it. */
  hasRun(name: string): boolean {
    return this.#fates.get(name)?.isRunning ?? false;
  }

  /** The process in it has begun. */
  runs(name: string): void {
    const fate = this.#fates.get(name);
    if (!fate) return;
    fate.isRunning = true;
    fate.running.resolve();
  }

  /** The kernel has killed a process in it for lack of memory. */
  ranOutOfMemory(name: string): void {
    const fate = this.#fates.get(name);
    if (fate) fate.isOutOfMemory = true;
  }

  /** The process in it has ended. */
  dies(name: string, exit: Exit): void {
    const fate = this.#fates.get(name);
    const isOomKilled = fate?.isOutOfMemory === true && exit.code === killed;
    fate?.died.resolve(isOomKilled ? { ...exit, isOomKilled } : exit);
    fate?.running.resolve();
  }

  /** Its client has ended, which is the last word. */
  close(name: string, exit: Exit): void {
    this.dies(name, exit);
    this.#fates.delete(name);
  }
}
