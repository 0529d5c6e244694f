import type { ErrorData } from '../../src/base/errors.ts';
import type { Exit } from '../../src/engine/engine.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { isRefusal, readMessage, serverLimits } from '../../src/jsonrpc/message.ts';
import type { Receiver, Upstream, UpstreamEnd } from '../../src/upstream/upstream.ts';

/** The channel of a server, without a process behind it: what it says arrives at once. */
export class FakeUpstream {
  readonly name = 'fake';
  /** Lines that were sent to it. */
  readonly sent: string[] = [];
  isBusy = false;
  exit: Exit | undefined;
  readonly stderr: string[] = [];
  #receiver: Receiver | undefined;

  /** As its users see it. */
  get asUpstream(): Upstream {
    return this as unknown as Upstream;
  }

  attach(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  send(bytes: Bytes): void {
    this.sent.push(bytes.toString());
  }

  describeExit(): ErrorData {
    return { ...(this.exit?.code === undefined ? {} : { exitCode: this.exit.code }), stderr: this.stderr };
  }

  says(...texts: string[]): void {
    for (const text of texts) {
      const bytes = Bytes.from(text);
      const read = readMessage(bytes, serverLimits);
      if (isRefusal(read)) {
        if (read.answers !== undefined) this.#receiver?.onGarbled(read.answers);
      } else if (read.kind !== 'batch') {
        this.#receiver?.onMessage(read, bytes);
      }
    }
  }

  ends(reason: UpstreamEnd['reason'] = 'exited', exit: Exit = { code: 1, signal: undefined }): void {
    this.exit = exit;
    this.#receiver?.onEnd({ reason, exit });
  }

  /** The last line that was sent to it, parsed. */
  get last(): { readonly id?: unknown; readonly method?: string; readonly params?: object; readonly error?: unknown } {
    return JSON.parse(this.sent.at(-1) ?? 'null') as FakeUpstream['last'];
  }
}
