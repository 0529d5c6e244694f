import { BridgeError } from '../base/errors.ts';

export function drainingError(): BridgeError {
  return new BridgeError('DRAINING', 'Cannot lease a container: Gangway is shutting down');
}

/** For a caller for whom there is no place in line. */
export function fullError(waiting: number, queue: number, max: number): BridgeError {
  const sentence = `Cannot lease a container: none is free and ${waiting} callers wait, limit is ${queue}`;
  return new BridgeError('POOL_FULL', sentence, { max, waiting, queue });
}

/** For a caller whose time in line is over. @param isNodeFull whether it was the limits of the node that it met */
export function lateError(waitedMs: number, isNodeFull: boolean): BridgeError {
  if (!isNodeFull) {
    const sentence = `Cannot lease a container: none came free within ${waitedMs} ms`;
    return new BridgeError('ACQUIRE_TIMEOUT', sentence, { waitedMs });
  }
  const sentence = `Cannot start a container: all servers together are at their limits, and none came free within ${waitedMs} ms`;
  return new BridgeError('NODE_FULL', sentence, { waitedMs });
}

/** For a server that can never be started. */
export function tooLargeError(memoryBytes: number, limitBytes: number): BridgeError {
  const sentence = `Cannot start a container: it wants ${memoryBytes} bytes of memory, and all servers together may use ${limitBytes}`;
  return new BridgeError('NODE_FULL', sentence, { memoryBytes, limitBytes });
}
