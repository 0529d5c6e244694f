import type { Clock } from '../base/clock.ts';
import { BridgeError, codeOf } from '../base/errors.ts';
import type { EngineKind, Exit, Life, LocalEngine, Stdio } from '../engine/engine.ts';
import type { CliEngine } from '../engine/cli-engine.ts';
import { removeOwn } from './last-removal.ts';
import { toPlainError } from './plain-error.ts';
import { request, sender, type Answers, type Port, type Question, type Report, type Request } from './protocol.ts';

type Launch = Extract<Request, { kind: 'launch' }>;
/** A container engine of this process, as the launcher uses it. */
export type LocalContainerEngine = LocalEngine & Pick<CliEngine, 'kind' | 'onTrouble' | 'abandonStarts' | 'close'>;

interface Surroundings {
  readonly port: Port<unknown, Report>;
  /** Gives the streams of a launch. */
  readonly streams: { take(token: string): Promise<Stdio> };
  readonly detect: (
    wanted: 'auto' | 'podman' | 'docker',
  ) => Promise<{ readonly engine: LocalContainerEngine; readonly skipped: readonly string[] }>;
  /** What runs plain processes. */
  readonly processes: LocalEngine;
  /** Of the bridge, whose containers these are, see `Owner`. */
  readonly token: string;
  readonly clock: Clock;
}

/**
 * Does what its bridge asks for with the engines of this process, and tells what becomes of it. Its children are the
 * bridge's: their streams come from there, and when it is gone they end.
 */
export class Launcher {
  readonly #around: Surroundings;
  /** Found before, or being found, by kind. */
  readonly #containers = new Map<EngineKind, Promise<LocalContainerEngine>>();
  /** What was launched and has not ended; undefined as long as it waits for its streams. */
  readonly #lives = new Map<string, Life | undefined>();
  /** Names whose containers, or processes, may be there. */
  readonly #names = new Set<string>();

  constructor(around: Surroundings) {
    this.#around = around;
    around.port.onMessage((message) => {
      const { success, data } = request.safeParse(message);
      if (success) this.#onRequest(data);
      else this.#refuse(message);
    });
  }

  /**
   * The bridge is gone: what it leaves behind leaves by itself or is removed by force. Never rejects.
   *
   * @returns resolves when nothing is left, or after a while
   */
  async end(): Promise<void> {
    const waiting = [...this.#lives].flatMap(([name, life]) => (life ? [] : [name]));
    for (const name of waiting) this.#cancel(name);
    if (this.#names.size === 0) return;
    const { processes, token, clock } = this.#around;
    const containers = await Promise.all([...this.#containers.keys()].map((kind) => this.#known(kind)));
    const engines = [processes, ...containers.filter((engine) => engine !== undefined)];
    await removeOwn(engines, token, () => this.#lives.size > 0, clock);
  }

  #refuse(message: unknown): void {
    const { id, spec } = sender.parse(message);
    const error = { message: 'Cannot do what the bridge asks for: it is no request' };
    if (id !== undefined) this.#say({ kind: 'failure', id, error });
    if (spec) this.#onExited(spec.name, { code: undefined, signal: undefined, error: 'EINVAL' });
  }

  #onRequest(message: Request): void {
    if ('id' in message) {
      void this.#answer(message);
      return;
    }
    switch (message.kind) {
      case 'launch':
        void this.#launch(message);
        break;
      case 'kill':
        this.#kill(message.name);
        break;
      case 'abandonStarts':
      case 'close':
        void this.#tell(message.engine, message.kind);
        break;
      case 'ping':
        this.#say({ kind: 'pong' });
    }
  }

  #say(report: Report): void {
    this.#around.port.send(report);
  }

  async #answer(question: Question): Promise<void> {
    const { id } = question;
    try {
      this.#say({ kind: 'answer', id, value: await this.#find(question) });
    } catch (error) {
      this.#say({ kind: 'failure', id, error: toPlainError(error) });
    }
  }

  async #find(question: Question): Promise<Answers[Question['kind']]> {
    if (question.kind === 'detect') return this.#detect(question.wanted);
    const engine = await this.#engine(question.engine);
    switch (question.kind) {
      case 'list':
        return engine.list();
      case 'remove':
        await engine.remove(question.names);
        for (const name of question.names) if (!this.#lives.has(name)) this.#names.delete(name);
        return undefined;
      case 'prepare':
      case 'renew': {
        const { id, source, pull } = question;
        return engine[question.kind](source, pull, (line) => {
          this.#say({ kind: 'progress', id, line });
        });
      }
    }
  }

  async #detect(wanted: 'auto' | 'podman' | 'docker'): Promise<Answers['detect']> {
    const { engine, skipped } = await this.#around.detect(wanted);
    const { kind } = engine;
    // One that was found before knows what runs.
    if (!this.#containers.has(kind)) this.#adopt(engine);
    return { kind, version: engine.version, skipped };
  }

  /** @throws {BridgeError} `ENGINE_UNAVAILABLE` */
  #engine(kind: EngineKind): Promise<LocalEngine> {
    return kind === 'process' ? Promise.resolve(this.#around.processes) : this.#container(kind);
  }

  /** The bridge may know it from a launcher before this one. */
  #container(kind: 'podman' | 'docker'): Promise<LocalContainerEngine> {
    const known = this.#containers.get(kind);
    if (known) return known;
    const found = this.#around.detect(kind).then(({ engine }) => this.#adopt(engine));
    this.#containers.set(kind, found);
    found.catch(() => this.#containers.delete(kind));
    return found;
  }

  #adopt(engine: LocalContainerEngine): LocalContainerEngine {
    this.#containers.set(engine.kind, Promise.resolve(engine));
    engine.onTrouble(() => {
      this.#say({ kind: 'trouble', engine: engine.kind });
    });
    return engine;
  }

