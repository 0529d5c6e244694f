import { BridgeError, type ErrorData } from '../base/errors.ts';
import { refusalWords } from '../engine/refusal.ts';
import { memoryWords } from './exit-facts.ts';

/** What can tell how a server ended: exit code, signal, last stderr lines. */
export interface Ended {
  describeExit(): ErrorData;
}

/** The error for a server that ended before it was ready. */
export function startFailed(upstream: Ended): BridgeError {
  const data = upstream.describeExit();
  if (data['lost'] === 'engine' || data['engineReason'] === 'engine-gone') {
    return new BridgeError('ENGINE_UNAVAILABLE', 'Cannot start the server: the engine does not answer');
  }
  if (data['lost'] === 'launcher') {
    return new BridgeError('ENGINE_UNAVAILABLE', 'Cannot start the server: the launcher ended, or does not answer');
  }
  if (data['spawnError'] === 'EMFILE' || data['spawnError'] === 'ENFILE') {
    return new BridgeError('OVERLOADED', 'Cannot start the server: Gangway is short of file descriptors');
  }
  return new BridgeError('START_FAILED', `Cannot start the server: ${howItEnded(data)}`, data);
}

function howItEnded(data: ErrorData): string {
  if ('engineReason' in data) return `the engine refused to run it: ${refusalWords(String(data['engineReason']))}`;
  if (data['oomKilled'] === true) return `${memoryWords(data)} before it was ready`;
  if ('spawnError' in data) return `the program could not be run (${String(data['spawnError'])})`;
  if ('exitCode' in data) return `it ended with exit code ${withMeaning(Number(data['exitCode']))} before it was ready`;
  return 'signal' in data ? `it ended by ${String(data['signal'])} before it was ready` : 'it did not answer in time';
}

function withMeaning(code: number): string {
  const meaning = exitMeanings.get(code);
  return meaning === undefined ? String(code) : `${code} (${meaning})`;
}

/** What the engines mean by an exit code that is not the server's own. */
const exitMeanings: ReadonlyMap<number, string> = new Map([
  [126, 'its command cannot be executed'],
  [127, 'its command does not exist'],
  [137, 'killed, often for lack of memory'],
]);
