import { describeError } from '../../src/jsonrpc/error-message.ts';
import type { Outflow } from '../../src/relay/reply.ts';

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly idText: string;
}

/** What goes to a client that can be slow, and can go away; it writes down what is done to it. */
export abstract class FakeOutflow implements Outflow {
  /** Each call, in its order. */
  readonly calls: string[] = [];
  readonly events: string[] = [];
  readonly refusals: Refusal[] = [];
  isOpen = true;
  isClosed = false;
  /** While set, each event and each answer is more than the client reads. */
  isSlow = false;
  #onDrain: (() => void)[] = [];
  #onClose: (() => void)[] = [];

  refuse(error: unknown, idText: string): void {
    const { code, message } = describeError(error);
    this.calls.push('refuse');
    this.refusals.push({ code, message, idText });
    this.finish();
  }

  destroy(): void {
    this.calls.push('destroy');
    this.finish();
  }

  onDrain(resume: () => void): void {
    this.#onDrain.push(resume);
  }

  onClose(closed: () => void): void {
    this.#onClose.push(closed);
  }

  /** How many wait to hear of the end. */
  get waiting(): number {
    return this.#onClose.length + this.#onDrain.length;
  }

  /** The client has read everything. */
  drain(): void {
    for (const resume of this.#onDrain.splice(0)) resume();
  }

  /** The client goes away. */
  vanish(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#tellClosed();
  }

  /** We end it: as with a response of Node, that is heard of a little later. */
  protected finish(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    queueMicrotask(() => {
      this.#tellClosed();
    });
  }

  #tellClosed(): void {
    this.isClosed = true;
    for (const closed of this.#onClose.splice(0)) closed();
    this.drain();
  }
}
