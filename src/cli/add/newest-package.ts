import { newestVersions } from '../newest-versions.ts';
import type { NewSource } from './source.ts';

/**
 * A package of npm without an exact version gets the newest one, when npm says which that is; everything else stays as
 * it is.
 */
export async function withNewestVersion(
  source: NewSource,
  environment: NodeJS.ProcessEnv,
  progress: (line: string) => void,
): Promise<NewSource> {
  const [, spec, name] = openPackage.exec(String(source.entry['package'])) ?? [];
  if (name === undefined || spec === undefined) return source;
  progress(`Asking npm for the newest version of ${spec}`);
  const version = (await newestVersions([spec], environment)).get(spec);
  return version === undefined ? source : { ...source, entry: { ...source.entry, package: `npm:${name}@${version}` } };
}

/** `npm:NAME`, or `npm:NAME@TAG`. */
const openPackage = /^npm:(((?:@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*)(?:@[a-z][\w.-]*)?)$/i;
