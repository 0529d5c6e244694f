import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { BridgeError } from '../base/errors.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import { isRefusal, readMessage, serverLimits } from '../jsonrpc/message.ts';
import type { ChannelLease } from '../relay/channel.ts';

/** The SDK's transport over a channel. */
export class LeaseTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #lease: ChannelLease;
  #isClosed = false;
  #failure: BridgeError | undefined;

  constructor(lease: ChannelLease) {
    this.#lease = lease;
  }

  /** Why a request was not answered by the server, of late. */
  get failure(): BridgeError | undefined {
    return this.#failure;
  }

  start(): Promise<void> {
    this.#lease.upstream.attach({
      onMessage: (_, bytes) => {
        this.#take(JSON.parse(bytes.toString()) as JSONRPCMessage);
      },
      onFailed: (id, error) => {
        this.#failure = error;
        this.#take({ jsonrpc: '2.0', id, error: { code: -32603, message: error.message } });
      },
      onGarbled: () => undefined,
      onFlood: () => undefined,
      onEnd: () => {
        void this.close();
      },
    });
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    const bytes = Bytes.from(JSON.stringify(message));
    const envelope = readMessage(bytes, serverLimits);
    if (isRefusal(envelope) || envelope.kind === 'batch') throw new TypeError('The SDK sends valid messages');
    this.#lease.upstream.send(bytes, envelope);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#lease.release('session-ended');
    this.onclose?.();
  }

  /** Each in a turn of its own: the SDK handles a notification later than a response that comes right behind it. */
  #take(message: JSONRPCMessage): void {
    setImmediate(() => this.onmessage?.(message));
  }
}
