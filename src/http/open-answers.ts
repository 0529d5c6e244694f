import type { ServerResponse } from 'node:http';

/** Counts the responses that have not gone out to their end: a client may read slowly. */
export class OpenAnswers {
  #count = 0;
  readonly #leave = (): void => {
    this.#count -= 1;
  };

  get count(): number {
    return this.#count;
  }

  add(response: ServerResponse): void {
    this.#count += 1;
    response.on('close', this.#leave);
  }
}
