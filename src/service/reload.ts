import type { Clock } from '../base/clock.ts';
import { BridgeError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import type { ConfigDiff } from '../config/diff.ts';
import type { ConfigFile } from '../config/load.ts';
import { FileWatch, type Content } from './file-watch.ts';

interface Surroundings {
  /** Puts a valid configuration in force, in one go. */
  readonly apply: (config: Config) => ConfigDiff;
  readonly clock: Clock;
  readonly log: Log;
}

/** How the last reload went, for `/status`. */
export interface ReloadState {
  /** When the configuration in force was read. */
  readonly loadedAt: string;
  /** Why the file as it stands is not in force. */
  readonly lastError?: string;
  /** Keys that wait for a restart. */
  readonly needsRestart?: readonly string[];
}

/**
 * Keeps the configuration in step with its file: reads it again when it has changed and when it is told to. What is
 * invalid changes nothing. A reload is done before it returns (what it starts comes up later), so there are never two.
 */
export class Reload {
  readonly #file: ConfigFile;
  readonly #around: Surroundings;
  readonly #watch: FileWatch;
  #state: ReloadState = { loadedAt: new Date().toISOString() };
  /** What was refused last, and why: to say it once. */
  #refused: { readonly content: Content; readonly error: string } | undefined;
  #isClosed = false;

  constructor(file: ConfigFile, around: Surroundings) {
    this.#file = file;
    this.#around = around;
    this.#watch = new FileWatch(file.config.file, file.text, {
      ...around,
      read: () => this.#read(),
      onChange: () => {
        this.now();
      },
    });
  }

  get state(): ReloadState {
    return this.#state;
  }

  /** From now on, changes of the file are found. */
  start(): void {
    if (!this.#isClosed) this.#watch.start();
  }

  /** Reads the file again, changed or not: the secret files that it names may have changed. */
  now(): void {
    const { log, apply } = this.#around;
    if (this.#isClosed) {
      log.info('the configuration is not read again: Gangway is shutting down');
      return;
    }
    const content = this.#read();
    this.#watch.know(content);
    let config: Config;
    try {
      config = this.#file.parse(content ?? this.#file.read());
    } catch (error) {
      // Whatever it is: a file must not be able to end a program that runs.
      this.#refuse(content, error instanceof BridgeError ? error.message : `it cannot be read: ${messageOf(error)}`);
      return;
    }
    this.#refused = undefined;
    const diff = apply(config);
    const { needsRestart } = diff;
    this.#state = { loadedAt: new Date().toISOString(), ...(needsRestart.length > 0 ? { needsRestart } : {}) };
    this.#report(diff);
  }

  /** The program ends: nothing is read any more. */
  close(): void {
    this.#isClosed = true;
    this.#watch.close();
  }

  #read(): Content {
    try {
      return this.#file.read();
    } catch {
      return undefined;
    }
  }

  #refuse(content: Content, error: string): void {
    const isNews = this.#refused?.content !== content || this.#refused?.error !== error;
    this.#refused = { content, error };
    this.#state = { ...this.#state, lastError: error };
    const sentence = 'the configuration is not valid: nothing was changed';
    if (isNews) this.#around.log.error({ error }, sentence);
    else this.#around.log.info('the configuration is as it was, and still not valid: nothing was changed');
  }

  #report(diff: ConfigDiff): void {
    const { log } = this.#around;
    const fields = {
      added: diff.added,
      removed: diff.removed,
      changed: diff.changed.map(({ name, keys }) => `${name}: ${keys.join(', ')}`),
      resized: diff.resized.map(({ name, keys }) => `${name}: ${keys.join(', ')}`),
      adjusted: diff.adjusted,
    };
    const found = Object.entries(fields).filter(([, names]) => names.length > 0);
    if (found.length > 0)
      log.info({ ...Object.fromEntries(found), unchanged: diff.unchanged.length }, 'configuration reloaded');
    else log.info('configuration read again: nothing to change');
    const { needsRestart } = diff;
    if (needsRestart.length > 0) log.warn({ keys: needsRestart }, 'these keys of the configuration wait for a restart');
  }
}
