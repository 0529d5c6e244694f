import type { BridgeError } from '../base/errors.ts';
import type { ChannelLease } from './channel.ts';

/**
 * What stands behind a server that has no process of ours: an HTTP app, or a server somewhere else. It holds the
 * server's configuration, whose sizes and times may change while it lives.
 */
export interface Backend {
  /** Gets what it needs before it can serve. Called again, it gets that anew. @throws {BridgeError} why it cannot serve */
  open(): Promise<void>;
  /** Why it serves nobody now, as far as it knows. */
  readonly failure: BridgeError | undefined;
  /**
   * A channel for one session.
   *
   * @param signal gives the wait up
   * @param client who asks, as far as fair turns go
   * @throws {BridgeError} what `open` throws
   */
  lease(signal: AbortSignal, client: string): Promise<ChannelLease>;
  /** Sessions whose end somebody else does not know yet; absent where nobody has to be told. */
  readonly leases?: number;
  /** What it is made of may be something else now. */
  refresh?(): void;
  /** Nothing is asked of it by itself any more; sessions go on. */
  close?(): void;
  /** Facts for `/status`: no secrets. */
  describe(): object;
}
