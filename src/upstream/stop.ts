import { settlesWithin } from '../base/deadline.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Child, Engine } from '../engine/engine.ts';
import type { Leaks } from './leaks.ts';

/** After the end of its input a server has this long to leave by itself; nearly all do, in a third of a second. */
export const graceMs = 1000;
/** After a removal, the client of the engine has this long to notice. */
const noticeMs = 500;
/** So many removals may go through before a client that does not notice is ended. */
const unnoticed = 12;
/** A container whose removal failed so often is shown as leaked. */
const leakedAfter = 2;
const longestPauseMs = 30_000;

interface Surroundings {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly leaks: Leaks;
  /** Whose child it is. */
  readonly server: string;
}

/**
 * Ends a child, its container with it: end of input, grace, removal by name, tried for ever.
 * The client is never signalled before its container is known to be gone: a client that is still starting would
 * leave a half-made container behind.
 *
 * @param grace how long the server may take to leave by itself
 * @returns resolves when it is gone for certain; never rejects
 */
export async function endChild(child: Child, around: Surroundings, grace: number): Promise<void> {
  const { clock } = around;
  const removal = new Removal(child, around);
  child.stdin.end();
  let hasExited = await settlesWithin(child.exited, grace, clock);
  // While the client is still starting there is nothing to remove yet: a removal that went through is tried again.
  for (let removed = 0; !hasExited && removed < unnoticed;) {
    if (await removal.try()) removed += 1;
    hasExited = await removal.pause();
  }
  if (!hasExited) {
    child.kill();
    await settlesWithin(child.exited, noticeMs, clock);
  }
  if (hasExited && (await wasOrderly(child, around.engine))) removal.forget();
  else await removal.tryUntilDone();
}

/** The engine removes the container of a client that ends by itself (`--rm`); one that was killed may leave it behind. */
async function wasOrderly(child: Child, engine: Engine): Promise<boolean> {
  const { code, signal } = await child.exited;
  return engine.kind !== 'process' && signal === undefined && code !== undefined && code < 125;
}

/** The removals of one container. */
class Removal {
  readonly #child: Child;
  readonly #around: Surroundings;
  #attempts = 0;
  #failures = 0;

  constructor(child: Child, around: Surroundings) {
    this.#child = child;
    this.#around = around;
  }

  /** @returns whether the engine says that no such container is there any more */
  async try(): Promise<boolean> {
    const { engine, log, leaks, server } = this.#around;
    const { name } = this.#child;
    this.#attempts += 1;
    try {
      await engine.remove([name]);
    } catch (error) {
      this.#failures += 1;
      log.warn({ container: name, attempt: this.#attempts, error: messageOf(error) }, 'could not remove a container');
      if (this.#failures === leakedAfter) log.error({ container: name, server }, 'a container is leaked');
      if (this.#failures >= leakedAfter) leaks.add(name, server, this.#failures);
      return false;
    }
    this.forget();
    return true;
  }

  async tryUntilDone(): Promise<void> {
    while (!(await this.try())) await this.#around.leaks.pause(this.#pauseMs());
  }

  /** Waits before the next try. @returns whether the client has ended */
  async pause(): Promise<boolean> {
    let hasExited = false;
    const exit = this.#child.exited.then(() => {
      hasExited = true;
    });
    await this.#around.leaks.pause(this.#pauseMs(), exit);
    return hasExited;
  }

  /** There is nothing to remove any more. */
  forget(): void {
    this.#around.leaks.delete(this.#child.name);
    if (this.#failures >= leakedAfter)
      this.#around.log.info({ container: this.#child.name }, 'a leaked container is gone');
    this.#failures = 0;
  }

  /** Longer from attempt to attempt: 0.5 s to 2 s, and to half a minute while the engine fails. */
  #pauseMs(): number {
    const patientMs = noticeMs * Math.min(this.#attempts, 4);
    return this.#failures <= 4 ? patientMs : Math.min(longestPauseMs, patientMs * 2 ** (this.#failures - 4));
  }
}
