import type { Server } from 'node:http';

/** Counts the responses that have not gone out to their end: a client may read slowly. */
export class OpenAnswers {
  #count = 0;

  constructor(server: Server) {
    server.on('request', (_request, response) => {
      // Pipelined, and told nothing of its connection's end: the listener has cut it off.
      if (!response.socket) return;
      this.#count += 1;
      response.once('close', () => {
        this.#count -= 1;
      });
    });
  }

  get count(): number {
    return this.#count;
  }
}
