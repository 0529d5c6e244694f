import type { Clock } from '../base/clock.ts';
import { codeOf } from '../base/errors.ts';
import { elementTexts, memberTexts } from '../jsonrpc/raw-json.ts';
import { objectIn, textOf } from '../relay/rewrite.ts';
import type { Incoming } from './incoming.ts';
import { checkMirroredParams, mirroredParams, type MirroredParam } from './mirrored-params.ts';
import type { SeatAnswer } from './seat.ts';

/** What is known of the tools is good for so long, in milliseconds. */
const freshMs = 60_000;
/** How long the list may take, and how soon it is asked for again when it could not be had, in milliseconds. */
const limitMs = 5000;
const againMs = 10_000;
/** Of one list. */
const maxPages = 100;

/** Asks the server for one page of its tools. @param limitMs how long it may take, in milliseconds */
export type AskPage = (params: Readonly<Record<string, unknown>>, limitMs: number) => Promise<SeatAnswer>;

/**
 * Which arguments of a server's tools are repeated in headers. Only the server's list says that, so it is asked for it
 * now and then, and once more before a call is refused.
 *
 * @see MCP 2026-07-28, Streamable HTTP, "Custom Headers from Tool Parameters"
 */
export class ToolHeaders {
  readonly #clock: Clock;
  /** Of the tools that have any. */
  #mirrored: ReadonlyMap<string, readonly MirroredParam[]> = new Map();
  #learnedAt = -Infinity;
  #learning: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a request is a call of which it is not known that it has nothing to repeat. */
  mustCheck({ request: { method, claim } }: Incoming): boolean {
    return method === 'tools/call' && (this.#isStale || this.#mirrored.has(claim.name ?? ''));
  }

  /**
   * Checks a call, with the newest list where another one would refuse it.
   *
   * @throws {BridgeError} `HEADER_MISMATCH`
   */
  async checkAnew(incoming: Incoming, ask: AskPage): Promise<void> {
    if (this.#isStale) await this.#learnOnce(ask);
    try {
      this.#check(incoming);
    } catch (error) {
      if (codeOf(error) !== 'HEADER_MISMATCH') throw error;
      await this.#learnOnce(ask);
      this.#check(incoming);
    }
  }

  /** Reads the list; as long as it cannot be had, the last one holds. */
  #learnOnce(ask: AskPage): Promise<void> {
    this.#learning ??= this.#learn(ask).finally(() => {
      this.#learning = undefined;
    });
    return this.#learning;
  }

  get #isStale(): boolean {
    return this.#clock.now() - this.#learnedAt >= freshMs;
  }

  #check({ request, bytes, headers }: Incoming): void {
    const mirrored = this.#mirrored.get(request.claim.name ?? '');
    if (mirrored) checkMirroredParams(mirrored, bytes, headers);
  }

  async #learn(ask: AskPage): Promise<void> {
    const found = new Map<string, readonly MirroredParam[]>();
    const startedAt = this.#clock.now();
    try {
      let cursor: string | undefined;
      for (let page = 0; page < maxPages; page++) {
        const { message, bytes } = await ask(
          cursor === undefined ? {} : { cursor },
          startedAt + limitMs - this.#clock.now(),
        );
        if (message.isError) break;
        const result = objectIn(memberTexts(bytes.toString()).get('result'));
        for (const tool of elementsOf(result.get('tools'))) note(found, objectIn(tool));
        cursor = textOf(result.get('nextCursor'));
        if (cursor === undefined) break;
      }
      this.#mirrored = found;
      this.#learnedAt = this.#clock.now();
    } catch {
      // The call itself will meet what is wrong with the server.
      this.#learnedAt = this.#clock.now() - freshMs + againMs;
    }
  }
}

function elementsOf(text: string | undefined): string[] {
  return text?.startsWith('[') === true ? elementTexts(text) : [];
}

function note(found: Map<string, readonly MirroredParam[]>, tool: ReadonlyMap<string, string>): void {
  const name = textOf(tool.get('name'));
  const mirrored = mirroredParams(tool.get('inputSchema') ?? '{}');
  if (name !== undefined && mirrored.length > 0) found.set(name, mirrored);
}
