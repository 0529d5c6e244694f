import type { Bytes } from '../../src/jsonrpc/bytes.ts';
import type { Connection } from '../../src/relay/reply.ts';
import { FakeOutflow } from './fake-outflow.ts';

/** One HTTP response: a document, or a stream. */
export class FakeConnection extends FakeOutflow implements Connection {
  readonly jsons: string[] = [];
  /** The ids of the events, those without data included. */
  readonly ids: string[] = [];

  json(message: Bytes): boolean {
    this.calls.push('json');
    this.jsons.push(message.toString());
    // A slow client has its answer when it drains, and the response is over then.
    if (this.isSlow) this.isOpen = false;
    else this.finish();
    return !this.isSlow;
  }

  openStream(): void {
    this.calls.push('openStream');
  }

  event(message: Bytes, id: string): boolean {
    this.calls.push('event');
    this.events.push(message.toString());
    this.ids.push(id);
    return !this.isSlow;
  }

  prime(id: string, retryMs: number): boolean {
    this.calls.push(`prime ${retryMs}`);
    this.ids.push(id);
    return !this.isSlow;
  }

  end(): void {
    this.calls.push('end');
    this.finish();
  }

  /** All messages, whether they came as a document or as events. */
  get said(): string[] {
    return [...this.jsons, ...this.events];
  }

  /** The last message, parsed. */
  get answer(): unknown {
    return JSON.parse(this.said.at(-1) ?? 'null') as unknown;
  }
}
