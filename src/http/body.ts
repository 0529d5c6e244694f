import type { IncomingMessage } from 'node:http';
import { BridgeError } from '../base/errors.ts';
import { Bytes } from '../jsonrpc/bytes.ts';
import { clientLimits, takeMessage, type Batch, type Envelope, type Refusal } from '../jsonrpc/message.ts';
import { Scanner } from '../jsonrpc/scan.ts';

/** What a POST brought: its bytes, and what they are. */
export interface Received {
  readonly message: Envelope | Batch | Refusal;
  readonly bytes: Bytes;
}

/**
 * Reads a body and the message in it.
 *
 * @throws {BridgeError} what `readBody` throws; a body that was read and is no message is a `Refusal`
 */
export async function receive(request: IncomingMessage, maxBytes: number): Promise<Received> {
  const scanner = new Scanner(clientLimits);
  const bytes = await readBody(request, maxBytes, scanner);
  return { message: takeMessage(scanner, bytes), bytes };
}

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
 * @returns what was read
 * @throws {BridgeError} `BODY_TOO_LARGE` as soon as it is known; `BODY_MALFORMED` when it is empty or cut off
 */
export function readBody(request: IncomingMessage, maxBytes: number, scanner: Scanner): Promise<Bytes> {
  const tooLarge = (): BridgeError =>
    new BridgeError('BODY_TOO_LARGE', `Body too large: the limit is ${maxBytes} bytes`, { maxBytes });
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.reject(tooLarge());
  return new Promise<Bytes>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const stopReading = (): void => {
      request.removeAllListeners('data');
      request.pause();
    };
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      scanner.push(chunk);
      if (length > maxBytes) {
        stopReading();
        reject(tooLarge());
      } else if (scanner.fault !== undefined && length > patienceBytes) {
        stopReading();
        resolve(new Bytes(chunks, length));
      }
    });
    request.once('end', () => {
      if (length > 0) resolve(new Bytes(chunks, length));
      else reject(malformed('it is empty'));
    });
    request.once('close', () => {
      reject(malformed('it was cut off'));
    });
    request.once('error', () => {
      reject(malformed('it was cut off'));
    });
  });
}

function malformed(why: string): BridgeError {
  return new BridgeError('BODY_MALFORMED', `Malformed body: ${why}, wanted one JSON text in UTF-8`);
}
