import { isDeepStrictEqual } from 'node:util';
import { servedBy } from './config.ts';
import type { Config, Limits, ListenConfig, PoolConfig, ScalingConfig, ServerConfig } from './config.ts';

/** What a new configuration asks of one that runs. Names and keys only: values may be secrets. */
export interface ConfigDiff {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Their containers were made from what changed, or their sessions rely on it: a new runtime takes their place. */
  readonly changed: readonly ServerChange[];
  /** Only sizes and time-outs: they change in place. */
  readonly resized: readonly ServerChange[];
  readonly unchanged: readonly string[];
  /** Keys for all servers together that change in place. */
  readonly adjusted: readonly string[];
  /** Keys that wait for a restart. */
  readonly needsRestart: readonly string[];
}

interface ServerChange {
  readonly name: string;
  readonly keys: readonly string[];
}

/** When a new value is in force: at once, with a new runtime of its server, or after a restart. */
type Effect = 'in place' | 'replace' | 'restart';
type Change = readonly [key: string, effect: Effect];

/** For each field, how a user writes its key and what a change of it takes: a new field does not compile without. */
type Keys<T> = Readonly<Record<keyof T, Change>>;

const serverKeys: Keys<Omit<ServerConfig, 'name' | 'pool'>> = {
  source: ['source', 'replace'],
  args: ['args', 'replace'],
  env: ['env', 'replace'],
  mounts: ['mounts', 'replace'],
  user: ['user', 'replace'],
  sharing: ['sharing', 'replace'],
  network: ['network', 'replace'],
  sandbox: ['sandbox', 'replace'],
  pull: ['pull', 'replace'],
  resources: ['resources', 'replace'],
  startTimeoutMs: ['startTimeout', 'replace'],
  callTimeoutMs: ['callTimeout', 'in place'],
  maxCallTimeMs: ['maxCallTime', 'in place'],
  modern: ['modern', 'replace'],
  inputTimeoutMs: ['inputTimeout', 'in place'],
  pingIntervalMs: ['pingInterval', 'replace'],
  maxLineBytes: ['maxLineBytes', 'replace'],
  tools: ['tools', 'replace'],
  replay: ['replay', 'replace'],
  disabled: ['disabled', 'replace'],
};

const poolKeys: Keys<Omit<PoolConfig, 'scaling'>> = {
  warm: ['pool.warm', 'in place'],
  min: ['pool.min', 'in place'],
  max: ['pool.max', 'in place'],
  maxOngoing: ['pool.maxOngoing', 'in place'],
  maxUses: ['pool.maxUses', 'in place'],
  queue: ['pool.queue', 'in place'],
  acquireTimeoutMs: ['pool.acquireTimeout', 'in place'],
  idleTimeoutMs: ['pool.idleTimeout', 'in place'],
  // A container's hard limit of life was derived from it when it was started.
  maxAgeMs: ['pool.maxAge', 'replace'],
};

const scalingKeys: Keys<ScalingConfig> = {
  target: ['pool.target', 'in place'],
  upscaleDelayMs: ['pool.upscaleDelay', 'in place'],
  downscaleDelayMs: ['pool.downscaleDelay', 'in place'],
  lookBackMs: ['pool.lookBack', 'in place'],
  upscaleFactor: ['pool.upscaleFactor', 'in place'],
  downscaleFactor: ['pool.downscaleFactor', 'in place'],
};

const limitKeys: Keys<Limits> = {
  starts: ['limits.starts', 'in place'],
  sessions: ['limits.sessions', 'in place'],
  calls: ['limits.calls', 'in place'],
  rounds: ['limits.rounds', 'in place'],
  containers: ['limits.containers', 'in place'],
  memoryBytes: ['limits.memory', 'in place'],
};

const listenKeys: Keys<ListenConfig> = {
  host: ['listen.host', 'restart'],
  port: ['listen.port', 'restart'],
  insecureNoAuth: ['listen.insecureNoAuth', 'restart'],
  allowedHosts: ['listen.allowedHosts', 'in place'],
  allowedOrigins: ['listen.allowedOrigins', 'in place'],
  maxBodyBytes: ['listen.maxBodyBytes', 'in place'],
  sse: ['listen.sse', 'restart'],
};

const engineKeys: Keys<Pick<Config, 'engine'>> = { engine: ['engine', 'restart'] };

/** Compares the configuration that is in force with the one that is wanted. */
export function diffConfig(before: Config, after: Config): ConfigDiff {
  const [had, has] = [servedBy(before), servedBy(after)];
  const names = [...has.keys()];
  const changes = names.flatMap((name) => {
    const [old, server] = [had.get(name), has.get(name)];
    return old && server ? [{ name, changes: serverChanges(old, server) }] : [];
  });
  const common = [
    ...changedKeys(engineKeys, before, after),
    ...changedKeys(listenKeys, before.listen, after.listen),
    ...changedKeys(limitKeys, before.limits, after.limits),
  ];
  const withEffect = (wanted: Effect | undefined): ServerChange[] =>
    changes
      .filter((server) => strongest(server.changes) === wanted)
      .map((server) => ({ name: server.name, keys: server.changes.map(([key]) => key) }));
  return {
    added: names.filter((name) => !had.has(name)),
    removed: [...had.keys()].filter((name) => !has.has(name)),
    changed: withEffect('replace'),
    resized: withEffect('in place'),
    unchanged: withEffect(undefined).map(({ name }) => name),
    adjusted: common.filter(([, effect]) => effect === 'in place').map(([key]) => key),
    needsRestart: common.filter(([, effect]) => effect === 'restart').map(([key]) => key),
  };
}

/** The wanted configuration, with what waits for a restart as it is in force now. */
export function withoutRestart(inForce: Config, wanted: Config): Config {
  const { allowedHosts, allowedOrigins, maxBodyBytes } = wanted.listen;
  const listen = { ...inForce.listen, allowedHosts, allowedOrigins, maxBodyBytes };
  return { ...wanted, engine: inForce.engine, listen };
}

function serverChanges(before: ServerConfig, after: ServerConfig): Change[] {
  return [
    ...changedKeys(serverKeys, withSortedEnv(before), withSortedEnv(after)),
    ...changedKeys(poolKeys, before.pool, after.pool),
    ...changedKeys(scalingKeys, before.pool.scaling, after.pool.scaling),
  ];
}

/** The order in which variables are written means nothing. */
function withSortedEnv(server: ServerConfig): ServerConfig {
  return { ...server, env: [...server.env].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

function changedKeys<Field extends string>(
  keys: Readonly<Record<Field, Change>>,
  before: Readonly<Record<Field, unknown>>,
  after: Readonly<Record<Field, unknown>>,
): Change[] {
  const fields = Object.keys(keys) as Field[];
  return fields.filter((field) => !isDeepStrictEqual(before[field], after[field])).map((field) => keys[field]);
}

function strongest(changes: readonly Change[]): Effect | undefined {
  const effects = changes.map(([, effect]) => effect);
  return effects.includes('replace') ? 'replace' : effects[0];
}
