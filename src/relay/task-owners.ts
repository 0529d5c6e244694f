import type { Cancel, Clock } from '../base/clock.ts';
import type { SharedUpstream } from '../upstream/shared-upstream.ts';

/** What a server says of a task. @see the extension `io.modelcontextprotocol/tasks` */
export interface TaskFacts {
  readonly status: string | undefined;
  /** How long it is kept from now on, in milliseconds; undefined when nothing is said, or for ever. */
  readonly ttlMs: number | undefined;
}

interface Surroundings {
  readonly clock: Clock;
  /** Keeps an upstream from being ended, until the function that it returns is called. */
  readonly guard: (shared: SharedUpstream) => () => void;
  /** So long at most a task keeps its upstream, in milliseconds. */
  readonly maxGuardMs: number;
}

interface Task {
  /** The one process that knows it; undefined when that has ended, or when two claim it. */
  owner: SharedUpstream | undefined;
  /** Why nobody can be asked of it. */
  lost: string | undefined;
  unguard: () => void;
  guardedUntil: number;
  forgetAt: number;
  stopTimer: Cancel;
}

/** The most tasks that are remembered; beyond it the oldest are forgotten. */
const maxTasks = 10_000;
/** A task that is over, or lost, is remembered for so long. */
const afterMs = 10 * 60_000;
/** Longer than this no timer can wait. */
const maxTimerMs = 2 ** 31 - 1;

const isOver = new Set<string | undefined>(['completed', 'cancelled', 'failed']);

/** Which upstream has which task. One that has tasks which are not over is not ended for lack of work, or for age. */
export class TaskOwners {
  readonly #around: Surroundings;
  /** By their ids; the oldest first. */
  readonly #tasks = new Map<string, Task>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** An upstream has made a task. */
  add(id: string, owner: SharedUpstream, facts: TaskFacts): void {
    const known = this.#tasks.get(id);
    if (known?.owner === owner) {
      this.onStatus(id, owner, facts);
      return;
    }
    if (known) {
      // Whoever asks for it could get what belongs to another client.
      this.#lose(id, known, 'two containers had one of this id');
      return;
    }
    const now = this.#around.clock.now();
    const { guard, maxGuardMs } = this.#around;
    const guarded = { unguard: guard(owner), guardedUntil: now + maxGuardMs };
    const task: Task = { owner, lost: undefined, ...guarded, forgetAt: Infinity, stopTimer: () => undefined };
    this.#tasks.set(id, task);
    this.#learn(id, task, facts);
    for (const [oldest, old] of this.#tasks) {
      if (this.#tasks.size <= maxTasks) return;
      this.#forget(oldest, old);
    }
  }

  /** An upstream tells how far a task is. */
  onStatus(id: string, from: SharedUpstream, facts: TaskFacts): void {
    const task = this.#tasks.get(id);
    if (task?.owner === from) this.#learn(id, task, facts);
  }

  /** An upstream has ended, and its tasks with it. */
  onEnded(shared: SharedUpstream): void {
    for (const [id, task] of this.#tasks) if (task.owner === shared) this.#lose(id, task, endedWords);
  }

  /** The upstream that has a task; or why there is none. */
  find(id: string): { readonly owner: SharedUpstream } | { readonly lost: string | undefined } {
    const task = this.#tasks.get(id);
    if (!task?.owner) return { lost: task?.lost };
    return task.owner.hasEnded ? { lost: endedWords } : { owner: task.owner };
  }

  /** The first upstream that has one of these. */
  ownerOf(ids: readonly string[]): SharedUpstream | undefined {
    for (const id of ids) {
      const found = this.find(id);
      if ('owner' in found) return found.owner;
    }
    return undefined;
  }

  #learn(id: string, task: Task, { status, ttlMs }: TaskFacts): void {
    const now = this.#around.clock.now();
    if (ttlMs !== undefined) task.forgetAt = now + Math.max(0, ttlMs);
    if (isOver.has(status)) {
      this.#release(task);
      task.forgetAt = Math.min(task.forgetAt, now + afterMs);
    }
    this.#arm(id, task);
  }

  #lose(id: string, task: Task, why: string): void {
    task.owner = undefined;
    task.lost = why;
    this.#release(task);
    task.forgetAt = Math.min(task.forgetAt, this.#around.clock.now() + afterMs);
    this.#arm(id, task);
  }

  #release(task: Task): void {
    task.guardedUntil = Infinity;
    task.unguard();
  }

  #forget(id: string, task: Task): void {
    task.stopTimer();
    this.#tasks.delete(id);
    task.unguard();
  }

  #arm(id: string, task: Task): void {
    task.stopTimer();
    const dueAt = Math.min(task.guardedUntil, task.forgetAt);
    if (dueAt === Infinity) return;
    const { clock } = this.#around;
    task.stopTimer = clock.after(Math.min(maxTimerMs, Math.max(0, dueAt - clock.now())), () => {
      const now = clock.now();
      if (now >= task.guardedUntil) this.#release(task);
      if (now >= task.forgetAt) this.#forget(id, task);
      else this.#arm(id, task);
    });
  }
}

const endedWords = 'the server that had it has ended';
