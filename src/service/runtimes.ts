import type { Cancel, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { hasProcess, type ServerConfig } from '../config/config.ts';
import type { ConfigDiff } from '../config/diff.ts';

/** How often those that retire are looked after, in milliseconds. */
const tendMs = 250;

/** What this needs of a `ServerRuntime`. */
export interface Runtime {
  readonly config: ServerConfig;
  /** Whether it has no container left, in whatever state. */
  readonly isEmpty: boolean;
  resize(config: ServerConfig): void;
  retire(): void;
  drain(): void;
}

interface Surroundings<R> {
  readonly make: (config: ServerConfig) => R;
  /** Open sessions of one runtime. */
  readonly countSessions: (runtime: R) => number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The servers at work. A change of the configuration never touches a session: a server that is changed or removed gets
 * no new ones and lives on until its last one has ended, while its successor serves under the same name already.
 */
export class Runtimes<R extends Runtime> {
  /** By the name under which each is served. A removed one is still here while it has sessions: they have its name. */
  readonly #served: Map<string, R>;
  readonly #retiring = new Set<R>();
  readonly #around: Surroundings<R>;
  #stopTending: Cancel | undefined;

  constructor(servers: Iterable<ServerConfig>, around: Surroundings<R>) {
    this.#around = around;
    this.#served = new Map([...servers].map((config) => [config.name, around.make(config)]));
  }

  /** What a request finds under a name. */
  get served(): ReadonlyMap<string, R> {
    return this.#served;
  }

  /** Those that take new sessions. */
  current(): R[] {
    return [...this.#served.values()].filter((runtime) => !this.#retiring.has(runtime));
  }

  /** Those that live on for the sessions they have, and those whose containers are still going. */
  retiring(): R[] {
    return [...this.#retiring];
  }

  /**
   * Does what a diff asks for.
   *
   * @returns the new ones, which are to be opened
   */
  apply({ added, removed, changed, resized }: ConfigDiff, servers: ReadonlyMap<string, ServerConfig>): R[] {
    for (const { name } of resized) {
      const server = servers.get(name);
      if (server) this.#served.get(name)?.resize(server);
    }
    const old = [...removed, ...changed.map(({ name }) => name)].flatMap((name) => this.#served.get(name) ?? []);
    const fresh = [...changed.map(({ name }) => name), ...added].flatMap((name) => {
      const server = servers.get(name);
      return server ? [this.#around.make(server)] : [];
    });
    // Whoever is sent away from an old one's line must find its successor.
    for (const runtime of fresh) this.#served.set(runtime.config.name, runtime);
    for (const runtime of old) this.#retire(runtime);
    this.#tend();
    return fresh;
  }

  /** Whether every server that is somebody else's knows which sessions have ended. */
  get hasToldAll(): boolean {
    const all = [...this.#served.values(), ...this.#retiring];
    return all.every(({ config, isEmpty }) => isEmpty || hasProcess(config));
  }

  /** The program ends: all of them take nothing new. */
  drain(): void {
    this.#stopTending?.();
    for (const runtime of [...this.#served.values(), ...this.#retiring]) runtime.drain();
  }

  #retire(runtime: R): void {
    this.#retiring.add(runtime);
    runtime.retire();
    this.#stopTending ??= this.#around.clock.every(tendMs, () => {
      this.#tend();
    });
  }

  #tend(): void {
    const { countSessions, log } = this.#around;
    for (const runtime of this.#retiring) {
      if (countSessions(runtime) > 0) continue;
      const { name } = runtime.config;
      if (this.#served.get(name) === runtime) this.#served.delete(name);
      runtime.drain();
      if (!runtime.isEmpty) continue;
      this.#retiring.delete(runtime);
      log.info({ server: name }, 'the last container of a former configuration is gone');
    }
    if (this.#retiring.size > 0) return;
    this.#stopTending?.();
    this.#stopTending = undefined;
  }
}
