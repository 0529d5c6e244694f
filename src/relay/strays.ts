import type { SharedUpstream } from '../upstream/shared-upstream.ts';

/** How many messages of a server's containers, those that are gone included, belonged to nothing. */
export class Strays {
  readonly #running = new Set<SharedUpstream>();
  #ofEnded = 0;

  /** One more container, until it ends. */
  watch(shared: SharedUpstream): void {
    this.#running.add(shared);
    void shared.ended.then(() => {
      this.#running.delete(shared);
      this.#ofEnded += shared.unexpected;
    });
  }

  get total(): number {
    return [...this.#running].reduce((sum, { unexpected }) => sum + unexpected, this.#ofEnded);
  }
}
