import type { Clock } from '../base/clock.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Dialogue } from './dialogue.ts';
import type { Incoming } from './incoming.ts';
import { ModernServer } from './modern-server.ts';
import { Rounds } from './rounds.ts';
import type { ModernServed } from './served.ts';
import { Vanished } from './vanished.ts';

/** Deadlines are kept to this grain, in milliseconds. */
const tickMs = 250;

interface Surroundings {
  readonly clock: Clock;
  /** Calls that may wait for their clients at once, as the configuration says now. */
  readonly maxRounds: () => number;
}

/** All servers as requests of 2026-07-28 use them, each for as long as its configuration lasts. */
export class ModernServers {
  readonly #clock: Clock;
  readonly #rounds: Rounds<Dialogue>;
  readonly #servers = new Map<ModernServed, ModernServer>();
  readonly #stopTicking: () => void;
  #isDraining = false;
  /** Resolves when no request is under way any more, once it drains. */
  #quiet: Deferred<void> | undefined;

  constructor({ clock, maxRounds }: Surroundings) {
    this.#clock = clock;
    this.#rounds = new Rounds({ clock, limit: maxRounds });
    this.#stopTicking = clock.every(tickMs, () => {
      this.#tick(clock.now());
    });
  }

  /** Requests that clients wait for. */
  get inFlight(): number {
    let count = 0;
    for (const server of this.#servers.values()) count += server.inFlight;
    return count;
  }

  /** Calls that wait for their clients. */
  get rounds(): number {
    return this.#rounds.size;
  }

  /** Streams of changes. */
  get listening(): number {
    let count = 0;
    for (const server of this.#servers.values()) count += server.listening;
    return count;
  }

  /** What one configuration of a server has to do: requests that clients wait for, and whatever else keeps it in use. */
  count(config: ServerConfig): { readonly calls: number; readonly users: number } {
    for (const server of this.#servers.values()) {
      if (server.served.config === config) return { calls: server.inFlight, users: server.users };
    }
    return { calls: 0, users: 0 };
  }

  /**
   * Serves one request; its answer goes to its reply.
   *
   * @throws {BridgeError} `DRAINING`, and what `ModernServer.take` throws: nothing was sent
   */
  async take(served: ModernServed, incoming: Incoming): Promise<void> {
    if (this.#isDraining) throw draining();
    // Its server may have been replaced while it stood in line.
    if (!incoming.reply.isOpen) return;
    const vanished = new Vanished();
    let isBegun = false;
    incoming.reply.onClose(() => {
      if (!isBegun) vanished.go();
    });
    await this.#of(served).take(incoming, vanished);
    isBegun = true;
  }

  /** No request is taken any more. Resolves when none is under way. */
  drain(): Promise<void> {
    this.#isDraining = true;
    this.#quiet ??= deferred();
    for (const server of this.#servers.values()) server.drain(draining());
    if (this.inFlight === 0) this.#quiet.resolve();
    return this.#quiet.promise;
  }

  closeAll(): void {
    this.#isDraining = true;
    this.#stopTicking();
    for (const server of this.#servers.values()) server.closeAll(draining());
    this.#servers.clear();
  }

  #of(served: ModernServed): ModernServer {
    const known = this.#servers.get(served);
    if (known) return known;
    const server = new ModernServer(served, { rounds: this.#rounds, clock: this.#clock });
    this.#servers.set(served, server);
    return server;
  }

  #tick(now: number): void {
    this.#rounds.tick(now);
    for (const [served, server] of this.#servers) {
      server.tick(now);
      // Another one serves under its name, or none.
      if (!served.config.disabled) continue;
      server.endListening();
      if (server.users === 0) this.#servers.delete(served);
    }
    if (this.inFlight === 0) this.#quiet?.resolve();
  }
}

function draining(): BridgeError {
  return new BridgeError('DRAINING', 'Cannot take the request: Gangway is shutting down');
}