  async #tell(kind: EngineKind, what: 'abandonStarts' | 'close'): Promise<void> {
    const engine = await this.#known(kind);
    engine?.[what]();
  }

  async #known(kind: EngineKind): Promise<LocalContainerEngine | undefined> {
    return this.#containers.get(kind)?.catch(() => undefined);
  }

  async #launch({ engine: kind, token, spec }: Launch): Promise<void> {
    const { name } = spec;
    this.#names.add(name);
    this.#lives.set(name, undefined);
    let streams: Stdio | undefined;
    try {
      // In this order: the streams have a deadline, and end with what waits for them.
      streams = await this.#around.streams.take(token);
      const engine = await this.#engine(kind);
      if (!this.#lives.has(name)) return;
      const life = engine.launchOn(streams, { ...spec, user: spec.user });
      this.#lives.set(name, life);
      this.#follow(life);
    } catch (error) {
      this.#onRefused(name, error);
    } finally {
      // They are the child's now.
      for (const stream of streams ?? []) stream.destroy();
    }
    this.#say({ kind: 'taken', name });
  }

  #follow({ name, running, died, exited }: Life): void {
    void running.then(() => {
      this.#say({ kind: 'running', name });
    });
    void died.then((exit) => {
      this.#say({ kind: 'died', name, exit });
    });
    void exited.then((exit) => {
      this.#onExited(name, exit);
    });
  }

  /** Nothing was started. */
  #onRefused(name: string, error: unknown): void {
    const isShort = error instanceof BridgeError && error.code === 'OVERLOADED';
    const isEngineGone = error instanceof BridgeError && error.code === 'ENGINE_UNAVAILABLE';
    const why = isEngineGone
      ? { lost: 'engine' as const }
      : { error: isShort ? 'EMFILE' : (codeOf(error) ?? 'unknown') };
    this.#onExited(name, { code: undefined, signal: undefined, ...why });
  }

  #onExited(name: string, exit: Exit): void {
    this.#lives.delete(name);
    if (exit.signal === undefined && exit.code !== undefined && exit.code < 125) this.#names.delete(name);
    this.#say({ kind: 'exited', name, exit });
  }

  #kill(name: string): void {
    const life = this.#lives.get(name);
    if (life) life.kill();
    else if (this.#lives.has(name)) this.#cancel(name);
  }

  /** Its streams have not come. */
  #cancel(name: string): void {
    this.#names.delete(name);
    this.#onExited(name, { code: undefined, signal: 'SIGKILL' });
  }
}
