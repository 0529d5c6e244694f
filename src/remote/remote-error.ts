import type { ErrorCode } from '../base/error-table.ts';
import { BridgeError, codeOf, type ErrorData } from '../base/errors.ts';

/** What kept a remote server from answering. */
export class RemoteError extends BridgeError {
  /** Whether it may have seen what was asked of it. */
  readonly wasSent: boolean;

  constructor(code: ErrorCode, message: string, wasSent: boolean, data: ErrorData = {}, options?: ErrorOptions) {
    super(code, message, data, options);
    this.wasSent = wasSent;
  }
}

/**
 * A connection that did not come about, or broke. Nothing but the code of the fault is told: its words name addresses.
 *
 * @param wasSent whether there was a connection
 */
export function unreachable(error: unknown, wasSent: boolean): RemoteError {
  const fault = codeOf(error) ?? 'unknown';
  if (fault === 'EMFILE' || fault === 'ENFILE') {
    return new RemoteError('OVERLOADED', 'Cannot reach the remote server: Gangway is short of file descriptors', false);
  }
  if (fault.startsWith('HPE_')) return garbled('what it sent is no HTTP', { fault });
  const sentence = `Cannot reach the remote server: ${faultWords(fault, wasSent)} (${fault})`;
  return new RemoteError('REMOTE_UNREACHABLE', sentence, wasSent, { fault }, { cause: error });
}

/** An answer that is no answer of an MCP server. */
export function garbled(what: string, data: ErrorData = {}): RemoteError {
  return new RemoteError('UPSTREAM_GARBLED', `Cannot relay the remote server’s answer: ${what}`, true, data);
}

export function tooLong(maxLineBytes: number): RemoteError {
  return garbled(`it is longer than ${maxLineBytes} bytes`, { maxLineBytes });
}

/** The remote server does not know the session any more: it has not looked at the request. */
export function sessionLost(wasSent = false): RemoteError {
  // Some clients begin anew only when they read "HTTP 404" in the text.
  return new RemoteError('SESSION_UNKNOWN', 'Session not found (HTTP 404): the remote server has ended it', wasSent);
}

const words: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens at its address'],
  ['ENOTFOUND', 'its name is not known'],
  ['EAI_AGAIN', 'its name cannot be looked up'],
  ['ETIMEDOUT', 'it did not take the connection in time'],
  ['EHOSTUNREACH', 'there is no way to it'],
  ['ENETUNREACH', 'there is no way to it'],
]);

function faultWords(fault: string, wasSent: boolean): string {
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(fault)) return 'its certificate is not accepted';
  if (/SSL|TLS|EPROTO/.test(fault)) return 'it does not speak TLS as wanted';
  return words.get(fault) ?? (wasSent ? 'the connection broke before its answer' : 'no connection came about');
}
