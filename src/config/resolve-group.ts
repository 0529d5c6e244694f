import { closestTo } from '../base/closest.ts';
import { allServers, type GroupSource, type ServerConfig } from './config.ts';
import { defaults } from './defaults.ts';
import type { Diagnostic } from './diagnose.ts';
import { resolveCommon, reservedNames } from './resolve-server.ts';
import type { CommonEntry, FileConfig, GroupEntry } from './schema.ts';

/** The groups of a file, and the endpoint for all of its servers, each as a server of its own. */
export function resolveGroups(
  { groups = {}, all = true, defaults: shared = {} }: FileConfig,
  servers: ReadonlyMap<string, ServerConfig>,
  errors: Diagnostic[],
): ServerConfig[] {
  const named = Object.entries(groups).map(([name, entry]) => {
    checkName(name, servers, errors);
    const { servers: members, ...settings } = Array.isArray(entry) ? { servers: entry } : entry;
    checkMembers(name, entry, servers, Object.keys(groups), errors);
    return groupConfig(name, { ...sourceOf(settings), servers: members }, servers, {
      ...shared,
      modern: modernOf(settings, shared),
    });
  });
  if (all === false) return named;
  const settings = all === true ? {} : all;
  const source = { ...sourceOf(settings), servers: undefined };
  return [...named, groupConfig(allServers, source, servers, { ...shared, modern: modernOf(settings, shared) })];
}

interface Settings {
  readonly separator?: string | undefined;
  readonly listWait?: number | undefined;
  readonly modern?: 'auto' | 'fallback' | undefined;
}

function sourceOf({
  separator = defaults.group.separator,
  listWait = defaults.group.listWait,
}: Settings): Omit<GroupSource, 'servers'> {
  return { kind: 'group', separator, listWaitMs: listWait };
}

/** What a group can be, of what `defaults:` say of servers. */
function modernOf({ modern }: Settings, shared: CommonEntry): 'auto' | 'fallback' {
  return modern ?? (shared.modern === 'fallback' ? 'fallback' : 'auto');
}

function checkName(name: string, servers: ReadonlyMap<string, ServerConfig>, errors: Diagnostic[]): void {
  const report = (message: string): number => errors.push({ path: ['groups', name], message });
  if (reservedNames.has(name)) report(`the name "${name}" is taken by Gangway itself; wanted another one`);
  else if (servers.has(name)) report(`the name "${name}" is taken by a server; wanted another one`);
}

function checkMembers(
  group: string,
  entry: GroupEntry,
  servers: ReadonlyMap<string, ServerConfig>,
  groups: readonly string[],
  errors: Diagnostic[],
): void {
  const members = Array.isArray(entry) ? entry : entry.servers;
  const place = Array.isArray(entry) ? ['groups', group] : ['groups', group, 'servers'];
  if (members.length === 0) errors.push({ path: place, message: 'got no server, wanted at least one' });
  members.forEach((name, i) => {
    const report = (message: string): number => errors.push({ path: [...place, i], message });
    if (members.indexOf(name) < i) report(`"${name}" is in it already`);
    if (servers.has(name)) return;
    const hint = closestTo(name, [...servers.keys()]);
    if (groups.includes(name)) report(`"${name}" is a group; wanted a server`);
    else report(`there is no server "${name}"${hint === undefined ? '' : `; did you mean "${hint}"?`}`);
  });
}

type Settled = Omit<ServerConfig, 'name' | 'source'>;

/** Its calls may take as long as those of the slowest of its servers, which is opened on the first of them. */
function groupConfig(
  name: string,
  source: GroupSource,
  servers: ReadonlyMap<string, ServerConfig>,
  shared: CommonEntry,
): ServerConfig {
  const own = resolveCommon({}, { replay: shared.replay, modern: shared.modern }, () => undefined);
  const members = (source.servers ?? [...servers.keys()]).flatMap((member) => servers.get(member) ?? []);
  const most = (valueOf: (server: Settled) => number): number => Math.max(valueOf(own), ...members.map(valueOf));
  const openingMs = ({ pool, startTimeoutMs }: Settled): number => pool.acquireTimeoutMs + startTimeoutMs;
  return {
    ...own,
    name,
    source,
    sharing: 'session',
    pool: {
      ...own.pool,
      idleTimeoutMs: most(({ pool }) => pool.idleTimeoutMs),
      // No session lives longer than any of the servers that it may have.
      maxAgeMs: Math.min(own.pool.maxAgeMs, ...members.map(({ pool }) => pool.maxAgeMs)),
    },
    maxLineBytes: most(({ maxLineBytes }) => maxLineBytes),
    startTimeoutMs: most(({ startTimeoutMs }) => startTimeoutMs),
    callTimeoutMs: most((server) => openingMs(server) + server.callTimeoutMs),
    maxCallTimeMs: most((server) => openingMs(server) + server.maxCallTimeMs),
    inputTimeoutMs: most(({ inputTimeoutMs }) => inputTimeoutMs),
  };
}
