import { describe, expect, it } from '@jest/globals';
import { errorTable } from '../../src/base/error-table.ts';

/** Clients decide by these: a change here is a change of the interface, and belongs in the changelog. */
const pinned = [
  ['CONFIG_INVALID', 500, -32603, false],
  ['ENGINE_UNAVAILABLE', 503, -32603, true],
  ['IMAGE_UNAVAILABLE', 502, -32603, false],
  ['IMAGE_PULLING', 503, -32603, true],
  ['BUILD_FAILED', 502, -32603, false],
  ['START_FAILED', 502, -32603, true],
  ['READY_TIMEOUT', 504, -32603, true],
  ['SERVER_UNKNOWN', 404, -32600, false],
  ['SERVER_DISABLED', 503, -32603, false],
  ['APP_UNAVAILABLE', 503, -32603, true],
  ['POOL_FULL', 503, -32603, true],
  ['ACQUIRE_TIMEOUT', 503, -32603, true],
  ['CIRCUIT_OPEN', 503, -32603, true],
  ['NODE_FULL', 503, -32603, true],
  ['OVERLOADED', 503, -32603, true],
  ['NOT_SHARED', 400, -32600, false],
  ['SESSION_LIMIT', 503, -32603, true],
  ['DRAINING', 503, -32603, true],
  ['UPSTREAM_EXITED', 502, -32603, true],
  ['ENGINE_LOST', 502, -32603, true],
  ['UPSTREAM_GARBLED', 502, -32603, false],
  ['REMOTE_UNREACHABLE', 502, -32603, true],
  ['REMOTE_UNAUTHORIZED', 502, -32603, false],
  ['REMOTE_REFUSED', 502, -32603, false],
  ['REMOTE_FAILED', 502, -32603, true],
  ['UPSTREAM_BUSY', 503, -32603, true],
  ['CALL_TIMEOUT', 504, -32603, true],
  ['SESSION_REQUIRED', 400, -32600, false],
  ['SESSION_UNKNOWN', 404, -32001, false],
  ['SESSION_EXISTS', 400, -32600, false],
  ['VERSION_UNSUPPORTED', 400, -32600, false],
  ['BODY_MALFORMED', 400, -32700, false],
  ['MESSAGE_INVALID', 400, -32600, false],
  ['MESSAGE_AMBIGUOUS', 400, -32600, false],
  ['MESSAGE_TOO_COMPLEX', 400, -32600, false],
  ['DUPLICATE_ID', 400, -32600, false],
  ['EVENT_UNKNOWN', 400, -32600, false],
  ['ANSWER_LOST', 503, -32603, true],
  ['BODY_TOO_LARGE', 413, -32600, false],
  ['HEADERS_TOO_LARGE', 431, -32600, false],
  ['BODY_TOO_SLOW', 408, -32600, true],
  ['MEDIA_TYPE_REFUSED', 415, -32600, false],
  ['NOT_ACCEPTABLE', 406, -32600, false],
  ['METHOD_REFUSED', 405, -32600, false],
  ['ADMIN_REFUSED', 403, -32600, false],
  ['PATH_UNKNOWN', 404, -32600, false],
  ['HOST_REFUSED', 403, -32600, false],
  ['ORIGIN_REFUSED', 403, -32600, false],
  ['META_MISSING', 400, -32602, false],
  ['HEADER_MISMATCH', 400, -32020, false],
  ['REVISION_UNSUPPORTED', 400, -32022, false],
  ['CAPABILITY_MISSING', 400, -32021, false],
  ['LEGACY_ONLY', 400, -32600, false],
  ['METHOD_UNKNOWN', 404, -32601, false],
  ['ROUND_UNKNOWN', 200, -32602, false],
  ['INPUT_INVALID', 200, -32602, false],
  ['ROUNDS_FULL', 503, -32603, true],
  ['INPUT_FAILED', 502, -32603, false],
  ['TOOL_UNKNOWN', 404, -32602, false],
  ['ARGUMENTS_INVALID', 400, -32602, false],
  ['TOOL_FAILED', 422, -32603, false],
  ['SERVER_ERROR', 502, -32603, false],
  ['INTERNAL', 500, -32603, false],
] as const;

describe('errorTable', () => {
  it.each(pinned)('keeps %s at HTTP %i, JSON-RPC %i, retry %p', (code, http, rpc, retry) => {
    expect(errorTable[code]).toMatchObject({ http, rpc, retry });
  });

  it('has no code that is not pinned', () => {
    expect(Object.keys(errorTable)).toEqual(pinned.map(([code]) => code));
  });
});
