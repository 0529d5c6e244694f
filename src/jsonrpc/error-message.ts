import { errorTable, type ErrorCode } from '../base/error-table.ts';
import { BridgeError, type ErrorData } from '../base/errors.ts';

interface Described {
  readonly code: ErrorCode;
  readonly message: string;
  readonly data: ErrorData;
}

/** Anything thrown, as what a peer may know of it: a fault of our own tells nothing about its inside. */
export function describeError(error: unknown): Described {
  if (error instanceof BridgeError) return error;
  return { code: 'INTERNAL', message: 'Internal error', data: {} };
}

/** How long a peer should wait before it tries again, in milliseconds; undefined when trying again is no use. */
export function retryAfterMs(code: ErrorCode): number | undefined {
  return errorTable[code].retry ? 1000 : undefined;
}

/**
 * A JSON-RPC error of Gangway's own, recognisable by `data.gangway`.
 *
 * @param idText the id as the caller wrote it; "null" when the caller's id is not known
 * @see JSON-RPC 2.0, 5.1
 */
export function errorMessage(error: unknown, idText: string): Buffer {
  const { code, message, data } = describeError(error);
  const row = errorTable[code];
  const retryAfter = retryAfterMs(code);
  const gangway = {
    ...data,
    reason: code,
    retryable: row.retry,
    ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter }),
  };
  const body = JSON.stringify({ code: row.rpc, message, data: { gangway } });
  return Buffer.from(`{"jsonrpc":"2.0","id":${idText},"error":${body}}`);
}
