import type { Channel, ChannelLease } from './channel.ts';

/** The right to use a channel that is there at once, and is closed when it is given back. */
export function readyLease(channel: Channel & { close(): void }): ChannelLease {
  return {
    upstream: channel,
    wasWarm: true,
    // There is no start that could have failed.
    prove: () => undefined,
    release: () => {
      channel.close();
      return Promise.resolve();
    },
  };
}
