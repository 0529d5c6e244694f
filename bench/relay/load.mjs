// The load: a process of its own, which does what run.mjs tells it, one order at a time, and tells what came of it.
import { setTimeout as pause } from 'node:timers/promises';
import { HttpSession, StdioSession } from './lanes.mjs';
import { makerOf } from './calls.mjs';
import { quantile } from './statistics.mjs';

/** How long an answer may take before it counts as lost. */
const patienceMs = 20_000;
const toldFaults = 5;

/** Sessions by the key of what they are of. @type {Map<string, { session: HttpSession | StdioSession, tag: string, lastId: number }[]>} */
const sessionsByKey = new Map();
/** What the next `go` begins. */
let prepared;

const orders = { open, prepare, go, cycle, startBeside, close };

process.on('message', async ({ order, ...details }) => {
  try {
    process.send({ result: await orders[order](details) });
  } catch (error) {
    process.send({ error: error.message });
  }
});

/** Opens sessions until there are so many, some at once. @returns how long each `initialize` took, in ms */
async function open({ key, at, sessions: wanted, atOnce = 1 }) {
  const sessions = sessionsByKey.get(key) ?? [];
  sessionsByKey.set(key, sessions);
  const took = [];
  let next = sessions.length;
  const openNext = async () => {
    while (next < wanted) {
      const tag = `s${next++}`;
      const session = at.url ? new HttpSession(at.url) : new StdioSession(at.command);
      took.push(await session.open());
      // A thousand sessions that do nothing are not to hold a thousand connections.
      if (wanted > 100) session.rest();
      sessions.push({ session, tag, lastId: 0 });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, openNext));
  return took;
}

/** Everything that is not to be measured: connections, and a call on each. */
async function prepare({ key, sessions, inFlight, kind }) {
  const lanes = sessionsByKey
    .get(key)
    .slice(0, sessions)
    .flatMap((entry) => lanesOf(entry, inFlight, kind));
  const faults = (await Promise.all(lanes.map((ask) => withPatience(new Promise(ask))))).filter(Boolean);
  prepared = lanes;
  return { fault: faults[0] };
}

/** @returns functions that make one call each, and tell its fault */
function lanesOf(entry, inFlight, kind) {
  const make = makerOf(kind, entry.tag);
  return Array.from({ length: inFlight }, (_, i) => {
    const send = entry.session.lane(i);
    return (done) => {
      const { call, body } = make((entry.lastId += 1));
      send(call, body, done);
    };
  });
}

/** Every lane calls again as soon as it is answered, for so long; then all answers are awaited. */
async function go({ forMs }) {
  const latencies = [];
  const faults = [];
  const startedAt = performance.now();
  const endsAt = startedAt + forMs;
  let open = prepared.length;
  const all = new Promise((resolve) => {
    for (const ask of prepared) {
      let askedAt = startedAt;
      const answered = (fault) => {
        const now = performance.now();
        if (fault) faults.push(fault);
        else latencies.push(now - askedAt);
        if (now < endsAt) {
          askedAt = now;
          ask(answered);
        } else if (--open === 0) resolve(undefined);
      };
      ask(answered);
    }
  });
  const lost = await withPatience(all, forMs);
  if (lost) faults.push(...Array.from({ length: open }, () => lost));
  const tookMs = performance.now() - startedAt;
  return { ...figuresOf(latencies), tookMs, faults: faults.length, toldFaults: faults.slice(0, toldFaults) };
}

function figuresOf(latencies) {
  const sorted = Float64Array.from(latencies).sort();
  const [p50Ms, p99Ms, maxMs] = [0.5, 0.99, 1].map((share) => quantile(sorted, share));
  return { calls: sorted.length, p50Ms, p99Ms, maxMs };
}

/**
 * Sessions that come and go, one after the other.
 *
 * @returns how long each `initialize` took, in ms: of a server without a bridge from its start on, or, with `restMs`, once it has
 *   run for so long
 */
async function cycle({ at, count, restMs = 0, pauseMs = 0 }) {
  const took = [];
  for (let i = 0; i < count; i++) {
    const startedAt = performance.now();
    const session = at.url ? new HttpSession(at.url) : new StdioSession(at.command);
    await pause(restMs);
    const ms = await session.open();
    took.push(at.url || restMs > 0 ? ms : performance.now() - startedAt);
    await session.close();
    await pause(pauseMs);
  }
  return took;
}

/** Calls of one session every few ms, while others are opened. @returns what those calls took, before and meanwhile */
async function startBeside({ key, at, starts, atOnce, everyMs, quietMs }) {
  const [ping] = lanesOf(sessionsByKey.get(key)[0], 1, { tool: 'echo' });
  let isOver = false;
  let latencies = [];
  const faults = [];
  const pinging = (async () => {
    while (!isOver) {
      const startedAt = performance.now();
      const fault = await withPatience(new Promise(ping));
      latencies.push(performance.now() - startedAt);
      if (fault) faults.push(fault);
      await pause(everyMs);
    }
  })();
  await pause(quietMs);
  const quiet = figuresOf(latencies);
  latencies = [];
  const startedAt = performance.now();
  const have = sessionsByKey.get(key).length;
  const initialize = await open({ key, at, sessions: have + starts, atOnce });
  const tookMs = performance.now() - startedAt;
  isOver = true;
  await pinging;
  return { quiet, busy: figuresOf(latencies), initialize: figuresOf(initialize), tookMs, faults };
}

/** Ends the sessions of a key but for the first `keep`. */
async function close({ key, keep = 0, atOnce = 8 }) {
  const leaving = (sessionsByKey.get(key) ?? []).splice(keep);
  const closeNext = async () => {
    for (let next = leaving.pop(); next; next = leaving.pop()) await next.session.close().catch(() => undefined);
  };
  await Promise.all(Array.from({ length: atOnce }, closeNext));
}

/** @returns {Promise<string | undefined>} what the promise gives, or that it came too late */
async function withPatience(promise, moreMs = 0) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve('no answer in time'), patienceMs + moreMs);
  });
  const first = await Promise.race([promise, late]);
  clearTimeout(timer);
  return first;
}
