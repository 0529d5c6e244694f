import type { ErrorRow } from './error-row.ts';

/** What a client of revision 2026-07-28 and later did. Its JSON-RPC codes are the protocol's own. Part of `errorTable`. */
export const modernErrorTable = {
  META_MISSING: {
    http: 400,
    rpc: -32602,
    retry: false,
    when: 'The request is of a revision from 2026-07-28 on, and its `_meta` lacks the revision or the capabilities of the client.',
    operator: 'A client error; the message names what is missing.',
  },
  HEADER_MISMATCH: {
    http: 400,
    rpc: -32020,
    retry: false,
    when: 'A header that repeats a part of the body (`MCP-Protocol-Version`, `Mcp-Method`, `Mcp-Name`, `Mcp-Param-*`) is missing, stands there twice, cannot be read, or says something else.',
    operator:
      'A client error, or a proxy that drops or changes headers. After a change of a tool’s schema: clients ask for `tools/list` again.',
  },
  REVISION_UNSUPPORTED: {
    http: 400,
    rpc: -32022,
    retry: false,
    when: 'The request is of a revision that is not served; `error.data.supported` lists those that are.',
    operator: 'A client error, or a client that is newer than this Gangway.',
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
  INPUT_FAILED: {
    http: 502,
    rpc: -32603,
    retry: false,
    when: 'A server that speaks only 2026-07-28 needs input for a call of an older client, and that client cannot be asked for it, answered with an error, or was asked too much.',
    operator: 'The message names what was asked. Use a client that offers it.',
  },
} as const satisfies Record<string, ErrorRow>;
