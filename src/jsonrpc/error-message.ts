import { errorTable, type ErrorCode } from '../base/error-table.ts';
import { BridgeError, type ErrorData, type PeerData } from '../base/errors.ts';

interface Described {
  readonly code: ErrorCode;
  readonly message: string;
  readonly data: ErrorData;
  readonly peerData: PeerData;
}

/** Anything thrown, as what a peer may know of it: a fault of our own tells nothing about its inside. */
export function describeError(error: unknown): Described {
  if (error instanceof BridgeError) return error;
  return { code: 'INTERNAL', message: 'Internal error', data: {}, peerData: {} };
}

/**
 * How long a peer should wait before it tries again, in milliseconds: what the error knows of it, or a second;
 * undefined when trying again is no use.
 */
export function retryAfterMs({
  code,
  data: { retryAfterMs: known },
}: Pick<Described, 'code' | 'data'>): number | undefined {
  if (!errorTable[code].retry) return undefined;
  return typeof known === 'number' && known > 0 ? known : 1000;
}

/**
 * A JSON-RPC error of Gangway's own, recognisable by `data.gangway`.
 *
 * @param idText the id as the caller wrote it; "null" when the caller's id is not known
 * @see JSON-RPC 2.0, 5.1
 */
export function errorMessage(error: unknown, idText: string): Buffer {
  const described = describeError(error);
  const { code, message, data, peerData } = described;
  const row = errorTable[code];
  const retryAfter = retryAfterMs(described);
  const gangway = {
    ...data,
    reason: code,
    retryable: row.retry,
    ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter }),
  };
  const body = JSON.stringify({ code: row.rpc, message, data: { ...peerData, gangway } });
  return Buffer.from(`{"jsonrpc":"2.0","id":${idText},"error":${body}}`);
}
