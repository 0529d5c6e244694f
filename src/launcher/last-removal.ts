import type { Clock } from '../base/clock.ts';
import { comesTrueWithin } from '../base/deadline.ts';
import type { Engine } from '../engine/engine.ts';
import { labelKeys, namePrefix } from '../engine/labels.ts';

/** Whoever heeds the end of its input has this long to leave. */
const graceMs = 1000;
/** After this long the rest is left to the next start. */
const giveUpMs = 30_000;
const pauseMs = 300;

/**
 * Removes everything of a bridge that is gone, as often as it takes: a container that is still being made cannot be
 * removed yet. Never rejects.
 *
 * @param token the bridge's, see `Owner`
 * @param isLeft whether any child of ours has not ended
 */
export async function removeOwn(
  engines: readonly Engine[],
  token: string,
  isLeft: () => boolean,
  clock: Clock,
): Promise<void> {
  const giveUpAt = clock.now() + giveUpMs;
  await comesTrueWithin(() => !isLeft(), graceMs, clock);
  for (;;) {
    const wereRemoved = await Promise.all(engines.map((engine) => removeAll(engine, token)));
    if (clock.now() >= giveUpAt || (!isLeft() && wereRemoved.every((isNothing) => isNothing))) return;
    await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
  }
}

/** @returns whether there was nothing to remove */
async function removeAll(engine: Engine, token: string): Promise<boolean> {
  try {
    const records = await engine.list();
    const own = records.filter(({ name, labels }) => name.startsWith(namePrefix) && labels[labelKeys.owner] === token);
    if (own.length > 0) await engine.remove(own.map(({ name }) => name));
    return own.length === 0;
  } catch {
    // Nobody is left to tell; it is tried again.
    return false;
  }
}
