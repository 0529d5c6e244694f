import { parentPort, workerData } from 'node:worker_threads';
import { parseDocument } from './document.ts';
import { DescriptionFault } from './fault.ts';

/** What a thread says of the document that it was given. */
export type Reading = { readonly root: object } | { readonly fault: string };

/** The thread of `parseInThread`. */
async function read(text: string): Promise<Reading> {
  try {
    return { root: await parseDocument(text) };
  } catch (error) {
    if (error instanceof DescriptionFault) return { fault: error.message };
    throw error;
  }
}

parentPort?.postMessage(await read(String(workerData)));
