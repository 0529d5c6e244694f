// Loads of calls: sessions x calls in flight. Set-up, memory and starts are measured in files of their own.

const all = ['direct', 'ideal', 'gangway', 'supergateway', 'mcp-proxy'];
const sharing = ['ideal', 'gangway', 'gangway-shared', 'mcp-proxy'];
const echo = { tool: 'echo' };

/** The tool of `slow` takes this long. */
export const slowMs = 100;

/**
 * @typedef {import('./slices.mjs').Load & { name: string, what: string, targets: string[], leastMs?: number }} Scenario
 *   `leastMs`: how long a slice lasts at least
 */

/** @type {Scenario[]} */
export const callScenarios = [
  { name: '1x1', what: 'lone calls', sessions: 1, inFlight: 1, kind: echo, targets: all },
  { name: '1x16', what: 'one session, 16 calls in flight', sessions: 1, inFlight: 16, kind: echo, targets: all },
  { name: '16x1', what: '16 sessions, a call each', sessions: 16, inFlight: 1, kind: echo, targets: all },
  { name: '64x4', what: '64 sessions, 4 calls each', sessions: 64, inFlight: 4, kind: echo, targets: all },
  {
    ...{ name: '10k', what: '10 KiB out and back, 16 sessions', sessions: 16, inFlight: 1, targets: all },
    kind: { tool: 'echo', bytes: 10_240 },
  },
  {
    ...{ name: '1m', what: '1 MiB out and back, 2 sessions', sessions: 2, inFlight: 1, targets: all },
    kind: { tool: 'echo', bytes: 1024 ** 2 },
  },
  {
    ...{ name: 'stream', what: '10 progress notifications and the answer', sessions: 16, inFlight: 1, targets: all },
    kind: { tool: 'steps', count: 10 },
  },
  {
    ...{
      name: 'shared-1x64',
      what: 'one session, 64 calls on one server',
      sessions: 1,
      inFlight: 64,
      targets: sharing,
    },
    kind: echo,
  },
  {
    ...{ name: 'shared-64x1', what: '64 sessions, a call each', sessions: 64, inFlight: 1, targets: sharing },
    kind: echo,
  },
  {
    ...{ name: 'slow', what: `512 calls of ${slowMs} ms`, sessions: 64, inFlight: 8, leastMs: 1000, targets: all },
    kind: { tool: 'slow', ms: slowMs },
  },
];
