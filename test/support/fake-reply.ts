import type { Bytes } from '../../src/jsonrpc/bytes.ts';
import type { Reply } from '../../src/relay/reply.ts';
import { FakeOutflow } from './fake-outflow.ts';

/** The reply to one request. */
export class FakeReply extends FakeOutflow implements Reply {
  readonly answers: string[] = [];
  /** The ids of the requests that the answers were for. */
  readonly answered: (string | undefined)[] = [];
  isConnected = true;
  isStream = false;

  event(message: Bytes, answerTo?: string): boolean {
    this.calls.push('event');
    this.events.push(message.toString());
    if (answerTo !== undefined) this.answered.push(answerTo);
    this.isStream = true;
    return !this.isSlow;
  }

  answer(message: Bytes, answerTo: string): boolean {
    this.calls.push('answer');
    this.answers.push(message.toString());
    this.answered.push(answerTo);
    this.finish();
    return !this.isSlow;
  }

  openStream(): void {
    this.calls.push('openStream');
    this.isStream = true;
  }

  close(): void {
    this.calls.push('close');
    this.finish();
  }
}
