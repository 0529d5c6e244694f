import type { Bytes } from '../jsonrpc/bytes.ts';
import type { Connection, Reply } from '../relay/reply.ts';

/**
 * The response to one POST of 2026-07-28: nobody comes back to it. When it ends before the answer, the request is
 * cancelled.
 *
 * @see MCP 2026-07-28, Streamable HTTP, "Receiving Messages"
 */
export class ModernReply implements Reply {
  /** The HTTP status of an answer that nothing was said before. */
  status = 200;
  readonly #connection: Connection;
  #isStream = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  get isConnected(): boolean {
    return this.#connection.isOpen;
  }

  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  get isStream(): boolean {
    return this.#isStream;
  }

  event(message: Bytes): boolean {
    this.#isStream = true;
    return this.#connection.event(message, '');
  }

  answer(message: Bytes): boolean {
    if (!this.#isStream) return this.#connection.json(message, this.status);
    const isFast = this.#connection.event(message, '');
    this.#connection.end();
    return isFast;
  }

  openStream(): void {
    this.#isStream = true;
    this.#connection.openStream();
  }

  refuse(error: unknown, idText: string): void {
    this.#connection.refuse(error, idText);
  }

  close(): void {
    if (this.#isStream) this.#connection.end();
    else this.#connection.destroy();
  }

  destroy(): void {
    this.#connection.destroy();
  }

  onDrain(resume: () => void): void {
    this.#connection.onDrain(resume);
  }

  onClose(closed: () => void): void {
    this.#connection.onClose(closed);
  }
}

/**
 * The status of an answer, by the code of its error.
 *
 * @see MCP 2026-07-28, Streamable HTTP, "Protocol Version Header" and "Server Validation"; Base Protocol, "_meta"
 */
export function statusOf(rpcCode: number | undefined): number {
  if (rpcCode === undefined) return 200;
  if (rpcCode === -32_601) return 404;
  return rpcCode <= -32_020 && rpcCode >= -32_022 ? 400 : 200;
}
