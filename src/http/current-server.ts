import { BridgeError, codeOf } from '../base/errors.ts';
import type { Served } from '../legacy/registry.ts';

/** By name. What a name stands for may change between two requests. */
export type Servers<S extends Served = Served> = ReadonlyMap<string, S>;

/**
 * Opens something on a server; or, when the server was taken out of service while the client was in line, on what has
 * taken its place.
 *
 * @throws {BridgeError} `SERVER_DISABLED`, `SERVER_UNKNOWN`, and what `open` throws
 */
export async function openOnCurrent<S extends Served, T>(
  servers: Servers<S>,
  first: S,
  open: (server: S) => Promise<T>,
): Promise<T> {
  for (let server = first; ;) {
    refuseDisabled(server);
    try {
      return await open(server);
    } catch (error) {
      const next = servers.get(server.config.name);
      const isReplaced = next !== server || next.config.disabled !== undefined;
      if (codeOf(error) !== 'DRAINING' || !isReplaced) throw error;
      server = next ?? server;
    }
  }
}

/** @throws {BridgeError} `SERVER_DISABLED`; `SERVER_UNKNOWN` for one that only lives on for the sessions it has */
export function refuseDisabled({ config: { disabled, name } }: Served): void {
  if (disabled?.code === 'SERVER_UNKNOWN') throw serverUnknown();
  if (disabled) throw new BridgeError(disabled.code, `Server "${name}" is switched off: ${disabled.reason}`);
}

export function serverUnknown(): BridgeError {
  return new BridgeError('SERVER_UNKNOWN', 'Server not found');
}
