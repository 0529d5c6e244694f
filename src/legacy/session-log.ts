import type { Channel, ChannelLease } from '../relay/channel.ts';
import type { CloseReason } from './session-end.ts';

/** The beginning of a session, for the log. */
export function describeStart(lease: ChannelLease, version: string | undefined, ms: number): object {
  const { name } = lease.upstream;
  return { container: name, warm: lease.wasWarm, ms: Math.round(ms), protocol: version?.slice(0, 32) };
}

/** The end of a session, for the log. */
export function describeEnd(
  reason: CloseReason,
  upstream: Channel,
  { calls, unexpected, ms }: { readonly calls: number; readonly unexpected: number; readonly ms: number },
): object {
  return {
    reason,
    seconds: Math.round(ms / 100) / 10,
    calls,
    ...(unexpected > 0 ? { unexpectedMessages: unexpected } : {}),
    ...(upstream.noiseLines > 0 ? { noiseLines: upstream.noiseLines } : {}),
    ...(reason === 'upstream-ended' || reason === 'start-failed' ? upstream.describeExit() : {}),
  };
}
