import type { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { settlesWithin } from '../base/deadline.ts';

/** What a server said just before it ended arrives within this time after its end; its callers do not wait longer, */
export const lastWordsMs = 180;
/** and when nothing came for this long, nothing more comes. */
const quietMs = 60;

/**
 * Waits for the last that a server said: its end is often known before.
 *
 * @param streams those that somebody reads
 * @param heardAt when something came from one of them
 * @returns resolves when all are closed, or have been quiet for a while; within `lastWordsMs` for certain, but for one `quietMs`
 */
export async function lastWords(streams: readonly Readable[], heardAt: () => number, clock: Clock): Promise<void> {
  const giveUpAt = clock.now() + lastWordsMs;
  const open = streams.filter(({ closed }) => !closed);
  const allRead = Promise.all(open.map((stream) => new Promise((resolve) => stream.once('close', resolve))));
  for (;;) {
    if (open.length === 0 || (await settlesWithin(allRead, quietMs, clock))) return;
    // What came in the meantime is read before timers are looked at again.
    await new Promise((resolve) => setImmediate(resolve));
    const now = clock.now();
    if (now - heardAt() >= quietMs || now >= giveUpAt) return;
  }
}
