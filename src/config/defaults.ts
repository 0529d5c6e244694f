const minute = 60_000;
const hour = 60 * minute;
const mebibyte = 1024 ** 2;

/** What holds where neither a server nor the file's `defaults:` says otherwise: milliseconds and bytes. */
export const defaults = {
  listen: {
    host: '127.0.0.1',
    port: 8808,
    insecureNoAuth: false,
    allowedHosts: [] as readonly string[],
    allowedOrigins: [] as readonly string[],
    maxBodyBytes: 4 * mebibyte,
    sse: false,
  },
  limits: { starts: 4, sessions: 1000, calls: 5000, rounds: 1000, containers: 250, memory: 0 },
  group: { separator: '__', listWait: 2000 },
  app: { timeout: 30_000, concurrency: 10, maxAnswerBytes: 8 * mebibyte },
  server: {
    sharing: 'session',
    // Follows from `sandbox` unless somebody writes it.
    network: undefined,
    sandbox: 'default',
    pull: 'missing',
    startTimeout: 30_000,
    callTimeout: minute,
    maxCallTime: 10 * minute,
    maxLineBytes: 32 * mebibyte,
    modern: 'auto',
    inputTimeout: 5 * minute,
    replay: { events: 1000, bytes: 4 * mebibyte, age: 5 * minute },
    resources: { cpus: 1, memory: 512 * mebibyte, pids: 128 },
    pingInterval: 15_000,
    pool: {
      ...{ warm: 1, min: 1, max: 20, queue: 100, acquireTimeout: 5000, idleTimeout: 10 * minute, maxAge: 8 * hour },
      ...{ target: 10, upscaleDelay: 1000, downscaleDelay: 5 * minute, lookBack: 5000 },
      ...{ upscaleFactor: 1, downscaleFactor: 1, maxUses: 0 },
    },
  },
} as const;
