import type { BridgeError, ErrorData } from '../../src/base/errors.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { isRefusal, readMessage, serverLimits, type Envelope, type Id } from '../../src/jsonrpc/message.ts';
import type { RetireReason } from '../../src/pool/slot.ts';
import type { Channel, ChannelLease, ChannelReceiver } from '../../src/relay/channel.ts';
import type { UpstreamEnd } from '../../src/upstream/upstream.ts';

/** What was sent to a channel, parsed. */
export interface Sent {
  readonly jsonrpc: '2.0';
  readonly id?: Id;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** A leased channel without anything behind it: a test says what the server says. */
export class FakeChannel implements Channel, ChannelLease {
  readonly name = 'fake';
  readonly noiseLines = 0;
  readonly wasWarm = true;
  readonly upstream = this;
  /** Lines that were sent. */
  readonly lines: string[] = [];
  /** What happens with each line that is sent. */
  onLine: (message: Sent) => void = () => undefined;
  isBusy = false;
  isDead = false;
  wasProved = false;
  released: RetireReason[] = [];
  #receiver: ChannelReceiver | undefined;

  attach(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
  }

  send(bytes: Bytes, _message: Envelope): void {
    const line = bytes.toString();
    this.lines.push(line);
    queueMicrotask(() => {
      this.onLine(JSON.parse(line) as Sent);
    });
  }

  pause(): void {
    throw new Error('Nobody was to be behind here');
  }

  resume(): void {
    throw new Error('Nobody was to be behind here');
  }

  isAlive(): boolean {
    return !this.isDead;
  }

  describeExit(): ErrorData {
    return { exitCode: 3 };
  }

  prove(): void {
    this.wasProved = true;
  }

  release(reason: RetireReason): Promise<void> {
    this.released.push(reason);
    return Promise.resolve();
  }

  /** What was sent, parsed. */
  get sent(): Sent[] {
    return this.lines.map((line) => JSON.parse(line) as Sent);
  }

  /** The server says something; its bytes are gone right afterwards. */
  says(message: string | object): void {
    const bytes = Bytes.from(typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message }));
    const read = readMessage(bytes, serverLimits);
    if (isRefusal(read) || read.kind === 'batch') throw new Error('A test says valid messages');
    this.#receiver?.onMessage(read, bytes);
    for (const part of bytes.parts) part.fill('#');
  }

  ends(reason: UpstreamEnd['reason'] = 'exited'): void {
    this.#receiver?.onEnd({ reason, exit: { code: 3, signal: undefined } });
  }

  fails(id: Id, error: BridgeError): void {
    this.#receiver?.onFailed(id, error, false);
  }

  garbles(id: Id): void {
    this.#receiver?.onGarbled(id);
  }
}
