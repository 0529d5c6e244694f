import type { Readable } from 'node:stream';

/** After so many bytes, everything else has its turn: to look at them takes a few milliseconds at the most. */
export const turnBytes = 256 * 1024;

/**
 * Reads a stream as fast as it comes, but never for long: from a writer without a pause, libuv reads 32 times before it
 * looks at anything else.
 */
export function readInTurns(stream: Readable, take: (chunk: Buffer) => void): void {
  let bytesInTurn = 0;
  stream.on('data', (chunk: Buffer) => {
    take(chunk);
    const hasTurn = bytesInTurn < turnBytes;
    bytesInTurn += chunk.length;
    if (!hasTurn || bytesInTurn < turnBytes) return;
    stream.pause();
    setImmediate(() => {
      bytesInTurn = 0;
      stream.resume();
    });
  });
}
