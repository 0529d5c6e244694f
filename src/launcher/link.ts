import { randomUUID } from 'node:crypto';
import type { Cancel, Clock } from '../base/clock.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import type { Child, EngineKind, Exit, LaunchSpec, Progress } from '../engine/engine.ts';
import { needSpareDescriptors } from '../engine/spare-descriptors.ts';
import type { openStreams } from './child-streams.ts';
import { fromPlainError } from './plain-error.ts';
import type { Answers, Port, Question, Report, Request } from './protocol.ts';
import { lost, RemoteChild } from './remote-child.ts';

/** Three streams, and one for what else goes on. */
const wantedDescriptors = 4;
/** A launcher that is waited for is asked so often whether it lives. */
const pingMs = 1000;
/** So many pings without a word: it does not answer; so many: it never will. */
const silentAfter = 5;
const hopelessAfter = 30;

/** A question without what is the link's to add. */
export type Asked<K extends Question['kind']> = Omit<Extract<Question, { kind: K }>, 'id'>;

interface Pending {
  readonly answer: Deferred<unknown>;
  readonly progress: Progress;
}

interface Surroundings {
  readonly port: Port<Report, Request>;
  readonly openStreams: typeof openStreams;
  readonly clock: Clock;
  /** An engine may be gone. */
  readonly onTrouble: (engine: EngineKind) => void;
  /** It has fallen silent, or is heard again. */
  readonly onSilence: (isSilent: boolean) => void;
  /** It has been silent for so long that it must be ended. */
  readonly onHopeless: () => void;
}

