import { settlesWithin } from '../base/deadline.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Child, Engine } from '../engine/engine.ts';

/** After the end of its input a server has this long to leave by itself; nearly all do, in a third of a second. */
export const graceMs = 1000;
/** After a removal, the client of the engine has this long to notice. */
const noticeMs = 500;
/** How often a removal is tried before the container is left to the reconcile pass. */
const attempts = 12;

/**
 * Ends a child, its container with it: end of input, grace, removal by name, each with a deadline.
 * The client is never signalled before its container is known to be gone: a client that is still starting would
 * leave a half-made container behind.
 *
 * @param grace how long the server may take to leave by itself
 * @returns whether it is gone for certain
 */
export async function endChild(child: Child, engine: Engine, grace: number, clock: Clock, log: Log): Promise<boolean> {
  child.stdin.end();
  if (await settlesWithin(child.exited, grace, clock)) return removeLeftovers(child, engine, clock, log);
  let isRemoved = false;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    // While the client is still starting there is nothing to remove yet: hence the loop.
    isRemoved = await tryRemove(child, engine, log, attempt);
    if (await settlesWithin(child.exited, pauseMs(attempt), clock)) return removeLeftovers(child, engine, clock, log);
  }
  // An engine that fails may still run the container: its client is left alone, and the reconcile pass goes on.
  if (!isRemoved) return false;
  child.kill();
  await settlesWithin(child.exited, noticeMs, clock);
  return tryRemove(child, engine, log, attempts);
}

/** The engine removes the container of a client that ends by itself (`--rm`); one that was killed may leave it behind. */
async function removeLeftovers(child: Child, engine: Engine, clock: Clock, log: Log): Promise<boolean> {
  const { code, signal } = await child.exited;
  const isOrderly = engine.kind !== 'process' && signal === undefined && code !== undefined && code < 125;
  if (isOrderly) return true;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (await tryRemove(child, engine, log, attempt)) return true;
    await new Promise<void>((resolve) => void clock.after(pauseMs(attempt), resolve));
  }
  return false;
}

/** Longer from attempt to attempt: 0.5 s to 2 s. */
function pauseMs(attempt: number): number {
  return noticeMs * Math.min(attempt, 4);
}

async function tryRemove(child: Child, engine: Engine, log: Log, attempt: number): Promise<boolean> {
  try {
    await engine.remove([child.name]);
    return true;
  } catch (error) {
    log.warn({ container: child.name, attempt, error: messageOf(error) }, 'could not remove a container');
    return false;
  }
}
