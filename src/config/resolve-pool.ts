import type { PoolConfig, Sharing } from './config.ts';
import { defaults } from './defaults.ts';
import { defined } from './defined.ts';
import type { CommonEntry, ServerEntry } from './schema.ts';
import type { Surroundings } from './surroundings.ts';

/** Keys of `pool` that mean something with one kind of sharing only. */
export const poolKeys: Readonly<Record<Sharing, readonly (keyof NonNullable<ServerEntry['pool']>)[]>> = {
  session: ['warm'],
  shared: [
    ...(['min', 'target', 'maxOngoing', 'upscaleDelay', 'downscaleDelay', 'lookBack'] as const),
    ...(['upscaleFactor', 'downscaleFactor', 'maxUses'] as const),
  ],
};

/** The pool of one server, with what its `sharing` has no use for refused. */
export function resolvePool(
  entry: ServerEntry,
  shared: CommonEntry,
  sharing: Sharing,
  report: Surroundings['report'],
): PoolConfig {
  const other = sharing === 'session' ? 'shared' : 'session';
  for (const key of poolKeys[other]) {
    if (entry.pool?.[key] !== undefined)
      report(['pool', key], `is for sharing: ${other}; this server has sharing: ${sharing}`);
  }
  const pool = { ...defaults.server.pool, ...defined(shared.pool), ...defined(entry.pool) };
  const maxOngoing = entry.pool?.maxOngoing ?? shared.pool?.maxOngoing ?? Math.max(1, Math.ceil(2 * pool.target));
  return {
    warm: atMost('warm', sharing === 'session'),
    min: atMost('min', sharing === 'shared'),
    max: pool.max,
    maxOngoing,
    maxUses: pool.maxUses,
    scaling: {
      target: pool.target,
      upscaleDelayMs: pool.upscaleDelay,
      downscaleDelayMs: pool.downscaleDelay,
      lookBackMs: pool.lookBack,
      upscaleFactor: pool.upscaleFactor,
      downscaleFactor: pool.downscaleFactor,
    },
    queue: pool.queue,
    acquireTimeoutMs: pool.acquireTimeout,
    idleTimeoutMs: pool.idleTimeout,
    maxAgeMs: pool.maxAge,
  };

  /** A smaller `max` lowers what nobody wrote. */
  function atMost(key: 'warm' | 'min', counts: boolean): number {
    const written = entry.pool?.[key] ?? shared.pool?.[key];
    if (counts && written !== undefined && written > pool.max)
      report(['pool', key], `got ${written}, wanted at most pool.max (${pool.max})`);
    return Math.min(written ?? pool[key], pool.max);
  }
}
