import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { z } from 'zod';
import { BridgeError } from '../base/errors.ts';

/** As the server wrote it, also what is not known here. */
export type Tool = Readonly<Record<string, unknown>> & {
  readonly name: string;
  readonly description?: string | undefined;
};

const page = z.object({
  tools: z.array(z.looseObject({ name: z.string(), description: z.string().optional() })),
  nextCursor: z.string().optional(),
});

/** A list has an end before that. */
const maxPages = 100;

/** All pages. @throws {BridgeError} `UPSTREAM_GARBLED` for a list without an end, or what is none */
export async function listTools(client: Client): Promise<Tool[]> {
  const found: Tool[] = [];
  let cursor: string | undefined;
  for (let count = 0; count < maxPages; count++) {
    const params = cursor === undefined ? {} : { cursor };
    const { tools: some, nextCursor } = await client.request({ method: 'tools/list', params }, page).catch(inWords);
    found.push(...some);
    cursor = nextCursor;
    if (cursor === undefined) return found;
  }
  throw new BridgeError('UPSTREAM_GARBLED', `Cannot list the tools: there are more than ${maxPages} pages`);
}

/** The words of the one who checks an answer are many lines of JSON. */
function inWords(error: unknown): never {
  const isMisfit = typeof error === 'object' && error !== null && 'issues' in error;
  throw isMisfit ? new BridgeError('UPSTREAM_GARBLED', 'Its answer to tools/list is no list of tools') : error;
}
