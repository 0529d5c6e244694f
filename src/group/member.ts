import type { ServerConfig } from '../config/config.ts';
import type { ChannelLease } from '../relay/channel.ts';

/** A server of a group, as the group needs it: it may be replaced by another one of the same name. */
export interface Member {
  /** The same object for as long as the server is the same. */
  readonly config: ServerConfig;
  /**
   * A channel for one session of the group, or for Gangway itself.
   *
   * @param signal gives the wait up
   * @param client who asks, as far as fair turns go
   * @throws {BridgeError} what the server's own sessions get when there is none for them
   */
  lease(signal: AbortSignal, client: string): Promise<ChannelLease>;
}

/** The servers of a group at this moment, in the order in which they are shown. */
export type Members = () => readonly Member[];
