import { describeError } from '../../src/jsonrpc/error-message.ts';
import type { Reply } from '../../src/relay/reply.ts';

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly idText: string;
}

/** One response that writes down what is done to it. Its client can be slow, and can go away. */
export class FakeReply implements Reply {
  readonly jsons: string[] = [];
  readonly events: string[] = [];
  readonly refusals: Refusal[] = [];
  /** Each call, in its order. */
  readonly calls: string[] = [];
  isOpen = true;
  isClosed = false;
  /** While set, each event and each answer is more than the client reads. */
  isSlow = false;
  #onDrain: (() => void)[] = [];
  #onClose: (() => void)[] = [];

  json(message: Buffer): boolean {
    this.calls.push('json');
    this.jsons.push(message.toString());
    // A slow client has its answer when it drains, and the response is over then.
    if (this.isSlow) this.isOpen = false;
    else this.#finish();
    return !this.isSlow;
  }

  openStream(): void {
    this.calls.push('openStream');
  }

  event(message: Buffer): boolean {
    this.calls.push('event');
    this.events.push(message.toString());
    return !this.isSlow;
  }

  end(): void {
    this.calls.push('end');
    this.#finish();
  }

  refuse(error: unknown, idText: string): void {
    const { code, message } = describeError(error);
    this.calls.push('refuse');
    this.refusals.push({ code, message, idText });
    this.#finish();
  }

  destroy(): void {
    this.calls.push('destroy');
    this.#finish();
  }

  onDrain(resume: () => void): void {
    this.#onDrain.push(resume);
  }

  onClose(closed: () => void): void {
    this.#onClose.push(closed);
  }

  /** The client has read everything. */
  drain(): void {
    for (const resume of this.#onDrain.splice(0)) resume();
  }

  /** The client goes away. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#tellClosed();
  }

  /** We end it: as with a response of Node, that is heard of a little later. */
  #finish(): void {
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

  /** The one JSON document that it was answered with, parsed. */
  get answer(): unknown {
    return JSON.parse(this.jsons[0] ?? 'null') as unknown;
  }
}
