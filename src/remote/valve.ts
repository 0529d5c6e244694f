import { deferred, type Deferred } from '../base/deferred.ts';

/** Keeps readers waiting while what they read has nowhere to go. */
export class Valve {
  #opened: Deferred<void> | undefined;

  /** To be awaited before more is read; undefined while it is open. */
  get passable(): Promise<void> | undefined {
    return this.#opened?.promise;
  }

  close(): void {
    this.#opened ??= deferred();
  }

  open(): void {
    this.#opened?.resolve();
    this.#opened = undefined;
  }
}
