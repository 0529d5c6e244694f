import type { BridgeError, ErrorData } from '../base/errors.ts';

/** The server's own last words, when the error has them. */
export function stderrOf({ data }: BridgeError): readonly string[] {
  return stderrIn(data);
}

/** The same, of what is known about a server. */
export function stderrIn(data: ErrorData): readonly string[] {
  const lines = data['stderr'];
  return Array.isArray(lines) ? (lines as readonly string[]) : [];
}
