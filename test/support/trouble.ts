import { fileURLToPath } from 'node:url';

const preload = new URL('../fixtures/preload/trouble.mjs', import.meta.url);

/**
 * The environment of a program that makes trouble for itself when SIGUSR2 comes, and stops when it comes again.
 *
 * @param options more options for Node
 */
export function trouble(
  kind: 'throw' | 'reject' | 'block' | 'hoard' | 'jump',
  ...options: string[]
): Record<string, string> {
  return { TROUBLE: kind, NODE_OPTIONS: ['--import', fileURLToPath(preload), ...options].join(' ') };
}