/** One launcher, from its start to its end: questions and their answers, launches and what becomes of them. */
export class Link {
  readonly #around: Surroundings;
  readonly #ready = deferred();
  readonly #pending = new Map<number, Pending>();
  readonly #children = new Map<string, RemoteChild>();
  #socket: string | undefined;
  #lastId = 0;
  #unansweredPings = 0;
  #stopWatching: Cancel | undefined;
  #isClosed = false;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#ready.promise.catch(() => undefined);
    around.port.onMessage((report) => {
      this.#onReport(report);
    });
    around.port.onClose(() => {
      this.#onClose();
    });
    this.#watch();
  }

  /** Resolves when it can be used. @throws {BridgeError} `ENGINE_UNAVAILABLE` when it ends before that */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get isSilent(): boolean {
    return this.#unansweredPings >= silentAfter;
  }

  /**
   * Asks once it is ready.
   *
   * @throws {BridgeError} `ENGINE_UNAVAILABLE` when it ends or falls silent before it has answered; and what the engine throws
   */
  async ask<K extends Question['kind']>(question: Asked<K>, progress: Progress = () => undefined): Promise<Answers[K]> {
    await this.ready;
    if (this.isSilent || this.#isClosed) throw unavailable(this.#isClosed);
    const id = (this.#lastId += 1);
    const answer = deferred<unknown>();
    this.#pending.set(id, { answer, progress });
    this.tell({ ...question, id } as unknown as Request);
    this.#watch();
    return answer.promise as Promise<Answers[K]>;
  }

  tell(request: Request): void {
    if (!this.#isClosed) this.#around.port.send(request);
  }

  /** @throws {BridgeError} `ENGINE_UNAVAILABLE`; `OVERLOADED` when too few file descriptors are left */
  launch(engine: EngineKind, spec: LaunchSpec): Child {
    if (this.#socket === undefined || this.isSilent || this.#isClosed) throw unavailable(this.#isClosed);
    needSpareDescriptors(wantedDescriptors);
    const { name } = spec;
    const token = randomUUID();
    const kill = (): void => {
      this.tell({ kind: 'kill', name });
    };
    const streams = this.#around.openStreams(this.#socket, token);
    const child = new RemoteChild(name, engine, streams, kill);
    this.#children.set(name, child);
    void Promise.all([child.died, child.exited]).then(() => {
      if (this.#children.get(name) === child) this.#children.delete(name);
    });
    this.tell({ kind: 'launch', engine, token, spec: asPlain(spec) });
    this.#watch();
    return child;
  }

  /** What does not run yet counts as lost. */
  abandonStarts(engine: EngineKind): void {
    this.tell({ kind: 'abandonStarts', engine });
    this.#dropStarts({ code: undefined, signal: undefined, lost: 'engine' }, engine);
  }

  #onReport(report: Report): void {
    const wasSilent = this.isSilent;
    this.#unansweredPings = 0;
    if (wasSilent) this.#around.onSilence(false);
    if ('name' in report) this.#onFate(report, this.#children.get(report.name));
    else if ('id' in report) this.#onAnswer(report);
    else if (report.kind === 'trouble') this.#around.onTrouble(report.engine);
    else if (report.kind === 'ready') {
      this.#socket = report.socket;
      this.#ready.resolve();
    }
  }

  #onAnswer(report: Extract<Report, { id: number }>): void {
    const pending = this.#pending.get(report.id);
    if (report.kind === 'progress') {
      pending?.progress(report.line);
      return;
    }
    this.#pending.delete(report.id);
    if (report.kind === 'answer') pending?.answer.resolve(report.value);
    else pending?.answer.reject(fromPlainError(report.error));
  }

  #onFate(report: Extract<Report, { name: string }>, child: RemoteChild | undefined): void {
    if (report.kind === 'taken') child?.onTaken();
    else if (report.kind === 'running') child?.onRunning();
    else if (report.kind === 'died') child?.onDied(exitFrom(report.exit));
    // What was refused never dies.
    else if (child?.isTaken) child.onExited(exitFrom(report.exit));
    else child?.onLost(exitFrom(report.exit));
  }

  #onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopWatching?.();
    this.#ready.reject(unavailable(true));
    this.#rejectAll();
    for (const child of [...this.#children.values()]) child.onLost(lost);
  }

  #rejectAll(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { answer } of pending) answer.reject(unavailable(this.#isClosed));
  }

  /** @param engine whose starts; of all engines without it */
  #dropStarts(exit: Exit, engine?: EngineKind): void {
    for (const child of [...this.#children.values()]) {
      if (child.isRunning || (engine !== undefined && child.engine !== engine)) continue;
      child.onDied(exit);
      if (child.isTaken) continue;
      child.kill();
      child.onExited(exit);
    }
  }

  get #isWaitedFor(): boolean {
    const hasUntaken = [...this.#children.values()].some(({ isTaken }) => !isTaken);
    return this.#socket === undefined || this.#pending.size > 0 || this.isSilent || hasUntaken;
  }

  /** Asks whether it lives, as long as anybody waits for it. */
  #watch(): void {
    this.#stopWatching ??= this.#around.clock.every(pingMs, () => {
      this.#look();
    });
  }

  /** Pings are counted, not time: a machine that stood still, or a loop that did, is not the launcher's fault. */
  #look(): void {
    if (!this.#isWaitedFor) {
      this.#stopWatching?.();
      this.#stopWatching = undefined;
      this.#unansweredPings = 0;
      return;
    }
    const wasSilent = this.isSilent;
    this.#unansweredPings += 1;
    this.tell({ kind: 'ping' });
    if (this.isSilent && !wasSilent) this.#onSilence();
    if (this.#unansweredPings === hopelessAfter) this.#around.onHopeless();
  }

  #onSilence(): void {
    this.#around.onSilence(true);
    this.#rejectAll();
    this.#dropStarts(lost);
  }
}

/** It is never changed, which the schema's type cannot say. */
function asPlain(spec: LaunchSpec): Extract<Request, { kind: 'launch' }>['spec'] {
  return spec as unknown as Extract<Request, { kind: 'launch' }>['spec'];
}

function exitFrom(exit: Partial<Exit>): Exit {
  return { code: undefined, signal: undefined, ...exit };
}

function unavailable(isGone: boolean): BridgeError {
  const why = isGone ? 'the launcher ended' : 'the launcher does not answer';
  return new BridgeError('ENGINE_UNAVAILABLE', `Cannot use the engine: ${why}`);
}
