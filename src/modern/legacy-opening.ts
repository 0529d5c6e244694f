import type { ServerConfig } from '../config/config.ts';
import { BridgeError } from '../base/errors.ts';
import { LogLevels } from '../relay/log-levels.ts';
import { objectIn, paramsOf } from '../relay/rewrite.ts';
import { handshakeOf, newestRevision, type Handshake } from '../upstream/handshake.ts';
import { version } from '../base/version.ts';
import type { Incoming } from './incoming.ts';
import { metaKeys } from './revision.ts';
import type { Seat } from './seat.ts';
import type { Vanished } from './vanished.ts';

/**
 * Makes a legacy server ready for one request: one that many share is initialised already, another one gets the
 * client's own capabilities and name.
 *
 * @throws {BridgeError} `START_FAILED`, `READY_TIMEOUT`, `UPSTREAM_GARBLED`, and why there is no server
 * @see MCP 2025-11-25, Lifecycle, "Initialization"
 */
export async function openLegacy(
  seat: Seat,
  { request, bytes }: Pick<Incoming, 'request' | 'bytes'>,
  { startTimeoutMs }: Pick<ServerConfig, 'startTimeoutMs'>,
  vanished: Vanished,
): Promise<Handshake> {
  const { abilities, logLevel } = request.claim;
  const isAskable = abilities !== undefined && Object.values(abilities).includes(true);
  const visitor = {
    ...{ isAskable, logLevel },
    get signal() {
      return vanished.signal;
    },
  };
  if (seat.channel.enter) return seat.channel.enter(visitor);
  seat.channel.announce?.(visitor);
  const meta = objectIn(paramsOf(bytes).get('_meta'));
  const { message, bytes: answer } = await seat.ask(
    'initialize',
    {
      protocolVersion: newestRevision,
      capabilities: legacyCapabilities(meta.get(metaKeys.clientCapabilities)),
      clientInfo: clientInfoOf(meta.get(metaKeys.clientInfo)),
    },
    startTimeoutMs,
  );
  seat.prove();
  const { result } = JSON.parse(answer.toString()) as { readonly result?: unknown };
  const handshake = message.isError ? undefined : handshakeOf(result);
  if (!handshake) {
    throw new BridgeError('START_FAILED', 'Cannot start the server: it did not answer "initialize" with a result');
  }
  seat.notify('notifications/initialized');
  const isLogging = handshake.capabilities['logging'] !== undefined && LogLevels.has(logLevel);
  // It is read before the request; what it says to this is of no interest.
  if (isLogging) seat.ask('logging/setLevel', { level: logLevel }, startTimeoutMs).catch(() => undefined);
  return handshake;
}

/** What both revisions know. */
function legacyCapabilities(text = '{}'): object {
  const { roots, sampling, elicitation, experimental } = JSON.parse(text) as Record<string, unknown>;
  return JSON.parse(JSON.stringify({ roots, sampling, elicitation, experimental })) as object;
}

function clientInfoOf(text: string | undefined): unknown {
  return text === undefined ? { name: 'gangway', version: version() } : JSON.parse(text);
}
