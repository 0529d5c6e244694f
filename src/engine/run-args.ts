import { engineVariables } from '../config/resolve-server.ts';
import type { EngineKind, LaunchSpec } from './engine.ts';

/** What differs between engines, found out once. */
export interface RunDialect {
  readonly kind: Exclude<EngineKind, 'process'>;
  /** Podman's client on another machine than its service: `passthrough` has no file descriptors to pass. */
  readonly isRemote: boolean;
}

/**
 * The argument list that starts a container: pure, and the only place that knows the flags.
 * No value of a secret is in it: those go through the client's environment, see `clientEnvironment`.
 *
 * @param traces flags for files in which the engine writes what becomes of the container
 */
export function runArgs(
  spec: LaunchSpec & { source: { kind: 'image' } },
  dialect: RunDialect,
  traces: readonly string[] = [],
): string[] {
  return [
    'run',
    // The engine removes the container when its process ends.
    '--rm',
    // Standard input stays open: it is the message channel.
    '--interactive',
    // The handle by which it is ended; chosen by us, so it is known before the container exists.
    ...['--name', spec.name],
    // What the engine is to write down about it.
    ...traces,
    // Whose it is, for the sweep.
    ...Object.entries(spec.labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    // PID 1 that passes signals on and reaps children; many servers are not made for that place.
    '--init',
    // A removal by force takes at most this long, also through Docker's client on Podman's socket, which cannot say so.
    ...['--stop-timeout', '1'],
    // The image is there already: a pull here would hide its progress and its errors.
    ...['--pull', 'never'],
    // The default drivers write every message to disk until the container is gone.
    ...['--log-driver', logDriver(dialect)],
    ...confinement(spec),
    ...limits(spec),
    // A container outlives nobody for long, even if Gangway never comes back; and no proxy of ours gets in by itself.
    ...(dialect.kind === 'podman' ? ['--timeout', String(spec.lifetimeSeconds), '--http-proxy=false'] : []),
    ...spec.mounts.flatMap((mount) => ['--mount', mountOption(mount)]),
    ...spec.env.flatMap((entry) => ['--env', envOption(entry)]),
    // Nothing after this is taken for a flag.
    '--',
    spec.source.image,
    ...spec.args,
  ];
}

/** What the server may do; loosened only by its entry in the file. */
function confinement({ sandbox, network, user }: LaunchSpec): string[] {
  const isStrict = sandbox === 'strict';
  const runAs = user ?? (isStrict ? '65534:65534' : undefined);
  return [
    // A server needs no capability of root's.
    ...['--cap-drop', 'ALL'],
    // No set-user-ID program gives it more than it began with.
    ...['--security-opt', 'no-new-privileges'],
    // No shared memory with anybody.
    ...['--ipc', 'none'],
    ...(isStrict ? ['--read-only', '--tmpfs', '/tmp:rw,noexec,nosuid,size=64m'] : []),
    ...(runAs === undefined ? [] : ['--user', runAs]),
    ...(network === 'none' ? ['--network', 'none'] : []),
  ];
}

/** Limits of the container's control group; 0 in the configuration leaves one out. */
function limits({ resources: { cpus, memoryBytes, pids } }: LaunchSpec): string[] {
  return [
    ...(pids > 0 ? ['--pids-limit', String(pids)] : []),
    // Swap counts as memory, or the limit would be twice what was asked for.
    ...(memoryBytes > 0 ? ['--memory', String(memoryBytes), '--memory-swap', String(memoryBytes)] : []),
    ...(cpus > 0 ? ['--cpus', String(cpus)] : []),
  ];
}

/** `passthrough` hands our pipes to the container: the quickest, and no copy. Docker and a remote Podman do not know it. */
function logDriver({ kind, isRemote }: RunDialect): string {
  return kind === 'podman' && !isRemote ? 'passthrough' : 'none';
}

function mountOption({ kind, from, to, readOnly }: LaunchSpec['mounts'][number]): string {
  return `type=${kind},src=${from},dst=${to}${readOnly ? ',readonly' : ''}`;
}

/**
 * A name alone: the client takes the value from its own environment. A variable that would steer the client itself
 * (`PATH`, `DOCKER_HOST`) goes in full; the configuration has made sure that it is no secret.
 */
function envOption({ name, value }: LaunchSpec['env'][number]): string {
  return engineVariables.test(name) ? `${name}=${value}` : name;
}

/** What the engine's client itself needs to find its engine, its storage and its helpers. */
const clientVariables =
  /^(PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_[A-Z]+|XDG_(RUNTIME_DIR|CONFIG_HOME|DATA_HOME|CACHE_HOME)|DOCKER_(HOST|CONTEXT|CONFIG|TLS_VERIFY|CERT_PATH|API_VERSION)|CONTAINER_(HOST|SSHKEY|CONNECTION)|CONTAINERS_[A-Z_]+|SSH_AUTH_SOCK|DBUS_SESSION_BUS_ADDRESS|(HTTPS?|NO)_PROXY|(https?|no)_proxy)$/;

/** The whole environment of an engine's client: what it needs, and the values of the server's variables. */
export function clientEnvironment(parent: NodeJS.ProcessEnv, env: LaunchSpec['env']): Record<string, string> {
  const own = Object.entries(parent).filter(([name, value]) => value !== undefined && clientVariables.test(name));
  const servers = env.filter(({ name }) => !engineVariables.test(name)).map(({ name, value }) => [name, value]);
  return Object.fromEntries([...own, ...servers]) as Record<string, string>;
}
