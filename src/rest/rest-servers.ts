import type { Clock } from '../base/clock.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Served } from '../legacy/registry.ts';
import type { ChannelLease } from '../relay/channel.ts';
import { RestServer, type Caller } from './rest-server.ts';
import type { ToolList } from './tool-list.ts';

/** How often what is not used any more is looked for, in milliseconds. */
const tickMs = 5000;

interface Surroundings {
  readonly lease: (served: Served, signal: AbortSignal, address: string) => Promise<ChannelLease>;
  readonly clock: Clock;
}

/** All servers as plain REST uses them, each for as long as its configuration lasts, and the requests under way on them. */
export class RestServers {
  readonly #around: Surroundings;
  readonly #servers = new Map<Served, RestServer>();
  readonly #requests = new Map<AbortController, ServerConfig>();
  readonly #stopTicking: () => void;
  #isDraining = false;
  /** Resolves when no request is under way any more, once it drains. */
  #quiet: Deferred<void> | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#stopTicking = around.clock.every(tickMs, () => {
      this.#tick(around.clock.now());
    });
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#requests.size;
  }

  /** Those on one configuration of a server. */
  count(config: ServerConfig): number {
    let count = 0;
    for (const used of this.#requests.values()) if (used === config) count += 1;
    return count;
  }

  /** The tools of a server, when they are known and not too old. */
  known(served: Served): ToolList | undefined {
    return this.#servers.get(served)?.known;
  }

  /**
   * Does something on a server for a client.
   *
   * @param abort gives it up; it is aborted when the program ends before it does
   * @throws {BridgeError} `DRAINING`, and what `work` throws
   */
  async run<T>(
    served: Served,
    address: string,
    abort: AbortController,
    work: (server: RestServer, caller: Caller) => Promise<T>,
  ): Promise<T> {
    if (this.#isDraining) throw new BridgeError('DRAINING', 'Cannot take the request: Gangway is shutting down');
    this.#requests.set(abort, served.config);
    try {
      return await work(this.#of(served), { address, signal: abort.signal });
    } finally {
      this.#requests.delete(abort);
      if (this.#requests.size === 0) this.#quiet?.resolve();
    }
  }

  /** No request is taken any more. Resolves when none is under way. */
  drain(): Promise<void> {
    this.#isDraining = true;
    this.#quiet ??= deferred();
    if (this.#requests.size === 0) this.#quiet.resolve();
    return this.#quiet.promise;
  }

  closeAll(): void {
    this.#isDraining = true;
    this.#stopTicking();
    const error = new BridgeError('DRAINING', 'Cannot finish the request: Gangway is shutting down');
    for (const abort of [...this.#requests.keys()]) abort.abort(error);
    for (const server of this.#servers.values()) server.close();
    this.#servers.clear();
  }

  #of(served: Served): RestServer {
    const known = this.#servers.get(served);
    if (known) return known;
    const { clock, lease } = this.#around;
    const server = new RestServer(served.config, {
      clock,
      lease: (signal, address) => lease(served, signal, address),
    });
    this.#servers.set(served, server);
    return server;
  }

  #tick(now: number): void {
    for (const [served, server] of this.#servers) {
      server.tick(now);
      // Another one serves under its name, or none.
      if (!served.config.disabled || this.count(served.config) > 0) continue;
      server.close();
      this.#servers.delete(served);
    }
  }
}
