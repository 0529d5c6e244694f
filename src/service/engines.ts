import type { Cancel, Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError, causeOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { hasProcess, type Config, type ProcessSource, type ServerConfig } from '../config/config.ts';
import type { ContainerEngine, Engine, EngineMaker } from '../engine/engine.ts';
import type { Owner } from '../engine/labels.ts';
import { sweep } from '../engine/sweep.ts';
import type { Leaks } from '../upstream/leaks.ts';

const findAgainMs = 3000;
/** The first look may take this long before clients are told that there is no engine. */
const firstLookMs = 5000;
/** A container whose client outlived our predecessor can appear after the first sweep: look again soon, then now and then. */
const sweepAtMs = [2000, 2000, 4000];
const reconcileMs = 30_000;
/** An engine that did not answer is asked again after this long. */
const askAgainMs = 1000;

interface Surroundings {
  readonly owner: Owner;
  readonly held: ReadonlySet<string>;
  readonly leaks: Leaks;
  readonly maker: EngineMaker;
  readonly clock: Clock;
  readonly log: Log;
}

/** The engines of a bridge: found when they are there, swept before use, reconciled and watched ever after. */
export class Engines {
  readonly #wanted: Config['engine'];
  readonly #around: Surroundings;
  #process: Engine | undefined;
  #needsContainers = false;
  /** Also when some can do without, as plain processes. */
  #wantsContainers = false;
  readonly #found = deferred<Engine>();
  #container: ContainerEngine | undefined;
  /** Why the container engine cannot be used now: not found, or it does not answer any more. */
  #failure: BridgeError | undefined;
  #stopLooking: Cancel = () => undefined;
  #stopReconciling: Cancel | undefined;
  #round = 0;
  #isReconciling = false;
  #isOpen = false;
  #isLooking = false;
  #isClosed = false;

  constructor(config: Config, around: Surroundings) {
    this.#wanted = config.engine;
    this.#around = around;
    this.need(config.servers.values());
    around.maker.onChange(() => {
      this.#onMakerChange();
    });
    // Nobody has to wait for it.
    this.#found.promise.catch(() => undefined);
  }

  /** The container engine, once it is found. */
  get container(): Engine | undefined {
    return this.#container;
  }

  /** Why there is no container engine, or why it is of no use now; undefined when all is well, or none is needed. */
  get missing(): string | undefined {
    const { failure } = this.#around.maker;
    if (failure) return messageOf(failure);
    if (!this.#needsContainers) return undefined;
    if (this.#failure !== undefined) return messageOf(this.#failure);
    return this.#container ? undefined : 'the container engine is being looked for';
  }

  /** Finds, sweeps, and goes on looking when there is none. Resolves after the first try. */
  async open(): Promise<void> {
    this.#isOpen = true;
    if (this.#process) await this.#sweep(this.#process);
    if (!this.#wantsContainers) this.#reconcileLater();
    else if (!this.#isLooking) await this.#find();
  }

  /** What these servers need is there from now on, or is being looked for. What others needed before stays. */
  need(servers: Iterable<ServerConfig>): void {
    const enabled = [...servers].filter(hasProcess).filter(({ disabled }) => !disabled);
    this.#wantsContainers = enabled.some(({ source }) => source.kind !== 'command');
    this.#needsContainers = enabled.some(({ source }) => !mayBeProcess(source));
    if (!this.#process && enabled.some(({ source }) => mayBeProcess(source))) {
      this.#process = this.#around.maker.processes();
      if (this.#isOpen) void this.#reconcile(this.#process);
    }
    if (this.#isOpen && this.#wantsContainers && !this.#isLooking) void this.#find();
  }

  /** Why a server of this source cannot be started, or relied upon, now; undefined when nothing speaks against it. */
  refusal(source: ProcessSource): BridgeError | undefined {
    const { failure } = this.#around.maker;
    return failure ?? (this.#processFor(source) ? undefined : this.#failure);
  }

  /** @throws {BridgeError} `ENGINE_UNAVAILABLE`, at once when it is known already */
  for(source: ProcessSource): Promise<Engine> {
    const { failure } = this.#around.maker;
    if (failure) return Promise.reject(failure);
    const plain = this.#processFor(source);
    if (plain) return Promise.resolve(plain);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // Still looking for the first time: a matter of a second.
    return this.#container ? Promise.resolve(this.#container) : this.#firstFound(source);
  }

  /** Whether it runs as a plain process, in no sandbox. */
  isPlain(source: ProcessSource): boolean {
    const isWithoutEngine = !this.#container && this.#failure !== undefined;
    return source.kind === 'command' || (isWithoutEngine && mayBeProcess(source));
  }

  /** For `/status`. */
  status(): object {
    const { maker } = this.#around;
    const engine = this.#container;
    return {
      ...(engine ? { kind: engine.kind, version: engine.version } : {}),
      ...(engine && this.missing === undefined ? {} : { missing: this.missing ?? 'not needed' }),
      ...maker.status(),
    };
  }

  all(): Engine[] {
    return [this.#process, this.#container].filter((engine) => engine !== undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#stopLooking();
    this.#stopReconciling?.();
    this.#container?.close();
  }

  /** What runs a source that needs no container engine: never a package, once there was one. */
  #processFor(source: ProcessSource): Engine | undefined {
    return this.isPlain(source) ? this.#process : undefined;
  }

  async #firstFound(source: ProcessSource): Promise<Engine> {
    try {
      return await this.#found.promise;
    } catch (error) {
      const plain = this.#processFor(source);
      if (plain) return plain;
      throw error;
    }
  }

  async #find(): Promise<void> {
    const { maker, clock } = this.#around;
    this.#isLooking = true;
    const stopWaiting = clock.after(firstLookMs, () => {
      this.#onNotFound(new BridgeError('ENGINE_UNAVAILABLE', 'Cannot find a container engine yet: none has answered'));
    });
    try {
      const { engine, skipped } = await maker.detect(this.#wanted);
      await this.#sweep(engine);
      this.#onFound(engine, skipped);
    } catch (error) {
      const isKnown = error instanceof BridgeError;
      this.#onNotFound(isKnown ? error : new BridgeError('ENGINE_UNAVAILABLE', 'Cannot use the engine'));
      this.#stopLooking = this.#later(findAgainMs, () => this.#find());
    } finally {
      stopWaiting();
    }
  }

  #onFound(engine: ContainerEngine, skipped: readonly string[]): void {
    this.#container = engine;
    this.#failure = undefined;
    const facts = { engine: engine.kind, version: engine.version, ...(skipped.length > 0 ? { skipped } : {}) };
    this.#around.log.info(facts, 'engine found');
    this.#found.resolve(engine);
    engine.onTrouble(() => {
      this.#reconcileNow();
    });
    if (!this.#stopReconciling) this.#reconcileLater();
  }

  #onNotFound(failure: BridgeError): void {
    const isNews = failure.message !== this.#failure?.message;
    this.#failure = failure;
    this.#found.reject(failure);
    if (isNews) {
      this.#around.log.error({ error: failure.message }, 'no container engine; looking for it again every 3 s');
    }
  }

  /** @throws {BridgeError} `ENGINE_UNAVAILABLE` */
  async #sweep(engine: Engine): Promise<void> {
    const { owner, held, log } = this.#around;
    await sweep(engine, owner, (name) => held.has(name), log);
  }

  #reconcileLater(): void {
    const ms = this.#container && this.#failure ? askAgainMs : (sweepAtMs[this.#round] ?? reconcileMs);
    this.#stopReconciling = this.#later(ms, () => this.#reconcileAll());
  }

  /** What ran before may be lost with a launcher: it is looked for as after a start of our own. */
  #onMakerChange(): void {
    if (this.#around.maker.failure || !this.#isOpen) return;
    this.#round = 0;
    this.#around.leaks.retryNow();
    this.#reconcileNow();
  }

  /** Something is strange: the engine is asked at once, unless it is being asked. */
  #reconcileNow(): void {
    if (this.#isReconciling || this.#isClosed || this.#failure) return;
    this.#stopReconciling?.();
    void this.#reconcileAll();
  }

  async #reconcileAll(): Promise<void> {
    this.#isReconciling = true;
    for (const engine of this.all()) await this.#reconcile(engine);
    this.#isReconciling = false;
    this.#round += 1;
    this.#reconcileLater();
  }

  async #reconcile(engine: Engine): Promise<void> {
    try {
      await this.#sweep(engine);
      if (engine === this.#container) this.#onAnswer(engine);
    } catch (error) {
      const reason = { engine: engine.kind, error: messageOf(error), ...causeOf(error) };
      // That says nothing about the engine: it was not asked.
      if (error instanceof BridgeError && error.code === 'OVERLOADED') {
        this.#around.log.warn(reason, 'could not ask the engine for its containers');
        return;
      }
      if (!this.#failure) this.#around.log.error(reason, 'the engine does not answer; asking it again every second');
      if (engine === this.#container) this.#onSilence(this.#container);
    }
  }

  #onAnswer({ kind }: Engine): void {
    if (!this.#failure) return;
    this.#failure = undefined;
    this.#around.log.info({ engine: kind }, 'the engine answers again');
    this.#around.leaks.retryNow();
  }

  #onSilence(engine: ContainerEngine): void {
    const sentence = `Cannot use the engine: ${engine.kind} does not answer`;
    this.#failure = new BridgeError('ENGINE_UNAVAILABLE', sentence, { engine: engine.kind });
    engine.abandonStarts();
  }

  #later(ms: number, run: () => Promise<void>): Cancel {
    return this.#isClosed ? () => undefined : this.#around.clock.after(ms, () => void run());
  }
}

/** Whether it runs without a container engine, if need be. */
function mayBeProcess(source: ProcessSource): boolean {
  return source.kind === 'command' || (source.kind === 'package' && source.plainIn !== undefined);
}
