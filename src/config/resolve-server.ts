import path from 'node:path';
import type { EnvEntry, Mount, PoolConfig, ServerConfig, Source } from './config.ts';
import { forbiddenMount } from './mounts.ts';
import { defaults, type CommonEntry, type ServerEntry } from './schema.ts';

interface Surroundings {
  /** The folder of the file: relative paths count from it. */
  readonly directory: string;
  readonly missing: string | undefined;
  readonly isSecret: (variable: string) => boolean;
  readonly allowProcess: boolean;
  readonly report: (key: readonly (string | number)[], message: string) => void;
}

/** Paths under which Gangway serves something of its own. */
const reservedNames = new Set(['mcp', 'healthz', 'readyz', 'status', 'metrics', 'admin', 'assets']);

/** Variables that steer an engine's own client: a server's value for one of them is passed in full, not by name. */
export const engineVariables =
  /^(PATH|HOME|TMPDIR|LD_[A-Z_]+|GO(DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK)|DOCKER_[A-Z_]+|CONTAINER_(HOST|SSHKEY|CONNECTION)|CONTAINERS_[A-Z_]+|_CONTAINERS_[A-Z_]+|XDG_[A-Z_]+|SSH_AUTH_SOCK|DBUS_SESSION_BUS_ADDRESS|NOTIFY_SOCKET|LISTEN_[A-Z]+)$/;

/** One entry of the file → what the rest of the program works with; reports what the schema cannot say. */
export function resolveServer(name: string, entry: ServerEntry, shared: CommonEntry, around: Surroundings): ServerConfig {
  const { report } = around;
  if (reservedNames.has(name)) report([], `the name "${name}" is taken by Gangway itself; wanted another one`);
  if (name.includes('__')) report([], 'wanted a name without "__"');

  const source = resolveSource(entry, around);
  const pool = resolvePool(entry, shared);
  if (pool.warm > pool.max) report(['pool', 'warm'], `got ${pool.warm}, wanted at most pool.max (${pool.max})`);
  const builtIn = defaults.server;
  const callTimeoutMs = entry.callTimeout ?? shared.callTimeout ?? builtIn.callTimeout;
  const maxCallTimeMs = entry.maxCallTime ?? shared.maxCallTime ?? Math.max(builtIn.maxCallTime, callTimeoutMs);
  if (maxCallTimeMs < callTimeoutMs) report(['maxCallTime'], 'wanted at least callTimeout');
  const resources = { ...builtIn.resources, ...defined(shared.resources), ...defined(entry.resources) };
  const sandbox = entry.sandbox ?? shared.sandbox ?? 'default';

  return {
    name,
    source,
    args: entry.args ?? [],
    env: resolveEnv(entry, around),
    mounts: (entry.mounts ?? []).map((mount, i) => resolveMount(mount, i, around)),
    user: entry.user,
    sharing: entry.sharing ?? shared.sharing ?? 'session',
    network: entry.network ?? shared.network ?? (sandbox === 'strict' ? 'none' : 'outbound'),
    sandbox,
    pull: entry.pull ?? shared.pull ?? 'missing',
    resources: { cpus: resources.cpus, memoryBytes: resources.memory, pids: resources.pids },
    pool,
    startTimeoutMs: entry.startTimeout ?? shared.startTimeout ?? builtIn.startTimeout,
    callTimeoutMs,
    maxCallTimeMs,
    maxLineBytes: entry.maxLineBytes ?? shared.maxLineBytes ?? builtIn.maxLineBytes,
    disabled: whyDisabled(source, around),
  };
}

function resolveSource(entry: ServerEntry, { directory, report }: Surroundings): Source {
  const given = (['image', 'build', 'command'] as const).filter((key) => entry[key] !== undefined);
  if (given.length !== 1) {
    const got = given.length === 0 ? 'none of them' : given.join(' and ');
    report([], `got ${got}, wanted exactly one of image, build, command`);
  }
  if (entry.command) {
    for (const key of ['mounts', 'user', 'network', 'sandbox', 'pull', 'resources', 'args'] as const) {
      if (entry[key] !== undefined) report([key], 'is for containers; a command runs as a plain process');
    }
    const [program = '', ...rest] = entry.command;
    const isPath = program.startsWith('./') || program.startsWith('../');
    return { kind: 'command', command: [isPath ? path.resolve(directory, program) : program, ...rest], cwd: directory };
  }
  if (entry.build) return { kind: 'build', context: path.resolve(directory, entry.build) };
  return { kind: 'image', image: entry.image ?? '' };
}

function resolvePool(entry: ServerEntry, shared: CommonEntry): PoolConfig {
  const pool = { ...defaults.server.pool, ...defined(shared.pool), ...defined(entry.pool) };
  const max = pool.max;
  return {
    // A smaller `max` lowers a `warm` that nobody wrote.
    warm: entry.pool?.warm ?? shared.pool?.warm ?? Math.min(pool.warm, max),
    max,
    queue: pool.queue,
    acquireTimeoutMs: pool.acquireTimeout,
    idleTimeoutMs: pool.idleTimeout,
    maxAgeMs: pool.maxAge,
  };
}

function resolveEnv(entry: ServerEntry, { isSecret, report }: Surroundings): EnvEntry[] {
  return Object.entries(entry.env ?? {}).map(([name, value]) => {
    const secret = isSecret(name);
    if (secret && !entry.command && engineVariables.test(name)) {
      report(['env', name], 'steers the engine’s own client, so it cannot be a secret; wanted a plain value or another name');
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
  if (source.kind === 'command' && !allowProcess) {
    return { code: 'SERVER_DISABLED', reason: 'it runs a plain process on this host, which needs --allow-process' };
  }
  return undefined;
}

/** The entries that have a value: spreading an `undefined` would hide the default below it. */
function defined<T extends object>(entries: T | undefined): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(entries ?? {}).filter(([, value]) => value !== undefined)) as never;
}
