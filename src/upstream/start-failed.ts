import { BridgeError, type ErrorData } from '../base/errors.ts';

/** What can tell how a server ended: exit code, signal, last stderr lines. */
export interface Ended {
  describeExit(): ErrorData;
}

/** The error for a server that ended before it was ready. */
export function startFailed(upstream: Ended): BridgeError {
  const data = upstream.describeExit();
  return new BridgeError('START_FAILED', `Cannot start the server: ${howItEnded(data)}`, data);
}

function howItEnded(data: ErrorData): string {
  if ('spawnError' in data) return `the program could not be run (${String(data['spawnError'])})`;
  if ('signal' in data) return `it ended by ${String(data['signal'])} before it was ready`;
  if (!('exitCode' in data)) return 'it did not answer in time';
  const meaning = exitMeanings.get(Number(data['exitCode']));
  return `it ended with exit code ${String(data['exitCode'])}${meaning === undefined ? '' : ` (${meaning})`} before it was ready`;
}

/** What the engines mean by an exit code that is not the server's own. */
const exitMeanings: ReadonlyMap<number, string> = new Map([
  [125, 'the engine refused to run it'],
  [126, 'its command cannot be executed'],
  [127, 'its command does not exist'],
  [137, 'killed, often for lack of memory'],
]);
