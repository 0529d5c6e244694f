import type { ServerConfig } from '../../src/config/config.ts';
import type { ChannelLease } from '../../src/relay/channel.ts';
import type { Relay } from '../../src/service/era-supply.ts';

export interface FakeRelay extends Relay {
  readonly config: ServerConfig;
  /** What was asked of it, in order; not its sizes. */
  readonly calls: string[];
}

/** Upstreams of 2026-07-28 that nobody starts. */
export function fakeRelay(config: ServerConfig): FakeRelay {
  const calls: string[] = [];
  const lease = { upstream: {}, wasWarm: true, prove: () => undefined, release: () => Promise.resolve() };
  const given = (call: string): ChannelLease => {
    calls.push(call);
    return lease as unknown as ChannelLease;
  };
  const none = { starting: 0, ready: 0, draining: 0, retiring: 0 };
  const pool = {
    fill: () => {
      calls.push('fill');
      return Promise.resolve();
    },
    resize: () => undefined,
    recycle: () => void calls.push('recycle'),
    drain: () => void calls.push('drain'),
    stats: () => none,
  } as unknown as Relay['pool'];
  return {
    ...{ config, calls, pool, unexpected: 0 },
    join: (client) => given(`join ${client}`),
    reverse: (client) => given(`reverse ${client}`),
  };
}
