import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { systemClock } from '../base/clock.ts';
import { settlesWithin } from '../base/deadline.ts';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { version } from '../base/version.ts';
import { hasProcess, type Config, type ProcessServer, type ServerConfig } from '../config/config.ts';
import { detectEngine } from '../engine/detect.ts';
import type { Engine, EngineKind, Progress } from '../engine/engine.ts';
import { ownerOf } from '../engine/labels.ts';
import { ProcessEngine } from '../engine/process-engine.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { ownLease } from '../relay/own-channel.ts';
import { viewLease } from '../relay/view-channel.ts';
import { backendFor } from '../service/backends.ts';
import { Deaths } from '../upstream/deaths.ts';
import { Leaks } from '../upstream/leaks.ts';
import { startFailed } from '../upstream/start-failed.ts';
import { startUpstream } from '../upstream/start.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { stderrIn } from './errors.ts';
import { LeaseTransport } from './lease-transport.ts';

/** An MCP client on one server of its own, without a bridge in between: for the commands that look at a server. */
export interface DirectClient {
  readonly client: Client;
  /** What runs it; undefined for a server that runs already. */
  readonly engine: EngineKind | undefined;
  /** From its start to its answer to `initialize`. */
  readonly startMs: number;
  /** Lines on its stdout that are no messages. */
  readonly noiseLines: () => number;
  /** What it said last on stderr. */
  readonly stderr: () => readonly string[];
  /** Resolves when the container is gone, and nothing listens to the engine any more. */
  readonly close: () => Promise<void>;
}

interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly progress: Progress;
}

/** The container is gone within this time, or left to the next start of Gangway. */
const closeMs = 30_000;

/** @throws {BridgeError} `CONFIG_INVALID` that names the servers there are */
export function findServer(config: Config, name: string): ServerConfig {
  const server = config.servers.get(name);
  if (server) return server;
  const group = config.groups.get(name)?.source;
  if (group?.kind === 'group') {
    const members = (group.servers ?? [...config.servers.keys()]).join(', ');
    throw new BridgeError(
      'CONFIG_INVALID',
      `"${name}" is several servers behind one endpoint, wanted one of ${members}`,
    );
  }
  const known = [...config.servers.keys()].join(', ');
  throw new BridgeError('CONFIG_INVALID', `There is no server "${name}" in the configuration, wanted one of ${known}`);
}

/**
 * Gets the image, starts the server and does the handshake.
 *
 * @throws {BridgeError} `SERVER_DISABLED`, `ENGINE_UNAVAILABLE`, `IMAGE_UNAVAILABLE`, `BUILD_FAILED`, `START_FAILED`,
 *   `READY_TIMEOUT`
 */
export async function openDirect(config: Config, server: ServerConfig, around: Surroundings): Promise<DirectClient> {
  if (server.disabled)
    throw new BridgeError(server.disabled.code, `Server "${server.name}" is switched off: ${server.disabled.reason}`);
  if (!hasProcess(server)) return openBackend(server, around);
  return openProcess(config, server, await engineFor(config, server, around.environment), around);
}

/** A server that runs already. */
async function openBackend(server: ServerConfig, { log }: Surroundings): Promise<DirectClient> {
  const startedAt = performance.now();
  // No command is about a group.
  const backend = backendFor(server, { log, clock: systemClock, members: () => [] });
  const opened = await backend.lease(AbortSignal.timeout(server.startTimeoutMs), '');
  const lease = viewLease(opened, server.tools, log);
  const client = new Client({ name: 'gangway', version: version() });
  const transport = new LeaseTransport(lease);
  try {
    await client.connect(transport, { timeout: server.startTimeoutMs });
  } catch (error) {
    await transport.close();
    if (transport.failure) throw transport.failure;
    throw new BridgeError(
      'START_FAILED',
      'Cannot use the server: it did not complete the handshake',
      {},
      { cause: error },
    );
  }
  const startMs = performance.now() - startedAt;
  return { client, engine: undefined, startMs, noiseLines: () => 0, stderr: () => [], close: () => client.close() };
}

async function engineFor(config: Config, server: ProcessServer, environment: NodeJS.ProcessEnv): Promise<Engine> {
  const { source } = server;
  if (source.kind === 'command') return new ProcessEngine(environment, systemClock);
  try {
    return (await detectEngine(config.engine, environment, systemClock)).engine;
  } catch (error) {
    if (source.kind === 'package' && source.plainIn !== undefined) return new ProcessEngine(environment, systemClock);
    throw error;
  }
}

async function openProcess(
  config: Config,
  server: ProcessServer,
  engine: Engine,
  { log, progress }: Surroundings,
): Promise<DirectClient> {
  const startedAt = performance.now();
  const source = await engine.prepare(server.source, server.pull, progress);
  // Not the instance of a bridge: one in another container could not see that we live, and would sweep what is its own.
  const owner = ownerOf(`${config.file}\ncommand ${process.pid}`, {});
  const upstream = startUpstream(engine, server, source, {
    ...{ owner, held: new Set(), clock: systemClock, log },
    ...{ leaks: new Leaks(systemClock), deaths: new Deaths() },
  });
  const transport = new LeaseTransport(viewLease(leaseOf(upstream, server), server.tools, log));
  const client = new Client({ name: 'gangway', version: version() });
  const interrupted = (): void => {
    void settlesWithin(upstream.stop(0), closeMs, systemClock).then(() => process.exit(130));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const close = async (): Promise<void> => {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    await client.close();
    // An engine that does not answer must not hold the command up.
    await settlesWithin(upstream.stop(), closeMs, systemClock);
    engine.close?.();
  };
  const died = new Promise<never>((_, reject) => {
    void upstream.exited.then(() => {
      reject(diedAtStart(upstream));
    });
  });
  died.catch(() => undefined);
  try {
    await Promise.race([client.connect(transport, { timeout: server.startTimeoutMs }), died]);
  } catch (error) {
    // Before our own stop gives it an exit code.
    const diedByItself = upstream.exit !== undefined;
    await close();
    if (error instanceof BridgeError) throw error;
    if (diedByItself) throw diedAtStart(upstream);
    const sentence = `Cannot start the server: it did not complete the handshake within ${server.startTimeoutMs} ms`;
    throw new BridgeError('READY_TIMEOUT', sentence, upstream.describeExit(), { cause: error });
  }
  const startMs = performance.now() - startedAt;
  const stderr = (): readonly string[] => stderrIn(upstream.describeExit());
  return { client, engine: engine.kind, startMs, noiseLines: () => upstream.noiseLines, stderr, close };
}

/** With the engine's own words, where it refused: whoever types a command may read them. */
function diedAtStart(upstream: Upstream): BridgeError {
  const { code, message, data } = startFailed(upstream);
  return new BridgeError(code, message, { ...data, ...(upstream.refusal ? { stderr: upstream.refusal.text } : {}) });
}

/** As a session would have it; whoever started the server ends it. */
function leaseOf(upstream: Upstream, { pingIntervalMs }: ServerConfig): ChannelLease {
  const release = (): Promise<void> => Promise.resolve();
  return ownLease({ upstream, wasWarm: false, prove: () => undefined, release }, pingIntervalMs, systemClock);
}
