import type { Server } from 'node:http';
import { comesTrueWithin, settlesWithin } from '../base/deadline.ts';
import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { causeOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { servedBy, type Config, type GroupSource, type ServerConfig } from '../config/config.ts';
import { diffConfig, withoutRestart, type ConfigDiff } from '../config/diff.ts';
import type { ConfigFile } from '../config/load.ts';
import type { EngineMaker } from '../engine/engine.ts';
import { ownerOf, type Owner } from '../engine/labels.ts';
import { createApp, type Health } from '../http/app.ts';
import { createListener, startListening } from '../http/listener.ts';
import { Gate } from '../http/gate.ts';
import { DeadPeers } from '../http/dead-peers.ts';
import { McpRoute } from '../http/mcp-route.ts';
import { OpenAnswers } from '../http/open-answers.ts';
import { restRouter } from '../http/rest-router.ts';
import { SseRoute } from '../http/sse-route.ts';
import { KeepAlive } from '../http/sse.ts';
import { SessionRegistry } from '../legacy/registry.ts';
import { SessionIds } from '../legacy/session-id.ts';
import { Eras } from '../modern/eras.ts';
import { ModernServers } from '../modern/modern-servers.ts';
import { Budget } from '../pool/budget.ts';
import { StartGate } from '../pool/start-gate.ts';
import { RestServers } from '../rest/rest-servers.ts';
import { Deaths } from '../upstream/deaths.ts';
import { Leaks } from '../upstream/leaks.ts';
import { CallLimit } from './call-limit.ts';
import { Engines } from './engines.ts';
import { GroupMembers } from './group-members.ts';
import { awaitLastContainers, removeLastContainers } from './last-containers.ts';
import { LoadGate } from './load-gate.ts';
import { LoadSampler } from './load-sampler.ts';
import { Operations } from './operations.ts';
import { makeRelay } from './relay.ts';
import { Reload } from './reload.ts';
import { Runtimes } from './runtimes.ts';
import { LogBook } from './server-logs.ts';
import { ServerRuntime } from './server-runtime.ts';
import { describeStatus } from './status.ts';

/** Calls under way may still end, and their answers be read, within this time after a drain began. */
const drainMs = 20_000;
/** Answers that were just written have this long to go out in any case. */
const answersMs = 200;

interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly engines: EngineMaker;
  readonly clock: Clock;
  readonly log: Log;
  readonly onProgress?: (server: string, line: string) => void;
}

/** Everything, built floor by floor from the configuration; start, drain, stop. */
export class Bridge implements Health {
  readonly reload: Reload;
  readonly #around: Surroundings;
  /** What is in force. */
  #config: Config;
  readonly #owner: Owner;
  readonly #held = new Set<string>();
  readonly #leaks: Leaks;
  readonly #deaths = new Deaths();
  readonly #engines: Engines;
  readonly #starts: StartGate;
  readonly #budget: Budget;
  readonly #eras: Eras;
  readonly #members: GroupMembers;
  readonly #runtimes: Runtimes<ServerRuntime>;
  readonly #logs = new LogBook();
  readonly #sessions: SessionRegistry;
  readonly #rest: RestServers;
  readonly #modern: ModernServers;
  readonly #keepAlive: KeepAlive;
  readonly #deadPeers: DeadPeers;
  readonly #gate: Gate;
  readonly #load: LoadGate;
  readonly #http: Server;
  readonly #answers = new OpenAnswers();
  readonly #startedAt: number;
  readonly #drained = deferred();
  #isReady = false;
  #isDraining = false;
  #stopping: Promise<void> | undefined;

