// The load process, seen from run.mjs.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export class Crew {
  #process = fork(fileURLToPath(new URL('load.mjs', import.meta.url)), { serialization: 'advanced' });

  /** One order at a time. @param {string} order a function of load.mjs @throws when it fails there */
  async tell(order, details = {}) {
    const { result, error } = await new Promise((resolve) => {
      const ended = (code) => resolve({ error: `The load process ended with ${code}` });
      this.#process.once('exit', ended);
      this.#process.once('message', (answer) => {
        this.#process.off('exit', ended);
        resolve(answer);
      });
      this.#process.send({ order, ...details });
    });
    if (error !== undefined) throw new Error(error);
    return result;
  }

  end() {
    this.#process.kill();
  }
}
