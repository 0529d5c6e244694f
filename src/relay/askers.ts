import type { Request } from '../jsonrpc/message.ts';

/** Tools and prompts of one server that are remembered. */
const maxKnown = 10_000;

/**
 * What a server asks its client about: a tool that was answered once without a question is taken for one that asks
 * nothing, until it does. Calls of the others have a container to themselves, so that it is clear whose question it is.
 */
export class Askers {
  readonly #known = new Map<string, boolean>();

  /** Whether a question may come up, as far as is known. Only these requests can need their client. */
  mayAsk(request: Request): boolean {
    return canNeedInput(request) && (this.#known.get(keyOf(request)) ?? true);
  }

  /** @param hasAsked also of one that was refused because it could not be told whose it was */
  learn(request: Request, hasAsked: boolean): void {
    if (!canNeedInput(request)) return;
    const key = keyOf(request);
    const known = this.#known.get(key);
    if (known === true || known === hasAsked) return;
    if (known === undefined && this.#known.size >= maxKnown) return;
    this.#known.set(key, hasAsked);
  }
}

/** @see MCP 2026-07-28, Multi Round-Trip Requests, "Supported Requests" */
function canNeedInput({ method }: Request): boolean {
  return method === 'tools/call' || method === 'prompts/get' || method === 'resources/read';
}

function keyOf({ method, claim }: Request): string {
  return `${method} ${claim?.name ?? ''}`;
}
