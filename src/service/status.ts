import { droppedLogLines } from '../base/log.ts';
import { version } from '../base/version.ts';
import { hasProcess, type Config, type ProcessServer, type ServerConfig, type Source } from '../config/config.ts';
import type { SessionRegistry } from '../legacy/registry.ts';
import type { ModernServers } from '../modern/modern-servers.ts';
import type { Budget } from '../pool/budget.ts';
import type { RestServers } from '../rest/rest-servers.ts';
import type { Deaths } from '../upstream/deaths.ts';
import type { Leaks } from '../upstream/leaks.ts';
import type { Engines } from './engines.ts';
import type { GroupMembers } from './group-members.ts';
import type { LoadGate } from './load-gate.ts';
import type { ReloadState } from './reload.ts';
import type { Runtimes } from './runtimes.ts';
import type { ServerRuntime } from './server-runtime.ts';

interface Parts {
  readonly notReady: string | undefined;
  readonly uptimeMs: number;
  readonly instance: string;
  readonly containers: number;
  readonly budget: Budget;
  readonly leaks: Leaks;
  readonly deaths: Deaths;
  readonly config: Config;
  readonly reload: ReloadState;
  readonly engines: Engines;
  readonly sessions: SessionRegistry;
  readonly rest: RestServers;
  readonly modern: ModernServers;
  readonly load: LoadGate;
  readonly runtimes: Runtimes<ServerRuntime>;
  readonly members: GroupMembers;
}

/** `GET /status`: every pool with its reasons, read at this moment. No session ids, arguments or secrets. */
export function describeStatus(parts: Parts): object {
  const { config, engines, sessions, runtimes } = parts;
  return {
    version: version(),
    node: process.version,
    ready: parts.notReady === undefined,
    ...(parts.notReady === undefined ? {} : { notReady: parts.notReady }),
    uptimeSeconds: Math.round(parts.uptimeMs / 1000),
    memoryBytes: residentBytes(),
    instance: parts.instance,
    engine: engines.status(),
    config: parts.reload,
    // Loosened guards are shown where an operator looks.
    insecureNoAuth: config.listen.insecureNoAuth,
    sse: config.listen.sse,
    sessions: sessions.size,
    callsInFlight: sessions.inFlight + parts.rest.inFlight + parts.modern.inFlight,
    // Of 2026-07-28: calls that wait for their clients, and streams of changes.
    rounds: parts.modern.rounds,
    listening: parts.modern.listening,
    containers: parts.containers,
    leaked: parts.leaks.list(),
    // 0 sets no limit.
    limits: parts.budget.stats(),
    load: parts.load.stats(),
    log: { dropped: droppedLogLines() },
    servers: describeAll(parts, (kind) => kind !== 'group'),
    // Several servers as one: their lists, and what is wrong with them.
    groups: describeAll(parts, (kind) => kind === 'group'),
    // Of former configurations: they live on for the sessions that they have.
    retiring: runtimes.retiring().map((runtime) => ({
      name: runtime.config.name,
      sessions: sessions.count(runtime.config).sessions,
      inGroups: parts.members.count(runtime),
      ...runtime.describe(),
    })),
  };
}

function describeAll(parts: Parts, isMeant: (kind: Source['kind']) => boolean): object {
  const runtimes = parts.runtimes.current().filter(({ config }) => isMeant(config.source.kind));
  return Object.fromEntries(runtimes.map((runtime) => [runtime.config.name, describeServer(runtime, parts)]));
}

function describeServer(runtime: ServerRuntime, parts: Parts): object {
  const { config } = runtime;
  const disabled = config.disabled?.reason ?? runtime.trouble;
  return {
    ...(disabled === undefined ? {} : { disabled }),
    source: describeSource(config),
    ...(hasProcess(config) ? { sharing: config.sharing } : {}),
    ...countOf(runtime, parts),
    ...(config.source.kind === 'group' ? {} : { inGroups: parts.members.count(runtime) }),
    modern: { way: runtime.modern.way ?? null, era: runtime.era },
    ...runtime.describe(),
    ...(hasProcess(config)
      ? { deaths: parts.deaths.of(config.name), sandbox: describeSandbox(config, parts.engines) }
      : {}),
  };
}

function countOf(runtime: ServerRuntime, { sessions, rest, modern }: Parts): ReturnType<SessionRegistry['count']> {
  const count = sessions.count(runtime.config);
  return {
    ...count,
    callsInFlight: count.callsInFlight + rest.count(runtime.config) + modern.count(runtime.config).calls,
    unexpectedMessages: count.unexpectedMessages + runtime.unexpected,
  };
}

/** To ask for it takes a file descriptor: null when there is none left. */
function residentBytes(): number | null {
  try {
    return process.memoryUsage.rss();
  } catch {
    return null;
  }
}

function describeSource({ source }: ServerConfig): string {
  if (source.kind === 'package') return `${source.registry}:${source.name}@${source.version}`;
  return source.kind === 'image' ? source.image : source.kind;
}

function describeSandbox(server: ProcessServer, engines: Engines): object {
  const { sandbox, network, resources, mounts, user, source } = server;
  if (engines.isPlain(source)) return { level: 'none' };
  return {
    level: sandbox,
    network,
    cpus: resources.cpus,
    memoryBytes: resources.memoryBytes,
    pids: resources.pids,
    mounts: mounts.map(({ kind, to, readOnly }) => `${kind}:${to}${readOnly ? ':ro' : ''}`),
    ...(user === undefined ? {} : { user }),
  };
}
