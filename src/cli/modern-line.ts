import { hasProcess, type ServerConfig } from '../config/config.ts';
import type { Era } from '../modern/era.ts';
import type { ModernWay } from '../modern/served.ts';
import { wayOf } from '../service/era-supply.ts';

const speech: Readonly<Record<Era, string>> = {
  legacy: 'speaks revisions up to 2025-11-25',
  modern: 'speaks 2026-07-28 only',
  dual: 'speaks 2026-07-28 and older revisions',
};

const service: Readonly<Record<ModernWay, string>> = {
  relay: 'are relayed',
  translate: 'are translated',
  'per-call': 'have a container each',
  fallback: 'are sent back to a session',
};

/**
 * What a server speaks and how requests of 2026-07-28 are served, in a line.
 *
 * @param findEra undefined where nothing is started
 * @throws {BridgeError} what keeps it from starting
 */
export async function describeEra(server: ServerConfig, findEra: (() => Promise<Era>) | undefined): Promise<string> {
  const { modern, source } = server;
  const era = modern === 'auto' ? await findEra?.() : undefined;
  const auto = hasProcess(server) && era ? wayOf(era, server) : source.kind === 'url' ? 'fallback' : 'translate';
  const requests = `requests of 2026-07-28 ${service[modern === 'auto' ? auto : modern]} (modern: ${modern})`;
  return era === undefined ? requests : `${speech[era]}; ${requests}`;
}
