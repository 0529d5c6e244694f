import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { version } from '../base/version.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import { firstAnswer } from './first-answer.ts';
import type { SharedUpstream } from './shared-upstream.ts';

/** What a server said to Gangway's `initialize`. */
export interface Handshake {
  readonly protocolVersion: string;
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** The whole result. */
  readonly result: Readonly<Record<string, unknown>>;
}

const answer = z.looseObject({ protocolVersion: z.string(), capabilities: z.record(z.string(), z.unknown()) });

/** The newest revision with a handshake. */
export const newestRevision = '2025-11-25';

/**
 * Initialises a server on behalf of all the clients that will share it. It is told that they can do everything: what
 * one of them cannot do is refused when the server asks for it.
 *
 * @throws {BridgeError} `START_FAILED`, `READY_TIMEOUT`, `UPSTREAM_GARBLED`
 * @see MCP 2025-11-25, Lifecycle, "Initialization"
 */
export async function shakeHands(shared: SharedUpstream, limitMs: number, clock: Clock): Promise<Handshake> {
  const params = {
    protocolVersion: newestRevision,
    capabilities: { roots: {}, sampling: {}, elicitation: { form: {}, url: {} } },
    clientInfo: { name: 'gangway', version: version() },
  };
  const result = await firstAnswer(shared, { method: 'initialize', params }, { limitMs, clock }, readResult);
  shared.send(Bytes.from('{"jsonrpc":"2.0","method":"notifications/initialized"}'));
  return result;
}

function readResult(bytes: Bytes): Handshake | undefined {
  const { result } = JSON.parse(bytes.toString()) as { readonly result?: unknown };
  return handshakeOf(result);
}

/** @param result of an answer to `initialize`. @returns undefined when it is none */
export function handshakeOf(result: unknown): Handshake | undefined {
  try {
    const read = answer.parse(result);
    // What cannot be written, such as a million levels, could not be passed on.
    JSON.stringify(read);
    return { protocolVersion: read.protocolVersion, capabilities: read.capabilities, result: read };
  } catch {
    return undefined;
  }
}
