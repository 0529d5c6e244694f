import type { Log } from '../base/log.ts';
import type { ServerConfig } from '../config/config.ts';
import type { ModernSupply, ModernWay } from '../modern/served.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { viewLease } from '../relay/view-channel.ts';
import type { EraSupply } from './era-supply.ts';

type Lease = ModernSupply['lease'];

/** One of the servers of a group. */
export interface Peer {
  readonly config: ServerConfig;
  readonly modern: ModernSupply;
}

interface Surroundings {
  /** See `Served`. */
  readonly lease: Lease;
  /** The servers of a group at this moment. */
  readonly peers: () => readonly Peer[];
}

/** Of a server that has containers. */
export function processModern(supply: EraSupply, config: ServerConfig, lease: Lease, log: Log): ModernSupply {
  const visit = (client: string): ChannelLease | undefined => {
    const shared = sharedBy(supply, client);
    return shared && viewLease(shared, config.tools, log);
  };
  return {
    get way() {
      return supply.way;
    },
    find: () => supply.find(),
    visit,
    lease: async (signal, client) => {
      await supply.find();
      signal.throwIfAborted();
      return visit(client) ?? lease(signal, client);
    },
  };
}

function sharedBy(supply: EraSupply, client: string): ChannelLease | undefined {
  if (supply.way === 'relay') return supply.join(client);
  return supply.way === 'translate' ? supply.visit(client) : undefined;
}

/** Of what has no process: an HTTP app keeps nothing between two calls, a server elsewhere has sessions of its own. */
export function backendModern(config: ServerConfig, { lease, peers }: Surroundings): ModernSupply {
  const { kind } = config.source;
  if (config.modern === 'fallback' || kind === 'url') return fixed('fallback', lease);
  return kind === 'group' ? groupModern(peers, lease) : fixed('translate', lease);
}

function fixed(way: ModernWay, lease: Lease): ModernSupply {
  return { way, find: () => Promise.resolve(way), lease };
}

/** A group can do without sessions what all of its servers can. */
function groupModern(peers: () => readonly Peer[], lease: Lease): ModernSupply {
  const meant = (): ModernSupply[] => peers().flatMap(({ config, modern }) => (config.disabled ? [] : [modern]));
  return {
    get way() {
      const ways = meant().map(({ way }) => way);
      if (ways.some((way) => way === 'fallback' || way === 'per-call')) return 'fallback';
      return ways.includes(undefined) ? undefined : 'translate';
    },
    find: async () => {
      // One that cannot be asked now may turn out to need a session.
      const ways = await Promise.all(meant().map((peer) => peer.find().catch(() => 'fallback' as const)));
      return ways.every((way) => way === 'translate' || way === 'relay') ? 'translate' : 'fallback';
    },
    lease,
  };
}
