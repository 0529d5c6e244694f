import type { ModernChoice, Sharing } from './config.ts';
import { defaults } from './defaults.ts';
import type { CommonEntry, ServerEntry } from './schema.ts';
import type { Surroundings } from './surroundings.ts';

/** How a server serves requests of 2026-07-28; reports what does not fit it. What `defaults:` say holds where it fits. */
export function resolveModern(
  entry: ServerEntry,
  shared: CommonEntry,
  sharing: Sharing,
  report: Surroundings['report'],
): ModernChoice {
  const { modern = shared.modern ?? defaults.server.modern } = entry;
  const misfit = misfitOf(modern, entry, sharing);
  if (misfit === undefined) return modern;
  if (entry.modern !== undefined) report(['modern'], `"${modern}" ${misfit}`);
  return defaults.server.modern;
}

function misfitOf(modern: ModernChoice, entry: ServerEntry, sharing: Sharing): string | undefined {
  if (modern === 'auto' || modern === 'fallback') return undefined;
  if (entry.url !== undefined) return 'is not for url; wanted "auto" or "fallback"';
  const isApp = (entry.openapi ?? entry.app) !== undefined;
  if (modern === 'translate') {
    return isApp || sharing === 'shared' ? undefined : 'is for sharing: shared; this server has sharing: session';
  }
  if (isApp) return 'is for servers that Gangway starts; this one runs already';
  return sharing === 'session' ? undefined : 'is for sharing: session; this server has sharing: shared';
}
