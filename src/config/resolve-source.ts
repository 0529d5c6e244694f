import path from 'node:path';
import type { Source } from './config.ts';
import { resolvePackage } from './package-schema.ts';
import { resolveHandMade, resolveOpenApi } from './resolve-app.ts';
import { poolKeys } from './resolve-pool.ts';
import { refuseRemoteKeys, resolveUrl } from './resolve-url.ts';
import type { ServerEntry } from './schema.ts';
import type { Surroundings } from './surroundings.ts';

/** What a server can be: exactly one of them. */
const sourceKeys = ['image', 'build', 'package', 'command', 'openapi', 'app', 'url'] as const;

/** What only a container has. */
const sandboxKeys = ['mounts', 'user', 'network', 'sandbox', 'resources'] as const;

/** What stands behind the server; reports keys that mean nothing for it. */
export function resolveSource(entry: ServerEntry, around: Surroundings): Source {
  const { directory, report } = around;
  const given = sourceKeys.filter((key) => entry[key] !== undefined);
  if (given.length !== 1) {
    const got = given.length === 0 ? 'none of them' : given.join(' and ');
    report([], `got ${got}, wanted exactly one of ${sourceKeys.join(', ')}`);
  }
  refuseOtherKeys(entry, report);
  const running = resolveRunning(entry, around);
  if (running) return running;
  if (entry.command) return resolveCommand(entry, entry.command, directory, report);
  if (entry.build) return { kind: 'build', context: path.resolve(directory, entry.build) };
  if (entry.package) return resolvePackage(entry.package, placeForPlain(entry, around), report);
  return { kind: 'image', image: entry.image ?? '' };
}

/** What runs already. */
function resolveRunning(entry: ServerEntry, around: Surroundings): Source | undefined {
  if (entry.url !== undefined) return resolveUrl(entry, entry.url, around);
  if (entry.openapi) return resolveOpenApi(entry.openapi, around);
  return entry.app && resolveHandMade(entry.app, around);
}

/** Where a package may run as a plain process; undefined when it may not: what asks for more than a process can give never does. */
function placeForPlain(entry: ServerEntry, { directory, allowProcess }: Surroundings): string | undefined {
  return allowProcess && sandboxKeys.every((key) => entry[key] === undefined) ? directory : undefined;
}

/** Keys that mean nothing for what stands behind the server. */
function refuseOtherKeys(entry: ServerEntry, report: Surroundings['report']): void {
  if (entry.url === undefined) refuseRemoteKeys(entry, report);
  else refuseProcessKeys(entry, [], report);
  if (entry.openapi ?? entry.app) refuseProcessKeys(entry, ['maxLineBytes'], report);
}

/** Keys that mean something only where Gangway starts something. */
function refuseProcessKeys(
  entry: ServerEntry,
  more: readonly (keyof ServerEntry)[],
  report: Surroundings['report'],
): void {
  for (const key of [
    'args',
    'env',
    ...sandboxKeys,
    'pull',
    'sharing',
    'pingInterval',
    'inputTimeout',
    ...more,
  ] as const) {
    if (entry[key] !== undefined) report([key], 'is for servers that Gangway starts; this one runs already');
  }
  for (const key of ['max', ...poolKeys.session, ...poolKeys.shared] as const) {
    if (entry.pool?.[key] !== undefined)
      report(['pool', key], 'is for servers that Gangway starts; this one runs already');
  }
}

function resolveCommand(
  entry: ServerEntry,
  [program = '', ...rest]: readonly string[],
  directory: string,
  report: Surroundings['report'],
): Source {
  for (const key of [...sandboxKeys, 'pull', 'args'] as const) {
    if (entry[key] !== undefined) report([key], 'is for containers; a command runs as a plain process');
  }
  if (program === '') report(['command', 0], 'got "", wanted at least the program');
  const isPath = program.startsWith('./') || program.startsWith('../');
  return { kind: 'command', command: [isPath ? path.resolve(directory, program) : program, ...rest], cwd: directory };
}
