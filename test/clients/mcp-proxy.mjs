import { fileURLToPath } from 'node:url';
import { connectStdio } from './stdio.mjs';

export { lostBySdk as progressNote } from './stdio.mjs';
/** The program that a client starts. */
export const snippetFile = 'mcp-proxy-stdio.mjs';

export function connect(url) {
  return connectStdio([fileURLToPath(new URL(snippetFile, import.meta.url)), url]);
}
