import type { BridgeError } from '../base/errors.ts';

/** The server's own last words, when the error has them. */
export function stderrOf({ data }: BridgeError): readonly string[] {
  const lines = data['stderr'];
  return Array.isArray(lines) ? (lines as readonly string[]) : [];
}
