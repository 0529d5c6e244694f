import type { IncomingMessage } from 'node:http';
import type { Clock } from '../base/clock.ts';

/** A body that nobody wants may take so long to end: then its connection can serve again. */
const patienceMs = 1000;
const maxBytes = 64 * 1024;

/** Reads the rest of a response that is not wanted, within bounds. */
export function discard(response: IncomingMessage, clock: Clock): void {
  const cancel = clock.after(patienceMs, () => response.destroy());
  let length = 0;
  response.once('close', cancel);
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxBytes) response.destroy();
  });
}
