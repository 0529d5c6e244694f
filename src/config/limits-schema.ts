import { z } from 'zod';
import { defaults } from './defaults.ts';
import { count, duration, factor, size } from './fields.ts';

const minute = 60_000;
const hour = 60 * minute;
const mebibyte = 1024 ** 2;

/** For `sharing: shared`: how the number of containers follows the load. @see Ray Serve, "Autoscaling" */
const scaling = {
  min: count(
    'With `sharing: shared`: initialised containers that are always there. 0 ends the last one when nobody calls; lists are then answered from memory, and the next call starts one.',
    { min: 0, max: 1000, default: defaults.server.pool.min },
  ),
  target: factor(
    'With `sharing: shared`: requests, running and in line, for each container: the number of containers aims at it.',
    { min: 0.01, max: 10_000, default: defaults.server.pool.target },
  ),
  maxOngoing: z
    .int({ error: 'wanted a whole number from 1 to 10000', abort: true })
    .min(1, { error: 'wanted a whole number from 1 to 10000' })
    .max(10_000, { error: 'wanted a whole number from 1 to 10000' })
    .meta({
      description:
        'With `sharing: shared`: requests in flight on one container at most; more wait in line. Twice `target` unless it is set.',
      range: 'from 1 to 10000',
    })
    .optional(),
  upscaleDelay: duration('With `sharing: shared`: more containers start when they have been wanted for this long.', {
    min: 0,
    max: hour,
    default: defaults.server.pool.upscaleDelay,
  }),
  downscaleDelay: duration('With `sharing: shared`: containers end when fewer have been wanted for this long.', {
    min: 0,
    max: 24 * hour,
    default: defaults.server.pool.downscaleDelay,
  }),
  lookBack: duration('With `sharing: shared`: the load is averaged over this time.', {
    min: 100,
    max: hour,
    default: defaults.server.pool.lookBack,
  }),
  upscaleFactor: factor(
    'With `sharing: shared`: how much of the distance to the wanted number is gone at once, upwards.',
    {
      min: 0.01,
      max: 100,
      default: defaults.server.pool.upscaleFactor,
    },
  ),
  downscaleFactor: factor('The same downwards.', {
    min: 0.01,
    max: 100,
    default: defaults.server.pool.downscaleFactor,
  }),
  maxUses: count(
    'With `sharing: shared`: a container is replaced after so many requests, for servers that leak. 0 sets no limit.',
    { min: 0, max: 1_000_000_000, default: defaults.server.pool.maxUses },
  ),
};

/** The key `pool`. */
export const pool = z
  .strictObject({
    warm: count(
      'With `sharing: session`: containers kept started and not yet spoken to, ready for the next client. 0 starts each one on demand.',
      {
        min: 0,
        max: 1000,
        default: defaults.server.pool.warm,
      },
    ),
    ...scaling,
    max: count(
      'Containers of this server at once, warm ones included. Never exceeded, but for one that takes the place of a shared one that is replaced.',
      {
        min: 1,
        max: 10_000,
        default: defaults.server.pool.max,
      },
    ),
    queue: count(
      'Who may wait in line when all `max` containers are in use: clients, or with `sharing: shared` requests. One more gets 503 `POOL_FULL`. 0 lets nobody wait.',
      {
        min: 0,
        max: 100_000,
        default: defaults.server.pool.queue,
      },
    ),
    acquireTimeout: duration('How long one waits in line before it gets 503 `ACQUIRE_TIMEOUT`.', {
      min: 10,
      max: 10 * minute,
      default: defaults.server.pool.acquireTimeout,
    }),
    idleTimeout: duration(
      'A session without a request in flight, and without a message from its client, ends after this time. An open GET stream does not keep it alive.',
      { min: 100, max: 24 * hour, default: defaults.server.pool.idleTimeout },
    ),
    maxAge: duration(
      'A session, a warm container or a shared one ends after this time in any case; containers up to a tenth earlier, so that not all end at once.',
      {
        min: 1000,
        max: 30 * 24 * hour,
        default: defaults.server.pool.maxAge,
      },
    ),
  })
  .meta({ description: 'How many containers the server has, and how long they live.' });

/** The key `resources`. */
export const resources = z
  .strictObject({
    cpus: z
      .number({ error: 'wanted a number of CPUs from 0.01 to 1024, or 0 (no limit)' })
      .refine((cpus) => cpus === 0 || (cpus >= 0.01 && cpus <= 1024), {
        error: 'wanted a number of CPUs from 0.01 to 1024, or 0 (no limit)',
      })
      .meta({
        description: 'CPUs that one container may use, such as 0.5. 0 sets no limit.',
        range: 'from 0.01 to 1024, or 0 (no limit)',
        default: defaults.server.resources.cpus,
      })
      .optional(),
    memory: size('Memory that one container may use, swap included; one that needs more is killed by the kernel.', {
      min: 6 * mebibyte,
      max: 1024 ** 4,
      default: defaults.server.resources.memory,
      zero: 'no limit',
    }),
    pids: count('Processes and threads that one container may hold. 0 sets no limit.', {
      min: 0,
      max: 4_194_304,
      default: defaults.server.resources.pids,
    }),
  })
  .meta({ description: 'What one container may use of the machine; enforced by the engine.' });

/** The key `replay`. */
export const replay = z
  .strictObject({
    events: count('Events of one session that are kept. 0 keeps none.', {
      min: 0,
      max: 100_000,
      default: defaults.server.replay.events,
    }),
    bytes: size('Bytes of one session that are kept; a message larger than this never is.', {
      min: 1024,
      max: 1024 * mebibyte,
      default: defaults.server.replay.bytes,
    }),
    age: duration('How long an event is kept.', { min: 1000, max: hour, default: defaults.server.replay.age }),
  })
  .meta({
    description:
      'What is kept for a client that loses its connection and comes back for the rest (`Last-Event-ID`); the oldest goes first.',
  });
