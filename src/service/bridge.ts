import type { Server } from 'node:http';
import { settlesWithin } from '../base/deadline.ts';
import type { Clock } from '../base/clock.ts';
import { causeOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import { ownerOf, type Owner } from '../engine/labels.ts';
import { createApp, type Health } from '../http/app.ts';
import { createListener, startListening } from '../http/listener.ts';
import { Gate } from '../http/gate.ts';
import { DeadPeers } from '../http/dead-peers.ts';
import { McpRoute } from '../http/mcp-route.ts';
import { SseRoute } from '../http/sse-route.ts';
import { KeepAlive } from '../http/sse.ts';
import { SessionRegistry } from '../legacy/registry.ts';
import { SessionIds } from '../legacy/session-id.ts';
import { StartGate } from '../pool/start-gate.ts';
import { Engines } from './engines.ts';
import { ServerRuntime } from './server-runtime.ts';
import { describeStatus } from './status.ts';

/** Calls under way may still end within this time after a drain began. */
const drainMs = 20_000;
/** Then containers get this long to end in order, before all that are left are removed at once. */
const leaveMs = 1500;
/** For that they get this long. */
const removeMs = 3000;

interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Log;
  readonly onProgress?: (server: string, line: string) => void;
}

/** Everything, built floor by floor from the configuration; start, drain, stop. */
export class Bridge implements Health {
  readonly config: Config;
  readonly #around: Surroundings;
  readonly #owner: Owner;
  readonly #held = new Set<string>();
  readonly #engines: Engines;
  readonly #runtimes: ReadonlyMap<string, ServerRuntime>;
  readonly #sessions: SessionRegistry;
  readonly #keepAlive: KeepAlive;
  readonly #deadPeers: DeadPeers;
  readonly #http: Server;
  readonly #startedAt: number;
  #isReady = false;
  #isDraining = false;
  #stopping: Promise<void> | undefined;

  constructor(config: Config, around: Surroundings) {
    const { clock, log, environment, onProgress = () => undefined } = around;
    this.config = config;
    this.#around = around;
    this.#startedAt = clock.now();
    this.#owner = ownerOf(`${config.file}\n${config.listen.port}`, environment);
    this.#engines = new Engines(config, { owner: this.#owner, held: this.#held, environment, clock, log });
    const gate = new StartGate(config.limits.starts);
    const startContext = { owner: this.#owner, held: this.#held, clock, log };
    const runtimes = [...config.servers.values()].map(
      (server) =>
        new ServerRuntime(server, { engines: this.#engines, gate, context: startContext, clock, log, onProgress }),
    );
    this.#runtimes = new Map(runtimes.map((runtime) => [runtime.config.name, runtime]));
    this.#sessions = new SessionRegistry(new SessionIds(this.#owner.instance), config.limits.sessions, clock, log);
    this.#keepAlive = new KeepAlive(clock);
    this.#deadPeers = new DeadPeers(() => this.#keepAlive.sockets(), clock);
    const { maxBodyBytes } = config.listen;
    const context = {
      servers: this.#runtimes,
      sessions: this.#sessions,
      keepAlive: this.#keepAlive,
      maxBodyBytes,
      log,
    };
    const sse = config.listen.sse ? new SseRoute(context) : undefined;
    const routes = { mcp: new McpRoute(context), sse, app: createApp(this, log) };
    this.#http = createListener(new Gate(config.listen), routes, () => this.#isDraining);
  }

  get engines(): Engines {
    return this.#engines;
  }

  /**
   * Listens, finds the engine and sweeps; then it is ready. Images and warm containers follow in the background.
   *
   * @returns the port
   * @throws {BridgeError} `CONFIG_INVALID` when the address cannot be had
   */
  async start(): Promise<number> {
    const port = await startListening(this.#http, this.config.listen, this.#around.log);
    await this.#engines.open();
    this.#isReady = true;
    return port;
  }

  /** Gets every image and fills every pool. Resolves when all that can be had are there; failures are in the log. */
  async openServers(onOpen: (name: string, failure: string | undefined) => void = () => undefined): Promise<void> {
    const open = async (runtime: ServerRuntime): Promise<void> => {
      const { name, disabled } = runtime.config;
      try {
        await runtime.open();
        onOpen(name, disabled?.reason);
      } catch (error) {
        this.#around.log.error(
          { server: name, error: messageOf(error), ...causeOf(error) },
          'a server cannot be started',
        );
        onOpen(name, messageOf(error));
      }
    };
    await Promise.all([...this.#runtimes.values()].map(open));
  }

  notReady(): string | undefined {
    if (this.#isDraining) return 'draining';
    if (!this.#isReady) return 'starting';
    return this.#engines.missing === undefined ? undefined : 'engine_unavailable';
  }

  status(): object {
    return describeStatus({
      notReady: this.notReady(),
      uptimeMs: this.#around.clock.now() - this.#startedAt,
      instance: this.#owner.instance,
      containers: this.#held.size,
      config: this.config,
      engines: this.#engines,
      sessions: this.#sessions,
      runtimes: this.#runtimes,
    });
  }

  /**
   * Ends in order: no new session, calls under way may finish, then everything closes. Any number of callers get the
   * same promise; it resolves when every container is gone, in 25 s at the most.
   */
  drain(): Promise<void> {
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  /** Ends now: what is open is answered with `DRAINING`, every container is removed by force. */
  async stopNow(): Promise<void> {
    this.#isDraining = true;
    this.#closeAll();
    await this.#removeHeld();
  }

  async #drain(): Promise<void> {
    const { log, clock } = this.#around;
    this.#isDraining = true;
    log.info({ sessions: this.#sessions.size, callsInFlight: this.#sessions.inFlight }, 'draining');
    for (const runtime of this.#runtimes.values()) runtime.drain();
    await settlesWithin(this.#sessions.drain(), drainMs, clock);
    this.#closeAll();
    await this.#leave();
    await this.#removeHeld();
    log.info('stopped');
  }

  #closeAll(): void {
    for (const runtime of this.#runtimes.values()) runtime.drain();
    this.#sessions.closeAll('draining');
    this.#keepAlive.stop();
    this.#deadPeers.stop();
    this.#engines.close();
    this.#http.close();
    this.#http.closeIdleConnections();
    // Answers that were just written go out first.
    this.#around.clock.after(200, () => {
      this.#http.closeAllConnections();
    });
  }

  /** Resolves when no container is held, or when it has waited long enough. */
  #leave(): Promise<void> {
    const { clock } = this.#around;
    return new Promise((resolve) => {
      const giveUpAt = clock.now() + leaveMs;
      const cancel = clock.every(20, () => {
        if (this.#held.size > 0 && clock.now() < giveUpAt) return;
        cancel();
        resolve();
      });
    });
  }

  /** By force, again and again for a while: a container that is still being made cannot be removed yet. */
  async #removeHeld(): Promise<void> {
    const { clock, log } = this.#around;
    const giveUpAt = clock.now() + removeMs;
    while (this.#held.size > 0 && clock.now() < giveUpAt) {
      const removals = this.#engines.all().map((engine) => engine.remove([...this.#held]));
      for (const removal of await Promise.allSettled(removals)) {
        if (removal.status === 'rejected')
          log.error({ error: messageOf(removal.reason) }, 'could not remove containers');
      }
      await new Promise<void>((resolve) => void clock.after(100, resolve));
    }
    if (this.#held.size > 0)
      log.error({ containers: [...this.#held] }, 'containers are left behind; the next start removes them');
  }
}
