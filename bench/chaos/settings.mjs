// The configuration under which the bridge runs, and what may be expected of it.
import { fileURLToPath } from 'node:url';

const seconds = 1000;

/** Milliseconds unless said otherwise. */
export const bounds = {
  callTimeout: 8 * seconds,
  maxCallTime: 16 * seconds,
  startTimeout: 30 * seconds,
  acquireTimeout: 15 * seconds,
  idleTimeout: 8 * seconds,
  pingInterval: 2 * seconds,
  /** What a busy machine may add to any of them. */
  slack: 3 * seconds,
  /** After a death, until nothing waits for the dead any more. */
  noticed: 5 * seconds,
  /** After the bridge is ready again, until what its predecessor left is gone. */
  swept: 10 * seconds,
  /** From SIGTERM to the exit. */
  drained: 25 * seconds,
  /** Until a container that is neither running nor paused is gone, too. */
  stray: 10 * seconds,
  /** For each of these in which the bridge is up there is a sample. */
  watched: 3 * seconds,
  /** MiB that the bridge may grow by, at rest, from before to after. */
  growth: 128,
  /** Descriptors by which the bridge at rest may have more than before. */
  descriptors: 8,
};

/**
 * What is expected on a machine that others use, too: whatever depends on its speed may take so many times as long. What
 * is configured stays as it is.
 *
 * @param {number} patience
 */
export function boundsFor(patience) {
  const ofTheMachine = ['slack', 'noticed', 'swept', 'drained', 'stray', 'watched'];
  const wider = ofTheMachine.map((name) => [name, patience * bounds[name]]);
  return { ...bounds, ...Object.fromEntries(wider) };
}

/**
 * `servers.yaml` as JSON: `own`, where each client has a container of its own, and `common`, which all share.
 *
 * @param {number} port @param {number} clients @param {string} runId is on the command line of all that belongs to this run
 */
export function configuration(port, clients, runId) {
  const server = {
    build: fileURLToPath(new URL('server', import.meta.url)),
    args: [`--run=${runId}`],
    network: 'none',
    resources: { cpus: 0.5, memory: '160m', pids: 64 },
    startTimeout: ms(bounds.startTimeout),
    callTimeout: ms(bounds.callTimeout),
    maxCallTime: ms(bounds.maxCallTime),
    maxLineBytes: '1m',
  };
  const line = { acquireTimeout: ms(bounds.acquireTimeout), idleTimeout: ms(bounds.idleTimeout) };
  return {
    listen: { host: '127.0.0.1', port },
    servers: {
      own: {
        ...server,
        // Nobody asks what it speaks: no container but those that clients use, which are counted.
        modern: 'fallback',
        pool: { warm: 2, max: 2 * clients + 4, queue: 2 * clients, ...line },
      },
      common: {
        ...server,
        sharing: 'shared',
        modern: 'translate',
        pingInterval: ms(bounds.pingInterval),
        pool: {
          ...{ min: 1, max: 4, target: 4, maxOngoing: 16, queue: 20 * clients, ...line },
          ...{ upscaleDelay: '1s', downscaleDelay: '5s', lookBack: '1s' },
        },
      },
    },
  };
}

/** @param {number} count of milliseconds */
function ms(count) {
  return `${count}ms`;
}
