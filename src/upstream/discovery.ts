import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { version } from '../base/version.ts';
import type { Bytes } from '../jsonrpc/bytes.ts';
import { firstAnswer } from './first-answer.ts';
import type { SharedUpstream } from './shared-upstream.ts';

/** What a server says of itself to `server/discover`. */
export interface Discovery {
  readonly supportedVersions: readonly string[];
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly instructions: string | undefined;
  /** Its name and version; undefined when it does not say them. */
  readonly serverInfo: Readonly<Record<string, unknown>> | undefined;
}

const meta = 'io.modelcontextprotocol/';

/** What requests of Gangway's own say of themselves. @see MCP 2026-07-28, Base Protocol, "Per-request protocol fields" */
export const ownMeta = {
  [`${meta}protocolVersion`]: '2026-07-28',
  [`${meta}clientInfo`]: { name: 'gangway', version: version() },
  [`${meta}clientCapabilities`]: {},
} as const;

export const discoverQuestion = { method: 'server/discover', params: { _meta: ownMeta } } as const;

const members = z.record(z.string(), z.unknown());
const answer = z.object({
  result: z.object({
    supportedVersions: z.array(z.string()),
    capabilities: members,
    instructions: z.string().optional(),
    _meta: z
      .object({ [`${meta}serverInfo`]: members.optional().catch(undefined) })
      .optional()
      .catch(undefined),
  }),
});

/**
 * Asks a server that speaks 2026-07-28 what it is, which shows that it is ready.
 *
 * @throws {BridgeError} `START_FAILED`, `READY_TIMEOUT`, `UPSTREAM_GARBLED`
 * @see MCP 2026-07-28, `server/discover`
 */
export function discover(shared: SharedUpstream, limitMs: number, clock: Clock): Promise<Discovery> {
  return firstAnswer(shared, discoverQuestion, { limitMs, clock }, discoveryIn);
}

/** @param bytes an answer to `server/discover`. @returns undefined when it is none */
function discoveryIn(bytes: Bytes): Discovery | undefined {
  try {
    const { supportedVersions, capabilities, instructions, _meta } = answer.parse(JSON.parse(bytes.toString())).result;
    const discovery = { supportedVersions, capabilities, instructions, serverInfo: _meta?.[`${meta}serverInfo`] };
    // What cannot be written, such as a million levels, could not be passed on.
    JSON.stringify(discovery);
    return discovery;
  } catch {
    return undefined;
  }
}
