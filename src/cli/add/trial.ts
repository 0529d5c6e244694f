import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import { systemClock } from '../../base/clock.ts';
import { createLog } from '../../base/log.ts';
import { BridgeError } from '../../base/errors.ts';
import { hasProcess, type Config, type ServerConfig } from '../../config/config.ts';
import { detectEngine } from '../../engine/detect.ts';
import { findServer, openDirect } from '../direct-client.ts';
import { stderrOf } from '../errors.ts';
import { wantedVariables } from './wanted-secrets.ts';

/** A server that answered. */
export interface Trial {
  /** Its own name and version. */
  readonly title: string;
  readonly tools: readonly Tool[];
  /** Variables that it says it misses, and does without. */
  readonly missed: readonly string[];
}

/** A server that ended, and the variables that it wants. */
export interface Failure {
  readonly error: BridgeError;
  readonly wanted: readonly string[];
}

/**
 * Gets a server, starts it as its entry says and lists its tools.
 *
 * @throws {BridgeError} when it cannot be started for another reason than a variable that it misses
 */
export async function tryServer(
  config: Config,
  name: string,
  environment: NodeJS.ProcessEnv,
  progress: (line: string) => void,
): Promise<Trial | Failure> {
  const server = findServer(config, name);
  try {
    const direct = await openDirect(config, server, { environment, log: createLog('silent', 'json'), progress });
    try {
      const { name: own, version } = direct.client.getServerVersion() ?? { name, version: '' };
      const tools = direct.client.getServerCapabilities()?.tools ? (await direct.client.listTools()).tools : [];
      const missed = await wantedBy(direct.stderr(), config, server, environment);
      return { title: `${own} ${version}`.trim(), tools, missed };
    } finally {
      await direct.close();
    }
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    const wanted = await wantedBy(stderrOf(error), config, server, environment);
    if (wanted.length === 0) throw error;
    return { error, wanted };
  }
}

async function wantedBy(
  said: readonly string[],
  config: Config,
  server: ServerConfig,
  environment: NodeJS.ProcessEnv,
): Promise<string[]> {
  if (said.length === 0) return [];
  const given = hasProcess(server) ? server.env.map(({ name }) => name) : [];
  const declared = await declaredBy(config, server, environment);
  return wantedVariables(said, declared).filter((name) => !given.includes(name));
}

/** The variables that the image of a server sets by itself. */
async function declaredBy(
  config: Config,
  { source }: ServerConfig,
  environment: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, string>> {
  if (source.kind !== 'image') return new Map();
  const { engine } = await detectEngine(config.engine, environment, systemClock);
  return engine.imageEnvironment(source.image);
}
