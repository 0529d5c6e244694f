import { watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../base/errors.ts';
import type { Cancel, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';

/** A change counts when the file has read the same for this long: editors and scripts write in steps. */
const settleMs = 200;
/** It is also looked at without being told: a folder may be mounted from where no events come. */
const lookMs = 3000;

/** What a file holds; undefined while it cannot be read. */
export type Content = string | undefined;

interface Surroundings {
  readonly read: () => Content;
  readonly onChange: (content: Content) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Notices when a file holds something else than before, however it came there: written in place, replaced by an editor,
 * mounted anew, swapped behind a symbolic link.
 */
export class FileWatch {
  readonly #file: string;
  readonly #around: Surroundings;
  /** What is known to have been there. */
  #known: Content;
  /** What the last look found, while it may still change. */
  #unsettled: { readonly content: Content; readonly cancel: Cancel } | undefined;
  #watcher: FSWatcher | undefined;
  #stopLooking: Cancel = () => undefined;

  /** @param known what the file held when it was read last */
  constructor(file: string, known: Content, around: Surroundings) {
    this.#file = file;
    this.#known = known;
    this.#around = around;
  }

  start(): void {
    this.#watchFolder();
    this.#stopLooking = this.#around.clock.every(lookMs, () => {
      this.#glance();
    });
    this.#glance();
  }

  /** The file was read by somebody else: this is no news any more. */
  know(content: Content): void {
    this.#settle();
    this.#known = content;
  }

  close(): void {
    this.#watcher?.close();
    this.#stopLooking();
    this.#settle();
  }

  /** The folder, not the file: an editor that saves puts another file in its place. */
  #watchFolder(): void {
    const name = path.basename(this.#file);
    try {
      this.#watcher = watch(path.dirname(this.#file), { persistent: false }, (_event, changed) => {
        if (changed === null || changed === name) this.#glance();
      });
      this.#watcher.on('error', (error) => {
        this.#doWithout(error);
      });
    } catch (error) {
      this.#doWithout(error);
    }
  }

  #doWithout(error: unknown): void {
    const fields = { file: this.#file, error: codeOf(error) };
    this.#around.log.warn(fields, `changes of the file are seen late: it is looked at every ${lookMs / 1000} s`);
  }

  #glance(): void {
    // Whoever waits for it to settle looks again anyway.
    if (!this.#unsettled) this.#look();
  }

  #look(): void {
    const content = this.#around.read();
    const before = this.#unsettled;
    this.#settle();
    if (content === this.#known) return;
    if (before && before.content === content) {
      this.#known = content;
      this.#around.onChange(content);
      return;
    }
    const cancel = this.#around.clock.after(settleMs, () => {
      this.#look();
    });
    this.#unsettled = { content, cancel };
  }

  #settle(): void {
    this.#unsettled?.cancel();
    this.#unsettled = undefined;
  }
}
