import { Worker } from 'node:worker_threads';
import type { Clock } from '../base/clock.ts';
import { parseDocument } from './document.ts';
import type { Reading } from './document-worker.ts';
import { DescriptionFault } from './fault.ts';
import type { Json } from './json.ts';

/** From its sources, the program has no file that a thread could run. */
const isFromSource = import.meta.url.endsWith('.ts');
/** Enough for the largest document that is read. */
const resourceLimits = { maxOldGenerationSizeMb: 1024 };

/**
 * `parseDocument` in a thread of its own: a large document takes seconds, in which nobody else would be served.
 *
 * @param limitMs the document is given up after this time
 * @throws {DescriptionFault} what `parseDocument` throws, and for one that takes too long or too much memory
 */
export function parseInThread(text: string, limitMs: number, clock: Clock): Promise<Json> {
  if (isFromSource) return parseDocument(text);
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./document-worker.js', import.meta.url), { workerData: text, resourceLimits });
    const end = (reading: Reading | Error): void => {
      stopWaiting();
      void worker.terminate();
      if ('root' in reading) resolve(reading.root as Json);
      else reject(faultOf(reading));
    };
    const stopWaiting = clock.after(limitMs, () => {
      end({ fault: `it takes longer than ${limitMs} ms to read` });
    });
    worker.once('message', end);
    worker.once('error', end);
  });
}

function faultOf(reading: Exclude<Reading, { root: object }> | Error): Error {
  if ('fault' in reading) return new DescriptionFault('', reading.fault);
  const isMemory = 'code' in reading && reading.code === 'ERR_WORKER_OUT_OF_MEMORY';
  return isMemory ? new DescriptionFault('', 'it takes too much memory to read') : reading;
}
