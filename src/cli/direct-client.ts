import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { version } from '../base/version.ts';
import { hasProcess, type Config, type ProcessServer, type ServerConfig } from '../config/config.ts';
import { detectEngine } from '../engine/detect.ts';
import type { Engine } from '../engine/engine.ts';
import { ProcessEngine } from '../engine/process-engine.ts';
import { viewLease } from '../relay/view-channel.ts';
import { backendFor } from '../service/backends.ts';
import type { DirectClient, DirectSurroundings } from './direct.ts';
import { openProcess } from './direct-process.ts';
import { LeaseTransport } from './lease-transport.ts';

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
export async function openDirect(
  config: Config,
  server: ServerConfig,
  around: DirectSurroundings,
): Promise<DirectClient> {
  if (server.disabled)
    throw new BridgeError(server.disabled.code, `Server "${server.name}" is switched off: ${server.disabled.reason}`);
  if (!hasProcess(server)) return openBackend(server, around);
  return openProcess(config, server, await engineFor(config, server, around.environment), around);
}

/** A server that runs already. */
async function openBackend(server: ServerConfig, { log }: DirectSurroundings): Promise<DirectClient> {
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
