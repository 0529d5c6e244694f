import path from 'node:path';
import type { EnvEntry, Mount, ServerConfig, Source } from './config.ts';
import { defaults } from './defaults.ts';
import { defined } from './defined.ts';
import { forbiddenMount } from './mounts.ts';
import { unreadableDocument } from './resolve-app.ts';
import { resolveModern } from './resolve-modern.ts';
import { resolvePool } from './resolve-pool.ts';
import { resolveSource } from './resolve-source.ts';
import { resolveTools } from './resolve-tools.ts';
import type { CommonEntry, ServerEntry } from './schema.ts';
import type { Surroundings } from './surroundings.ts';

/** Paths under which Gangway serves something of its own. */
export const reservedNames = new Set(['mcp', 'healthz', 'readyz', 'status', 'metrics', 'admin', 'assets']);

/** Variables that steer an engine's own client: a server's value for one of them is passed in full, not by name. */
export const engineVariables =
  /^(PATH|HOME|TMPDIR|LD_[A-Z_]+|GO(DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK)|DOCKER_[A-Z_]+|CONTAINER_(HOST|SSHKEY|CONNECTION)|CONTAINERS_[A-Z_]+|_CONTAINERS_[A-Z_]+|XDG_[A-Z_]+|PODMAN_[A-Z_]+|STORAGE_(DRIVER|OPTS)|REGISTRY_AUTH_FILE|SSH_AUTH_SOCK|DBUS_SESSION_BUS_ADDRESS|NOTIFY_SOCKET|LISTEN_[A-Z]+)$/;

/** One entry of the file → what the rest of the program works with; reports what the schema cannot say. */
export function resolveServer(
  name: string,
  entry: ServerEntry,
  shared: CommonEntry,
  around: Surroundings,
): ServerConfig {
  const { report } = around;
  if (reservedNames.has(name)) report([], `the name "${name}" is taken by Gangway itself; wanted another one`);
  if (name.includes('__')) report([], 'wanted a name without "__"');

  const source = resolveSource(entry, around);
  return {
    ...resolveCommon(entry, shared, report),
    name,
    source,
    args: entry.args ?? [],
    env: resolveEnv(entry, around),
    mounts: (entry.mounts ?? []).map((mount, i) => resolveMount(mount, i, around)),
    user: entry.user,
    tools: entry.tools && resolveTools(entry.tools, report),
    disabled: whyDisabled(source, around),
  };
}

/** What a server has that says nothing of itself, but for `shared`. */
export function resolveCommon(
  entry: ServerEntry,
  shared: CommonEntry,
  report: Surroundings['report'],
): Omit<ServerConfig, 'name' | 'source'> {
  // The built-in value, over it the file's `defaults:`, over it the server's own.
  const settings = { ...defaults.server, ...defined(shared), ...defined(entry) };
  const resources = { ...defaults.server.resources, ...defined(shared.resources), ...defined(entry.resources) };
  const replay = { ...defaults.server.replay, ...defined(shared.replay), ...defined(entry.replay) };
  return {
    args: [],
    env: [],
    mounts: [],
    user: undefined,
    sharing: settings.sharing,
    network: settings.network ?? (settings.sandbox === 'strict' ? 'none' : 'outbound'),
    sandbox: settings.sandbox,
    pull: settings.pull,
    resources: { cpus: resources.cpus, memoryBytes: resources.memory, pids: resources.pids },
    pool: resolvePool(entry, shared, settings.sharing, report),
    startTimeoutMs: settings.startTimeout,
    ...resolveCallTimes(entry, shared, report),
    pingIntervalMs: settings.pingInterval,
    modern: resolveModern(entry, shared, settings.sharing, report),
    inputTimeoutMs: settings.inputTimeout,
    maxLineBytes: settings.maxLineBytes,
    replay: { events: replay.events, bytes: replay.bytes, ageMs: replay.age },
    tools: undefined,
    disabled: undefined,
  };
}

function resolveCallTimes(
  entry: ServerEntry,
  shared: CommonEntry,
  report: Surroundings['report'],
): Pick<ServerConfig, 'callTimeoutMs' | 'maxCallTimeMs'> {
  const callTimeoutMs = entry.callTimeout ?? shared.callTimeout ?? usualCallTimeoutMs(entry, shared);
  // A longer `callTimeout` raises a `maxCallTime` that nobody wrote.
  const unwritten = Math.max(defaults.server.maxCallTime, callTimeoutMs);
  const maxCallTimeMs = entry.maxCallTime ?? shared.maxCallTime ?? unwritten;
  if (maxCallTimeMs < callTimeoutMs) report(['maxCallTime'], 'wanted at least callTimeout');
  return { callTimeoutMs, maxCallTimeMs };
}

/** An app that may take longer, after a wait in line, raises a `callTimeout` that nobody wrote. */
function usualCallTimeoutMs(entry: ServerEntry, shared: CommonEntry): number {
  const { callTimeout, pool } = defaults.server;
  const { timeout = 0 } = entry.openapi ?? entry.app ?? {};
  const waitMs = entry.pool?.acquireTimeout ?? shared.pool?.acquireTimeout ?? pool.acquireTimeout;
  return Math.max(callTimeout, timeout + waitMs);
}

function resolveEnv(entry: ServerEntry, { isSecret, report }: Surroundings): EnvEntry[] {
  return Object.entries(entry.env ?? {}).map(([name, value]) => {
    const secret = isSecret('env', name);
    if (secret && !entry.command && engineVariables.test(name)) {
      report(
        ['env', name],
        'steers the engine’s own client, so it cannot be a secret; wanted a plain value or another name',
      );
    }
    if (String(value).includes('\0')) report(['env', name], 'wanted a value without a NUL character');
    return { name, value: String(value), secret };
  });
}

function resolveMount(
  mount: NonNullable<ServerEntry['mounts']>[number],
  index: number,
  { directory, report }: Surroundings,
): Mount {
  const isVolume = /^[a-zA-Z0-9]/.test(mount.from);
  const from = isVolume ? mount.from : path.resolve(directory, mount.from);
  const why = isVolume ? undefined : forbiddenMount(from);
  if (why !== undefined) report(['mounts', index, 'from'], why);
  return { kind: isVolume ? 'volume' : 'bind', from, to: mount.to, readOnly: mount.readOnly ?? false };
}

function whyDisabled(source: Source, { missing, allowProcess }: Surroundings): ServerConfig['disabled'] {
  if (missing !== undefined) return { code: 'SERVER_DISABLED', reason: missing };
  const unreadable = source.kind === 'app' ? unreadableDocument(source) : undefined;
  if (unreadable !== undefined) return { code: 'SERVER_DISABLED', reason: unreadable };
  if (source.kind === 'command' && !allowProcess) {
    return { code: 'SERVER_DISABLED', reason: 'it runs a plain process on this host, which needs --allow-process' };
  }
  return undefined;
}
