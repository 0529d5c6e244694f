import type { Clock } from '../base/clock.ts';
import { comesTrueWithin, settlesWithin } from '../base/deadline.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Engine } from '../engine/engine.ts';

/** Containers get this long to end in order. */
const leaveMs = 1500;
/** To remove those that are left may take this long. */
const removeMs = 3000;
const pauseMs = 100;

interface Surroundings {
  readonly engines: () => readonly Engine[];
  /** Names of the containers that there are; each goes when it is gone. */
  readonly held: ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Waits for the containers that are ending, and removes what does not. Never rejects. */
export async function awaitLastContainers(around: Surroundings): Promise<void> {
  await comesTrueWithin(() => around.held.size === 0, leaveMs, around.clock);
  await removeLastContainers(around);
}

/** By force, again and again for a while: a container that is still being made cannot be removed yet. Never rejects. */
export async function removeLastContainers({ engines, held, clock, log }: Surroundings): Promise<void> {
  const giveUpAt = clock.now() + removeMs;
  while (held.size > 0 && clock.now() < giveUpAt) {
    const removals = engines().map((engine) =>
      engine.remove([...held]).catch((error: unknown) => {
        log.error({ error: messageOf(error) }, 'could not remove containers');
      }),
    );
    // An engine that hangs does not hold us up.
    await settlesWithin(Promise.all(removals), giveUpAt - clock.now(), clock);
    await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
  }
  if (held.size > 0) log.error({ containers: [...held] }, 'containers are left behind; the next start removes them');
}
