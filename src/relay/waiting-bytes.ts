import { BridgeError } from '../base/errors.ts';

/** Calls in line hold their bytes: this much of one server at most. */
const maxWaitingBytes = 64 * 1024 * 1024;

/** How many bytes stand in line for one server. */
export class WaitingBytes {
  #bytes = 0;

  /**
   * Waits with a number of bytes in hand.
   *
   * @throws {BridgeError} `POOL_FULL`: too many wait already, so it was not begun; and what `wait` throws
   */
  async hold<T>(bytes: number, wait: () => Promise<T>): Promise<T> {
    if (this.#bytes + bytes > maxWaitingBytes) {
      const sentence = `Cannot take the request: ${this.#bytes} bytes wait already, limit is ${maxWaitingBytes}`;
      throw new BridgeError('POOL_FULL', sentence, { maxWaitingBytes });
    }
    this.#bytes += bytes;
    try {
      return await wait();
    } finally {
      this.#bytes -= bytes;
    }
  }
}
