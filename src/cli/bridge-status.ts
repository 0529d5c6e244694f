import { z } from 'zod';

/** What is not there, or is something else than expected, is not shown: a bridge of another version can be watched too. */
const number = z.number().optional().catch(undefined);
const text = z.string().optional().catch(undefined);

const poolSchema = z
  .object({
    ...{ starting: number, warm: number, ready: number, leased: number, busy: number, draining: number },
    ...{ retiring: number, waiting: number, ongoing: number, max: number, starts: number, failedStarts: number },
    ...{ restarts: number, circuit: text, lastError: text },
  })
  .catch({});

const serverSchema = z
  .object({
    ...{ disabled: text, sharing: text, sessions: number, callsInFlight: number, pool: poolSchema },
    deaths: z.object({ total: number }).optional().catch(undefined),
  })
  .catch({ pool: {} });

/** `GET /status` as far as it is shown. */
export const statusSchema = z.object({
  ...{ version: text, uptimeSeconds: number, notReady: text, sessions: number, callsInFlight: number },
  ...{ containers: number, memoryBytes: number },
  config: z.object({ lastError: text }).catch({}),
  retiring: z.array(z.unknown()).optional().catch(undefined),
  leaked: z.array(z.unknown()).optional().catch(undefined),
  load: z.object({ loopDelayMs: number, isRefusing: text }).catch({}),
  engine: z.object({ kind: text, version: text, missing: text }).catch({}),
  servers: z.record(z.string(), serverSchema).catch({}),
  groups: z.record(z.string(), serverSchema).catch({}),
});

export type BridgeStatus = z.infer<typeof statusSchema>;
export type ServerStatus = BridgeStatus['servers'][string];
