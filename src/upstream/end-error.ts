import { BridgeError, type ErrorData } from '../base/errors.ts';
import { memoryWords } from './exit-facts.ts';
import { startFailed, type Ended } from './start-failed.ts';
import type { UpstreamEnd } from './upstream.ts';

/** What a pending request gets when its server ends. @param isStart whether it had not answered `initialize` yet */
export function endError(end: UpstreamEnd, maxLineBytes: number, upstream: Ended, isStart = false): BridgeError {
  if (end.reason === 'line-too-long') {
    const sentence = `Cannot relay the server’s message: its line is longer than ${maxLineBytes} bytes`;
    return new BridgeError('UPSTREAM_GARBLED', sentence, { maxLineBytes });
  }
  if (end.reason === 'too-noisy') {
    const sentence = 'Cannot use the server: it floods its stdout with lines that are no JSON-RPC messages';
    return new BridgeError('UPSTREAM_GARBLED', sentence, upstream.describeExit());
  }
  if (isStart) return startFailed(upstream);
  const data = upstream.describeExit();
  const code = data['lost'] === 'engine' || data['lost'] === 'launcher' ? 'ENGINE_LOST' : 'UPSTREAM_EXITED';
  return new BridgeError(code, `Cannot finish the request: ${howItEnded(data)}`, data);
}

/** A server that did not answer in time. @param isStart whether it was to answer `initialize` */
export function timeoutError(isStart: boolean, waitedMs: number, upstream: Ended): BridgeError {
  if (isStart) {
    const sentence = `Cannot start the server: it did not answer "initialize" within ${waitedMs} ms`;
    return new BridgeError('READY_TIMEOUT', sentence, { ...upstream.describeExit(), waitedMs });
  }
  const sentence = `Cannot answer the request: the server took longer than ${waitedMs} ms`;
  return new BridgeError('CALL_TIMEOUT', sentence, { waitedMs });
}

/** An answer that is no message. */
export function garbledAnswer(): BridgeError {
  return new BridgeError('UPSTREAM_GARBLED', 'Cannot relay the server’s answer: it is no valid JSON-RPC');
}

function howItEnded(data: ErrorData): string {
  if (data['lost'] === 'engine') return 'the engine went away while it was pending, and the server with it';
  if (data['lost'] === 'launcher') return 'the launcher ended while it was pending, and the server with it';
  if (data['lost'] === 'monitor') return 'the engine lost its hold of the server while it was pending';
  if (data['oomKilled'] === true) return `${memoryWords(data)} while it was pending`;
  return 'the server ended while it was pending';
}
