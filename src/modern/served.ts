import type { Served } from '../legacy/registry.ts';
import type { ChannelLease } from '../relay/channel.ts';

/**
 * How requests of 2026-07-28 are served. `relay`: by a server that speaks it itself. `translate`: by a legacy one that
 * many share. `per-call`: each by a legacy one of its own. `fallback`: not at all, so that the client goes back to a
 * session.
 */
export type ModernWay = 'relay' | 'translate' | 'per-call' | 'fallback';

/** What a server has for requests of 2026-07-28. */
export interface ModernSupply {
  /** As far as it is known now. */
  readonly way: ModernWay | undefined;
  /** Finds out, asking the server where that is needed. @throws {BridgeError} what keeps it from starting */
  find(): Promise<ModernWay>;
  /** What one request talks to, where that is there at once. @throws {BridgeError} why nothing can be relied upon now */
  visit?(client: string): ChannelLease | undefined;
  /**
   * What one request talks to, where that has to be waited for.
   *
   * @param signal gives the wait up
   * @param client who asks: those who wait are served in turns
   * @throws {BridgeError} what `Pool.acquire` throws
   */
  lease(signal: AbortSignal, client: string): Promise<ChannelLease>;
}

/** A server, as both eras of clients use it. */
export interface ModernServed extends Served {
  readonly modern: ModernSupply;
}
