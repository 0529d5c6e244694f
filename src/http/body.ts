import type { IncomingMessage } from 'node:http';
import { BridgeError } from '../base/errors.ts';
import { noteTaken } from '../base/memory-taken.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import { clientLimits, takeMessage, type Batch, type Envelope, type Refusal } from '../jsonrpc/message.ts';
import { oneLine } from '../jsonrpc/one-line.ts';
import { Scanner } from '../jsonrpc/scan.ts';

/** What a POST brought. */
export interface Received {
  readonly message: Envelope | Batch | Refusal;
  /** On one line. */
  readonly bytes: Bytes;
}

/**
 * Reads a body and the message in it.
 *
 * @param take gets what came, or why nothing did: what `readBody` says. A body that was read and is no message is a
 *   `Refusal`
 */
export function onReceived(
  request: IncomingMessage,
  maxBytes: number,
  take: (received: Received | BridgeError) => void,
): void {
  const scanner = scanners.pop() ?? new Scanner(clientLimits);
  readBody(request, maxBytes, scanner, (bytes) => {
    const outcome = bytes instanceof BridgeError ? bytes : received(scanner, bytes);
    scanner.reset();
    if (scanners.length < maxScanners) scanners.push(scanner);
    take(outcome);
  });
}

function received(scanner: Scanner, bytes: Bytes): Received {
  const line = scanner.hasBreak ? oneLine(bytes) : bytes;
  return { message: takeMessage(scanner, line), bytes: line };
}

/** The same as a promise. @throws {BridgeError} */
export function receive(request: IncomingMessage, maxBytes: number): Promise<Received> {
  return new Promise((resolve, reject) => {
    onReceived(request, maxBytes, (received) => {
      if (received instanceof BridgeError) reject(received);
      else resolve(received);
    });
  });
}

/** Scanners that read nothing now. */
const scanners: Scanner[] = [];
const maxScanners = 64;

const refusals = {
  malformed: ['BODY_MALFORMED', 'Malformed body'],
  invalid: ['MESSAGE_INVALID', 'Invalid message'],
  ambiguous: ['MESSAGE_AMBIGUOUS', 'Ambiguous message'],
  'too-complex': ['MESSAGE_TOO_COMPLEX', 'Message too complex'],
} as const;

export function refusalError({ kind, reason }: Refusal): BridgeError {
  const [code, what] = refusals[kind];
  return new BridgeError(code, `${what}: ${reason}`);
}

/** A body that is wrong is not read further than this. */
const patienceBytes = 64 * 1024;

/**
 * Reads a whole request body, bounded: the declared length is checked first, the bytes are counted in any case. A
 * scanner sees them as they come; when it finds a fault in a large body, the rest is not read.
 *
 * @param take gets what was read, or an error: `BODY_TOO_LARGE` as soon as it is known, `BODY_MALFORMED` when it is empty
 *   or cut off. Called once
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  scanner: Scanner,
  take: (outcome: Bytes | BridgeError) => void,
): void {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    take(tooLarge(maxBytes));
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  let isOver = false;
  const finish = (outcome: Bytes | BridgeError): void => {
    if (isOver) return;
    isOver = true;
    take(outcome);
  };
  const stopReading = (outcome: Bytes | BridgeError): void => {
    request.removeAllListeners('data');
    request.pause();
    finish(outcome);
  };
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    noteTaken(chunk.length);
    chunks.push(chunk);
    scanner.push(chunk);
    if (length > maxBytes) stopReading(tooLarge(maxBytes));
    else if (scanner.fault !== undefined && length > patienceBytes) stopReading(new Bytes(chunks, length));
  });
  request.on('end', () => {
    finish(length > 0 ? new Bytes(chunks, length) : malformed('it is empty'));
  });
  // Also after an error.
  request.on('close', () => {
    if (!isOver) finish(malformed('it was cut off'));
  });
}

function tooLarge(maxBytes: number): BridgeError {
  return new BridgeError('BODY_TOO_LARGE', `Body too large: the limit is ${maxBytes} bytes`, { maxBytes });
}

function malformed(why: string): BridgeError {
  return new BridgeError('BODY_MALFORMED', `Malformed body: ${why}, wanted one JSON text in UTF-8`);
}
