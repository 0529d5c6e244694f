import { BridgeError } from '../base/errors.ts';
import type { RetireReason } from '../pool/slot.ts';
import { startFailed, type Ended } from '../upstream/start-failed.ts';

/** Why a session ends; one word in the log, explained in docs/operate.md. */
export type CloseReason =
  | 'deleted'
  | 'idle'
  | 'too-old'
  | 'abandoned'
  | 'upstream-ended'
  | 'unresponsive'
  | 'start-failed'
  | 'refused'
  | 'client-vanished'
  | 'draining';

/**
 * The one answer to every session id that is not its sender's. Some clients begin anew only when they read "HTTP 404"
 * in the text, whatever the status says.
 */
export function sessionUnknown(): BridgeError {
  return new BridgeError('SESSION_UNKNOWN', 'Session not found (HTTP 404)');
}

/** Tells the server that nobody waits any more. @see MCP 2025-11-25, Cancellation */
export function cancelText(idText: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${idText},"reason":"timeout"}}`;
}

/** What a request gets whose session ends before its answer. */
export function pendingError(reason: CloseReason, wasOpen: boolean, upstream: Ended): BridgeError {
  if (reason === 'draining') return new BridgeError('DRAINING', 'Cannot finish the request: Gangway is shutting down');
  if (!wasOpen) return startFailed(upstream);
  return new BridgeError('SESSION_UNKNOWN', `Cannot finish the request: its session ended (${reason})`);
}

/** What the end of a session says about its server: only an answer to `initialize` proves that it works. */
export function retireReason(reason: CloseReason, wasOpen: boolean): RetireReason {
  if (reason === 'start-failed') return 'start-failed';
  return wasOpen || reason === 'refused' ? 'session-ended' : 'never-used';
}
