import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { BridgeError } from '../base/errors.ts';

/**
 * Reads a whole request body, bounded: the declared length is checked first, the bytes are counted in any case.
 *
 * @throws {BridgeError} `BODY_TOO_LARGE` as soon as it is known; `BODY_MALFORMED` when it is empty, not UTF-8, or cut off
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = (): BridgeError =>
    new BridgeError('BODY_TOO_LARGE', `Body too large: the limit is ${maxBytes} bytes`, { maxBytes });
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.reject(tooLarge());
  return new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      request.removeAllListeners('data');
      request.pause();
      reject(tooLarge());
    });
    request.once('end', () => {
      const [first = Buffer.alloc(0)] = chunks;
      const body = chunks.length <= 1 ? first : Buffer.concat(chunks, length);
      if (length > 0 && isUtf8(body)) resolve(body);
      else reject(malformed(length === 0 ? 'it is empty' : 'it is not UTF-8'));
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
