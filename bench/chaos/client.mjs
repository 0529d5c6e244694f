// A client that behaves like many: it asks much at once, changes its mind, leaves and comes back.
import { setTimeout as pause } from 'node:timers/promises';
import { Session } from './session.mjs';

/** What a client does in a call, and how often. @type {{ weight: number, isForOwn?: boolean, do: (random: import('./random.mjs').Random) => [string, object, import('./session.mjs').Manner?] }[]} */
const habits = [
  { weight: 40, do: () => ['echo', {}] },
  { weight: 20, do: (random) => ['slow', { ms: random.whole(50, 500) }] },
  { weight: 14, do: (random) => ['steps', { count: random.whole(1, 8), ms: random.whole(5, 80) }] },
  // Large ones, at once.
  { weight: 3, do: (random) => ['steps', { count: random.whole(50, 200), ms: 0, bytes: 2000 }] },
  // Long enough for a stream to come of it by itself.
  { weight: 3, do: (random) => ['slow', { ms: random.whole(1100, 2500) }] },
  { weight: 5, do: (random) => ['slow', { ms: random.whole(200, 1500) }, { cancelAfterMs: random.whole(0, 1200) }] },
  {
    weight: 8,
    do: (random) => [
      'steps',
      { count: random.whole(3, 10), ms: random.whole(50, 200) },
      { leaveAfterMs: random.whole(20, 1500), awayMs: random.whole(20, 2000) },
    ],
  },
  {
    weight: 3,
    do: (random) => [
      'slow',
      { ms: random.whole(1200, 3000) },
      { leaveAfterMs: random.whole(20, 2500), awayMs: random.whole(20, 2000) },
    ],
  },
  // What tears a server down that is nobody else's.
  { weight: 0.4, isForOwn: true, do: () => ['die', {}] },
  { weight: 0.4, isForOwn: true, do: () => ['exhaust', {}] },
  { weight: 0.3, isForOwn: true, do: () => ['hang', {}] },
  { weight: 0.4, isForOwn: true, do: () => ['babble', {}] },
  { weight: 0.3, isForOwn: true, do: () => ['ramble', {}] },
  { weight: 0.4, isForOwn: true, do: () => ['scream', {}] },
];

/** Tools after which nothing of the server is to be expected. */
const deadly = new Set(['die', 'exhaust', 'hang', 'babble', 'ramble']);

/**
 * Keeps on until it is told to stop.
 *
 * @param {number} number
 * @param {ConstructorParameters<typeof Session>[0] & { thinkMs: number }} around
 * @param {import('./random.mjs').Random} random
 * @param {AbortSignal} signal ends it; calls under way are waited for
 */
export async function runClient(number, around, random, signal) {
  let count = 0;
  while (!signal.aborted) {
    count += 1;
    const server = random.chance(0.5) ? 'own' : 'common';
    const session = new Session(around, number, server, `${number}.${count}`);
    const opening = await session.open();
    if (opening.outcome !== 'answered') {
      await pause(random.whole(500, 1500));
      continue;
    }
    const stopListening = random.chance(0.3) ? session.listen() : () => undefined;
    let left = random.whole(5, 40);
    const lane = async () => {
      while (left-- > 0 && !session.isOver && !signal.aborted) {
        const { outcome } = await act(session, server, around, random);
        const isRefused = outcome === 'refused' || outcome === 'cut';
        await pause(isRefused ? random.whole(500, 1500) : random.between(0, 2 * around.thinkMs));
      }
    };
    const lanes = Promise.all(Array.from({ length: random.whole(1, 3) }, lane));
    // Now and then it is deleted with calls under way.
    if (random.chance(0.1)) await Promise.race([lanes, pause(random.whole(500, 5000)).then(() => session.delete())]);
    await lanes;
    stopListening();
    if (session.isOver) continue;
    if (random.chance(0.8)) await session.delete();
    else session.leave();
  }
}

async function act(session, server, { history, now }, random) {
  const [tool, args, manner] = random
    .weighted(server === 'own' ? habits : habits.filter(({ isForOwn }) => !isForOwn))
    .do(random);
  if (deadly.has(tool)) {
    const container = session.record.container;
    const fault = { kind: `tool: ${tool}`, scope: 'container', server, container, freezes: tool === 'hang' };
    history.faults.push({ ...fault, at: now(), doneAt: now() });
  }
  const call = await session.call(tool, args, manner);
  const [answer] = call.answers;
  // It will not come back by itself.
  if (server === 'own' && answer?.reason === 'CALL_TIMEOUT' && !session.isOver) await session.delete();
  return call;
}
