import type { Request } from '../jsonrpc/message.ts';

/** Tools and prompts of one server that are remembered. */
const maxKnown = 10_000;

/**
 * What a server asks its client about: a tool that was answered once without a question is taken for one that asks
 * nothing, until it does. The others have a container to themselves, so that it is clear whose question it is.
 */
export class Askers {
  readonly #known = new Map<string, boolean>();

  /** What is to be expected while a request is worked on. */
  expects(request: Request): 'nothing' | 'perhaps' | 'questions' {
    if (!canNeedInput(request)) return 'nothing';
    const asks = this.#known.get(keyOf(request));
    if (asks === undefined) return 'perhaps';
    return asks ? 'questions' : 'nothing';
  }

  /** It asked something that may have been about this one, or about another: what was taken for quiet is not for now. */
  doubt(request: Request): void {
    const key = keyOf(request);
    if (this.#known.get(key) === false) this.#known.delete(key);
  }

  /** @param hasAsked whether it asked something that can only have been about this one */
  learn(request: Request, hasAsked: boolean): void {
    if (!canNeedInput(request)) return;
    const key = keyOf(request);
    const known = this.#known.get(key);
    if (known === true || known === hasAsked) return;
    this.#known.set(key, hasAsked);
    if (this.#known.size <= maxKnown) return;
    // Names that clients made up must not keep others from being known.
    const [oldest = ''] = this.#known.keys();
    this.#known.delete(oldest);
  }
}

/** @see MCP 2026-07-28, Multi Round-Trip Requests, "Supported Requests" */
function canNeedInput({ method }: Request): boolean {
  return method === 'tools/call' || method === 'prompts/get' || method === 'resources/read';
}

function keyOf({ method, claim }: Request): string {
  return `${method} ${claim?.name ?? ''}`;
}
