import type { ErrorRow } from './error-row.ts';

/** What requests of 2026-07-28 can meet at the door. Part of `errorTable`. */
export const modernErrorTable = {
  META_MISSING: {
    http: 400,
    rpc: -32602,
    retry: false,
    when: 'A request of 2026-07-28 does not say its revision or what its client can do (`_meta`).',
    operator: 'A client error.',
  },
  HEADER_MISMATCH: {
    http: 400,
    rpc: -32020,
    retry: false,
    when: 'A header that repeats something of the body (`MCP-Protocol-Version`, `Mcp-Method`, `Mcp-Name`, `Mcp-Param-*`) is missing, malformed or says something else.',
    operator: 'A client or proxy error; the message names the header.',
  },
  REVISION_UNSUPPORTED: {
    http: 400,
    rpc: -32022,
    retry: false,
    when: 'A request without a session names a revision other than 2026-07-28.',
    operator: 'A client error; `data.supported` lists what is served.',
  },
  CAPABILITY_MISSING: {
    http: 400,
    rpc: -32021,
    retry: false,
    when: 'A server wanted to ask the client for something that it did not say it can do, and failed without it.',
    operator: 'Use a client that can do what `data.requiredCapabilities` names.',
  },
  LEGACY_ONLY: {
    http: 400,
    rpc: -32600,
    retry: false,
    when: 'A request of 2026-07-28 for a server that is served in sessions only (`modern: fallback`).',
    operator:
      'Expected: clients of both eras go on with `initialize`. Others need `sharing: shared`, or `modern: per-call`.',
  },
  METHOD_UNKNOWN: {
    http: 404,
    rpc: -32601,
    retry: false,
    when: 'Revision 2026-07-28 does not have this method.',
    operator: 'A client error.',
  },
  ROUND_UNKNOWN: {
    http: 200,
    rpc: -32602,
    retry: false,
    when: 'A client came back with a `requestState` that is forged, used up, expired, or was given for another request or caller.',
    operator: 'Raise `inputTimeout` when people take longer to answer; the client has to begin anew.',
  },
  INPUT_INVALID: {
    http: 200,
    rpc: -32602,
    retry: false,
    when: 'A client came back with `inputResponses` that are no answers to what was asked.',
    operator: 'A client error; the same `requestState` is still good.',
  },
  ROUNDS_FULL: {
    http: 503,
    rpc: -32603,
    retry: true,
    when: 'A server asked its client something while `limits.rounds` calls wait for their clients already.',
    operator: 'Raise `limits.rounds`, or lower `inputTimeout` so that calls that nobody comes back for end sooner.',
  },
} as const satisfies Record<string, ErrorRow>;
