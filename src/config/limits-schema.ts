import { z } from 'zod';
import { defaults } from './defaults.ts';
import { count, duration, size } from './fields.ts';

const minute = 60_000;
const hour = 60 * minute;
const mebibyte = 1024 ** 2;

/** The key `pool`. */
export const pool = z
  .strictObject({
    warm: count(
      'Containers kept started and not yet spoken to, ready for the next client. 0 starts each one on demand.',
      {
        min: 0,
        max: 1000,
        default: defaults.server.pool.warm,
      },
    ),
    max: count('Containers of this server at once, warm ones included. Never exceeded.', {
      min: 1,
      max: 10_000,
      default: defaults.server.pool.max,
    }),
    queue: count(
      'Clients that may wait in line when all `max` containers are in use; one more gets 503 `POOL_FULL`. 0 lets nobody wait.',
      {
        min: 0,
        max: 100_000,
        default: defaults.server.pool.queue,
      },
    ),
    acquireTimeout: duration('How long a client waits in line before it gets 503 `ACQUIRE_TIMEOUT`.', {
      min: 10,
      max: 10 * minute,
      default: defaults.server.pool.acquireTimeout,
    }),
    idleTimeout: duration(
      'A session without a request in flight, and without a message from its client, ends after this time. An open GET stream does not keep it alive.',
      { min: 100, max: 24 * hour, default: defaults.server.pool.idleTimeout },
    ),
    maxAge: duration('A session, or a warm container, ends after this time in any case.', {
      min: 1000,
      max: 30 * 24 * hour,
      default: defaults.server.pool.maxAge,
    }),
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
