import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { BridgeError } from '../base/errors.ts';
import { version } from '../base/version.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import type { SharedUpstream } from './shared-upstream.ts';
import { startFailed } from './start-failed.ts';

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
  const { upstream } = shared;
  const asked = shared.ask('initialize', {
    protocolVersion: newestRevision,
    capabilities: { roots: {}, sampling: {}, elicitation: { form: {}, url: {} } },
    clientInfo: { name: 'gangway', version: version() },
  });
  const tooLate = (): BridgeError => {
    const sentence = `Cannot start the server: it did not answer "initialize" within ${limitMs} ms`;
    return new BridgeError('READY_TIMEOUT', sentence, { ...upstream.describeExit(), waitedMs: limitMs });
  };
  const early = asked.catch((error: unknown) => {
    const hasEnded = error instanceof BridgeError && (error.code === 'UPSTREAM_EXITED' || error.code === 'ENGINE_LOST');
    throw hasEnded ? startFailed(upstream) : error;
  });
  const { message, bytes } = await withDeadline(early, limitMs, clock, tooLate);
  const result = message.isError ? undefined : readResult(bytes);
  if (!result) {
    const what = message.isError ? 'it answered "initialize" with an error' : 'its answer to "initialize" is not one';
    throw new BridgeError('START_FAILED', `Cannot start the server: ${what}`, upstream.describeExit());
  }
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