  constructor(file: ConfigFile, around: Surroundings) {
    const { clock, log, environment } = around;
    const { config } = file;
    this.#config = config;
    this.#around = around;
    this.#startedAt = clock.now();
    this.#owner = ownerOf(`${config.file}\n${config.listen.port}`, environment);
    this.#leaks = new Leaks(clock);
    const [owner, held, leaks] = [this.#owner, this.#held, this.#leaks];
    this.#engines = new Engines(config, { owner, held, leaks, maker: around.engines, clock, log });
    this.#starts = new StartGate(config.limits.starts);
    this.#budget = new Budget(config.limits);
    this.#eras = new Eras(clock);
    this.#sessions = new SessionRegistry(new SessionIds(this.#owner.instance), config.limits.sessions, clock, log);
    const sessions = this.#sessions;
    this.#rest = new RestServers({ clock, lease: (served, signal, client) => sessions.lease(served, signal, client) });
    this.#modern = new ModernServers({ clock, maxRounds: () => this.#config.limits.rounds });
    this.#members = new GroupMembers({
      current: () => this.#runtimes.current(),
      served: () => this.#runtimes.served,
      lease: (served, signal, client) => sessions.lease(served, signal, client),
    });
    this.#runtimes = new Runtimes(servedBy(config).values(), {
      make: (server) => this.#runtimeOf(server),
      countSessions: (runtime) => this.#countUsers(runtime),
      clock,
      log,
    });
    this.#keepAlive = new KeepAlive(clock);
    this.#deadPeers = new DeadPeers(() => this.#keepAlive.sockets(), clock);
    const callLimit = new CallLimit(
      () => this.#config.limits.calls,
      () => this.#callsInFlight,
      clock,
    );
    this.#load = new LoadGate({ sampler: new LoadSampler(clock), callLimit, clock, log });
    this.#gate = new Gate(config.listen);
    this.#http = createListener(this.#gate, this.#routes(), () => this.#isDraining, this.#answers);
    this.reload = new Reload(file, { apply: (wanted) => this.#apply(wanted), clock, log });
  }

  /** What is in force. */
  get config(): Config {
    return this.#config;
  }

  get engines(): Engines {
    return this.#engines;
  }

  /** Resolves when a drain has ended, whoever asked for it. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  /**
   * Listens, finds the engine and sweeps; then it is ready. Images and warm containers follow in the background.
   *
   * @returns the port
   * @throws {BridgeError} `CONFIG_INVALID` when the address cannot be had
   */
  async start(): Promise<number> {
    const port = await startListening(this.#http, this.#config.listen, this.#around.log);
    await this.#engines.open();
    this.#isReady = true;
    this.reload.start();
    return port;
  }

  /** Gets every image and fills every pool. Resolves when all that can be had are there; failures are in the log. */
  async openServers(onOpen: (name: string, failure: string | undefined) => void = () => undefined): Promise<void> {
    await Promise.all(
      this.#runtimes.current().map(async (runtime) => {
        const failure = await this.#open(runtime);
        onOpen(runtime.config.name, failure);
      }),
    );
  }

  /** Reads the configuration again, and looks again at the folders that its servers are built from. */
  reread(): void {
    this.reload.now();
    for (const runtime of this.#runtimes.current()) void runtime.refresh();
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
      budget: this.#budget,
      leaks: this.#leaks,
      deaths: this.#deaths,
      config: this.#config,
      reload: this.reload.state,
      engines: this.#engines,
      sessions: this.#sessions,
      rest: this.#rest,
      modern: this.#modern,
      load: this.#load,
      runtimes: this.#runtimes,
      members: this.#members,
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
    this.#around.clock.after(answersMs, () => {
      this.#hangUp();
    });
    await removeLastContainers(this.#lastContainers());
  }

  /** Requests that clients wait for. */
  get #callsInFlight(): number {
    return this.#sessions.inFlight + this.#rest.inFlight + this.#modern.inFlight;
  }

  #routes(): Parameters<typeof createListener>[1] {
    const listen = (): Config['listen'] => this.#config.listen;
    const context = {
      servers: this.#runtimes.served,
      sessions: this.#sessions,
      rest: this.#rest,
      modern: this.#modern,
      keepAlive: this.#keepAlive,
      admission: this.#load,
      get maxBodyBytes() {
        return listen().maxBodyBytes;
      },
      log: this.#around.log,
    };
    const sse = listen().sse ? new SseRoute(context) : undefined;
    const app = createApp(this, this.#operations(), restRouter(context), this.#around.log);
    return { mcp: new McpRoute(context), sse, app };
  }

  #operations(): Operations {
    return new Operations({
      servers: this.#runtimes.served,
      logs: this.#logs,
      log: this.#around.log,
      status: () => this.status(),
      drain: () => void this.drain(),
    });
  }

  #runtimeOf(server: ServerConfig): ServerRuntime {
    const { clock, log, onProgress = () => undefined } = this.#around;
    const context = { owner: this.#owner, held: this.#held, leaks: this.#leaks, deaths: this.#deaths, clock, log };
    return new ServerRuntime(server, {
      ...{ engines: this.#engines, gate: this.#starts, budget: this.#budget, logs: this.#logs },
      ...{ context, clock, log, onProgress, members: (group: GroupSource) => this.#members.of(group) },
      ...{ eras: this.#eras, makeRelay, peers: (group: GroupSource) => this.#members.runtimes(group) },
    });
  }

  /** Whoever a runtime lives on for. */
  #countUsers(runtime: ServerRuntime): number {
    const { sessions } = this.#sessions.count(runtime.config);
    const { users } = this.#modern.count(runtime.config);
    return sessions + users + this.#rest.count(runtime.config) + this.#members.count(runtime);
  }

  /** Gets the image and fills the pool. Resolves to why that failed; it is tried again by itself. */
  async #open(runtime: ServerRuntime): Promise<string | undefined> {
    const { name, disabled } = runtime.config;
    try {
      await runtime.open();
      return disabled?.reason;
    } catch (error) {
      const fields = { server: name, error: messageOf(error), ...causeOf(error) };
      this.#around.log.error(fields, 'a server cannot be started');
      return messageOf(error);
    }
  }

  /** All at once: nothing in here waits or can fail, so that no configuration is ever in force by halves. */
  #apply(wanted: Config): ConfigDiff {
    const diff = diffConfig(this.#config, wanted);
    this.#config = withoutRestart(this.#config, wanted);
    const { listen, limits, servers } = this.#config;
    this.#gate.admit(listen);
    this.#sessions.resize(limits.sessions);
    this.#starts.resize(limits.starts);
    this.#budget.resize(limits);
    this.#engines.need(servers.values());
    for (const runtime of this.#runtimes.apply(diff, servedBy(this.#config))) void this.#bringUp(runtime);
    for (const runtime of this.#runtimes.current()) if (runtime.config.source.kind === 'group') void runtime.refresh();
    return diff;
  }

  async #bringUp(runtime: ServerRuntime): Promise<void> {
    const { log } = this.#around;
    const { name: server, disabled } = runtime.config;
    if (disabled) log.warn({ server, reason: disabled.reason }, 'a server is switched off');
    else if ((await this.#open(runtime)) === undefined) log.info({ server }, 'a server is ready');
  }

  async #drain(): Promise<void> {
    const { log, clock } = this.#around;
    const giveUpAt = clock.now() + drainMs;
    this.#isDraining = true;
    this.reload.close();
    log.info({ sessions: this.#sessions.size, callsInFlight: this.#callsInFlight }, 'draining');
    this.#runtimes.drain();
    await settlesWithin(
      Promise.all([this.#sessions.drain(), this.#rest.drain(), this.#modern.drain()]),
      drainMs,
      clock,
    );
    this.#closeAll();
    const isDone = (): boolean => this.#answers.count === 0 && this.#runtimes.hasToldAll;
    await comesTrueWithin(isDone, Math.max(giveUpAt - clock.now(), answersMs), clock);
    this.#hangUp();
    await awaitLastContainers(this.#lastContainers());
    log.info('stopped');
    this.#drained.resolve();
  }

  #lastContainers(): Parameters<typeof awaitLastContainers>[0] {
    const { clock, log } = this.#around;
    return { engines: () => this.#engines.all(), held: this.#held, clock, log };
  }

  #closeAll(): void {
    this.reload.close();
    this.#runtimes.drain();
    this.#sessions.closeAll('draining');
    this.#rest.closeAll();
    this.#modern.closeAll();
    this.#logs.close();
    this.#keepAlive.stop();
    this.#deadPeers.stop();
    this.#load.close();
    this.#engines.close();
  }

  /** Node's own `close` takes a connection for idle whose answer is written, but not yet read: not before the answers are out. */
  #hangUp(): void {
    this.#http.close();
    this.#http.closeAllConnections();
  }
}
