import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Reply } from './reply.ts';

/**
 * The replies to the requests of one batch: they share a stream, which ends with the last answer.
 *
 * @see MCP 2025-03-26, Transports, "Sending Messages to the Server"
 */
export function shareReply(reply: Reply, count: number): Reply[] {
  let left = count;
  const leave = (): void => {
    left -= 1;
    if (left === 0) reply.close();
  };
  return Array.from({ length: count }, () => new SharedReply(reply, leave));
}

class SharedReply implements Reply {
  /** One refusal must not take the place of the others' answers. */
  readonly isStream = true;
  readonly #reply: Reply;
  readonly #leave: () => void;

  constructor(reply: Reply, leave: () => void) {
    this.#reply = reply;
    this.#leave = leave;
  }

  get isOpen(): boolean {
    return this.#reply.isOpen;
  }

  get isConnected(): boolean {
    return this.#reply.isConnected;
  }

  get isClosed(): boolean {
    return this.#reply.isClosed;
  }

  event(message: Bytes): boolean {
    return this.#reply.event(message);
  }

  answer(message: Bytes, answerTo: string): boolean {
    const isFast = this.#reply.event(message, answerTo);
    this.#leave();
    return isFast;
  }

  openStream(): void {
    this.#reply.openStream();
  }

  refuse(error: unknown, idText: string): void {
    this.#reply.refuse(error, idText);
  }

  close(): void {
    this.#leave();
  }

  destroy(): void {
    this.#reply.destroy();
  }

  onDrain(resume: () => void): void {
    this.#reply.onDrain(resume);
  }

  onClose(closed: () => void): void {
    this.#reply.onClose(closed);
  }
}
