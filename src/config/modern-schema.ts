import { z } from 'zod';
import { defaults } from './defaults.ts';
import { duration } from './fields.ts';

const hour = 3_600_000;

/** How requests of 2026-07-28 are served. */
export const modernKeys = {
  modern: z
    .enum(['auto', 'translate', 'per-call', 'fallback'], {
      error: 'wanted "auto", "translate", "per-call" or "fallback"',
    })
    .meta({
      description:
        'What becomes of requests of revision 2026-07-28, which have no session. `auto`: a server that speaks it itself gets them as they are; else `translate` with `sharing: shared` and for HTTP apps, `fallback` with `sharing: session` and `url`. `translate`: the shared containers serve them as requests of the older revision. `per-call`: each of them has a container of its own. `fallback`: they are refused at once, upon which clients open a session. From `defaults:` it holds where it fits.',
      default: defaults.server.modern,
    })
    .optional(),
  inputTimeout: duration(
    'How long a request of revision 2026-07-28 that needs input waits for its client to come back with it.',
    { min: 1000, max: 24 * hour, default: defaults.server.inputTimeout },
  ),
};

/** The same for several servers that are one. */
export const groupModern = z
  .enum(['auto', 'fallback'], { error: 'wanted "auto" or "fallback"' })
  .meta({
    description:
      'What becomes of requests of revision 2026-07-28. `auto`: they are served when each of the servers can serve them without a session. `fallback`: they are refused at once, upon which clients open a session.',
    default: defaults.server.modern,
  })
  .optional();
