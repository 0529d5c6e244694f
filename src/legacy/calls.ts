import { BridgeError } from '../base/errors.ts';
import type { Id } from '../jsonrpc/message.ts';
import type { Exchange } from '../relay/exchange.ts';
import type { InFlight } from '../relay/route.ts';

/** Requests of a client that may be under way at once. */
const maxCalls = 1000;
/** Tokens of requests that made tasks, which may report progress for as long as the session lives. */
const maxTaskTokens = 1000;

/** The requests of one session that are under way, by id and by progress token, in the order in which they began. */
export class Calls implements InFlight {
  readonly #byId = new Map<Id, Exchange>();
  readonly #byToken = new Map<Id, Exchange>();
  readonly #taskTokens = new Set<Id>();

  get size(): number {
    return this.#byId.size;
  }

  /** @throws {BridgeError} `DUPLICATE_ID`, `UPSTREAM_BUSY` when these could not all be added */
  refuseClash(exchanges: readonly Exchange[]): void {
    if (this.#byId.size + exchanges.length > maxCalls) {
      throw new BridgeError('UPSTREAM_BUSY', `Cannot send the request: ${maxCalls} are under way in this session`);
    }
    const batch = exchanges.length > 1 ? new Calls() : undefined;
    for (const exchange of exchanges) {
      const taken = this.#clash(exchange) ?? (batch ? batch.#clash(exchange) : undefined);
      if (taken)
        throw new BridgeError('DUPLICATE_ID', `Cannot send the request: its ${taken} is in use by another one`);
      batch?.add(exchange);
    }
  }

  add(exchange: Exchange): void {
    const { id, progressToken } = exchange.request;
    this.#byId.set(id, exchange);
    if (progressToken !== undefined) this.#byToken.set(progressToken, exchange);
  }

  remove({ request: { id, progressToken, isTask } }: Exchange): void {
    this.#byId.delete(id);
    if (progressToken === undefined) return;
    this.#byToken.delete(progressToken);
    if (!isTask) return;
    this.#taskTokens.add(progressToken);
    if (this.#taskTokens.size <= maxTaskTokens) return;
    for (const oldest of this.#taskTokens) {
      this.#taskTokens.delete(oldest);
      return;
    }
  }

  byId(id: Id): Exchange | undefined {
    return this.#byId.get(id);
  }

  byToken(token: Id): Exchange | undefined {
    return this.#byToken.get(token);
  }

  byTask(taskId: string): Exchange | undefined {
    return this.#newest(({ request }) => request.method === 'tasks/result' && request.taskId === taskId);
  }

  isTaskToken(token: Id): boolean {
    return this.#taskTokens.has(token);
  }

  newestConnected(): Exchange | undefined {
    return this.#newest(({ reply }) => reply.isConnected);
  }

  newestOpen(): Exchange | undefined {
    return this.#newest(({ reply }) => reply.isOpen);
  }

  /** All of them, which are over with that. */
  takeAll(): Exchange[] {
    const all = this.all();
    for (const exchange of all) this.remove(exchange);
    return all;
  }

  all(): Exchange[] {
    return [...this.#byId.values()];
  }

  #clash({ request: { id, progressToken } }: Exchange): 'id' | 'progress token' | undefined {
    if (this.#byId.has(id)) return 'id';
    return progressToken !== undefined && this.#byToken.has(progressToken) ? 'progress token' : undefined;
  }

  #newest(isMeant: (exchange: Exchange) => boolean): Exchange | undefined {
    let last: Exchange | undefined;
    for (const exchange of this.#byId.values()) if (isMeant(exchange)) last = exchange;
    return last;
  }
}
