import { BridgeError } from '../base/errors.ts';
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
  const sentence = 'Cannot finish the request: the server ended while it was pending';
  return new BridgeError('UPSTREAM_EXITED', sentence, upstream.describeExit());
}

/** An answer that is no message. */
export function garbledAnswer(): BridgeError {
  return new BridgeError('UPSTREAM_GARBLED', 'Cannot relay the server’s answer: it is no valid JSON-RPC');
}
