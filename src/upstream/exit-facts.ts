import { constants } from 'node:os';
import type { ErrorData } from '../base/errors.ts';
import { formatSize } from '../config/units.ts';
import type { EngineKind, Exit } from '../engine/engine.ts';

/** Facts about an exit, for an error text. @param memoryBytes the limit of its container; 0 is none */
export function exitFacts(exit: Exit, kind: EngineKind, memoryBytes: number): ErrorData {
  const { code, signal, error, isOomKilled, lost } = exit;
  const signalName = signal ?? (kind === 'process' ? undefined : signalIn(code));
  return {
    ...(code === undefined ? {} : { exitCode: code }),
    ...(signalName === undefined ? {} : { signal: signalName }),
    ...(isOomKilled ? { oomKilled: true } : {}),
    ...(isOomKilled && memoryBytes > 0 ? { memoryLimit: formatSize(memoryBytes) } : {}),
    ...(lost === undefined ? {} : { lost }),
    ...(error === undefined ? {} : { spawnError: error }),
  };
}

/** What is said of a server that was killed for lack of memory, by the facts about its exit. */
export function memoryWords({ memoryLimit }: ErrorData): string {
  const limit = typeof memoryLimit === 'string' ? ` (limit ${memoryLimit})` : '';
  return `the server was killed by the kernel for lack of memory${limit}`;
}

/** The first process in a container ends with 128 and the number of the signal that ended the server. */
function signalIn(code: number | undefined): string | undefined {
  if (code === undefined || code <= 128) return undefined;
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
}
