import { RelayServer } from '../relay/relay-server.ts';
import { reverseLease } from '../relay/reverse-channel.ts';
import type { Relay, RelayMaker } from './era-supply.ts';

/** The upstreams of a server that speaks 2026-07-28 itself, for clients of both eras. */
export const makeRelay: RelayMaker = (config, around): Relay => {
  const server = new RelayServer(config, around);
  return {
    pool: server.pool,
    get unexpected() {
      return server.unexpected;
    },
    join: (client) => server.join(client),
    reverse: (client) =>
      reverseLease(server.join(client), {
        name: config.name,
        discover: (signal) => server.discover(client, signal),
      }),
  };
};
