// Numbers out of a history.

/** @typedef {import('./history.mjs').History} History @typedef {import('./history.mjs').Fault} Fault */

const warmUpMs = 60_000;
/** Less tells nothing. */
const leastMs = 5 * 60_000;

/** How many of each. @param {Iterable<string>} names @returns {[string, number][]} the most frequent first */
export function counts(names) {
  const all = new Map();
  for (const name of names) all.set(name, (all.get(name) ?? 0) + 1);
  return [...all].sort(([, a], [, b]) => b - a);
}

/** @param {number[]} values @returns {{ count: number, p50: number, p99: number, max: number } | undefined} */
export function spread(values) {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** From the death of a container to the errors of the calls that were pending on it, by kind of fault. @param {History} history */
export function answersAfterKills({ calls, sessions, faults }) {
  const containerOf = new Map(sessions.map(({ key, container }) => [key, container]));
  /** @type {Map<string, number[]>} */
  const all = new Map();
  for (const fault of faults.filter(
    ({ scope, freezes, container }) => scope === 'container' && !freezes && container,
  )) {
    const times = all.get(fault.kind) ?? [];
    for (const call of calls) {
      const isPending =
        containerOf.get(call.session) === fault.container && call.askedAt <= fault.at && call.endedAt >= fault.at;
      if (isPending && call.answers[0]?.reason === 'UPSTREAM_EXITED') times.push(call.answers[0].at - fault.at);
    }
    all.set(fault.kind, times);
  }
  return [...all].filter(([, times]) => times.length > 0);
}

/** From the end of a fault of the bridge or the engine to the first good answer of each server. @param {History} history */
export function recoveries({ calls, faults }) {
  return faults
    .filter(({ scope, until }) => (scope === 'bridge' || scope === 'engine') && until !== undefined)
    .map((fault) => {
      const first = (server) => {
        const good = calls.filter(
          (call) =>
            call.server === server &&
            call.tool !== 'initialize' &&
            call.outcome === 'answered' &&
            call.askedAt > fault.at,
        );
        return Math.min(...good.map(({ answers }) => answers[0].at).filter((at) => at >= fault.until));
      };
      return {
        kind: fault.kind,
        downMs: fault.until - fault.at,
        own: first('own') - fault.until,
        common: first('common') - fault.until,
      };
    });
}

/** Lines through memory and descriptors of the last life, without its beginning; undefined when it was too short. @param {History} history */
export function growth({ samples, lives, chaosUntil }) {
  const last = lives.length - 1;
  const from = (lives[last]?.readyAt ?? 0) + warmUpMs;
  const rows = samples.filter(({ life, at }) => life === last && at >= from && at <= chaosUntil);
  const ms = (rows.at(-1)?.at ?? 0) - (rows[0]?.at ?? 0);
  if (ms < leastMs) return undefined;
  return { ms, rss: fit(rows.map(({ at, rss }) => [at, rss])), fds: fit(rows.map(({ at, fds }) => [at, fds])) };
}

/** Least squares. @param {number[][]} points */
function fit(points) {
  const mean = (index) => points.reduce((total, point) => total + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const covariance = points.reduce((total, [px, py]) => total + (px - x) * (py - y), 0);
  const variance = points.reduce((total, [px]) => total + (px - x) ** 2, 0);
  return { slope: variance === 0 ? 0 : covariance / variance, mean: y };
}
