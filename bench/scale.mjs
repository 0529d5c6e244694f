// Does the number of containers follow the load, up and down, and does no call fail meanwhile?
//   node bench/scale.mjs [--engine podman|docker] [--peak 200] [--write]
// Needs a build (`npm start -- --version`). From 1 call at a time to --peak and back, on a shared server with a tool that
// takes 100 ms; --write makes docs/scaling.md and docs/scaling.svg. Exit code 1 when a call failed, or when the containers
// were not what the arithmetic asks for.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bridge, freePort } from './chaos/bridge.mjs';
import { spread } from './chaos/figures.mjs';
import { Session } from './chaos/session.mjs';
import { exchange, parse } from './chaos/wire.mjs';
import { plot } from './scale-plot.mjs';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'podman' },
    peak: { type: 'string', default: '200' },
    write: { type: 'boolean' },
  },
});
const peak = Number(values.peak);
const toolMs = 100;
const sampleMs = 200;
const pool = { min: 1, max: 12, target: 20, maxOngoing: 40, queue: 400, acquireTimeout: '30s' };
const delays = { upscaleMs: 1000, downscaleMs: 5000, lookBackMs: 2000 };
/** How far the samples here may be behind what the pool sees; and how long a container may take to come up, or to go. */
const lagMs = 1500;
/** A mean of other samples than the pool's own is a little different. */
const doubt = 0.1;
const startMs = 20_000;
const endMs = 10_000;

/** The load over time: [until, calls at once]; linear in between. */
const phases = [
  [0, 1],
  [10_000, 1],
  [45_000, peak],
  [65_000, peak],
  [100_000, 1],
  [125_000, 1],
];

const folder = mkdtempSync(path.join(tmpdir(), 'gangway-scale-'));
const { rows, calls } = await run();
rmSync(folder, { recursive: true, force: true });
const problems = check(rows, calls);
const text = render(rows, calls, problems);
process.stdout.write(text);
if (values.write) {
  writeFileSync(new URL('../docs/scaling.md', import.meta.url), text);
  writeFileSync(new URL('../docs/scaling.svg', import.meta.url), plot(rows, pool));
}
process.exitCode = problems.length > 0 ? 1 : 0;

async function run() {
  const port = await freePort();
  const file = path.join(folder, 'servers.yaml');
  writeFileSync(file, JSON.stringify({ listen: { port }, servers: { common: server() } }));
  const beganAt = performance.now();
  const now = () => performance.now() - beganAt;
  const history = { lives: [], calls: [], sessions: [] };
  const url = `http://127.0.0.1:${port}`;
  const logFile = path.join(folder, 'bridge.log');
  const bridge = new Bridge({ url, file, logFile, engine: values.engine, environment: process.env, history, now });
  await bridge.start();
  try {
    // A session holds many calls; a few of them stand for many clients.
    const agent = new Agent({ keepAlive: true });
    const sessions = [];
    for (let i = 0; i < 20; i++) {
      const session = new Session({ url, history, now, limitMs: 120_000, agent }, i, 'common', String(i));
      await session.open();
      sessions.push(session);
    }
    history.calls.length = 0;
    const startedAt = now();
    const isOver = () => now() - startedAt >= phases.at(-1)[0];
    const wanted = () => Math.round(loadAt(now() - startedAt));
    const callers = Array.from({ length: peak }, (_, i) => caller(sessions[i % sessions.length], i, wanted, isOver));
    const rows = await observe(url, history, wanted, isOver, now, startedAt);
    await Promise.all(callers);
    return { rows, calls: history.calls };
  } finally {
    await bridge.end('SIGTERM');
  }
}

function server() {
  const times = { upscaleDelay: delays.upscaleMs, downscaleDelay: delays.downscaleMs, lookBack: delays.lookBackMs };
  return {
    build: fileURLToPath(new URL('chaos/server', import.meta.url)),
    ...{ sharing: 'shared', network: 'none', startTimeout: '60s' },
    pool: { ...pool, ...Object.fromEntries(Object.entries(times).map(([key, ms]) => [key, `${ms}ms`])) },
  };
}

/** One of those who call, as long as the load asks for so many: a call as soon as the last one is answered. */
async function caller(session, rank, wanted, isOver) {
  while (!isOver()) {
    if (rank < wanted()) await session.call('slow', { ms: toolMs });
    else await pause(50);
  }
}

function loadAt(ms) {
  const next = Math.max(
    1,
    phases.findIndex(([until]) => until >= ms),
  );
  const [[from, low], [until, high]] = [phases[next - 1], phases[next]];
  return low + ((high - low) * Math.min(ms - from, until - from)) / (until - from);
}

/** @returns one row for every sample */
async function observe(url, { calls }, wanted, isOver, now, startedAt) {
  const rows = [];
  for (let seen = 0; !isOver();) {
    await pause(sampleMs - ((now() - startedAt) % sampleMs));
    const { text } = await exchange(`${url}/status`, { method: 'GET', headers: { accept: '*/*' } }).ended;
    const { target, ready, starting, ongoing, waiting } = parse(text).servers.common.pool;
    const latencies = calls.slice(seen).map(({ askedAt, endedAt }) => endedAt - askedAt);
    seen = calls.length;
    const { p50, p99 } = spread(latencies) ?? {};
    rows.push({ at: now() - startedAt, load: wanted(), inPool: ongoing + waiting, target, ready, starting, p50, p99 });
  }
  return rows;
}

/** Calls that failed, and rows in which `target`, or the containers, were not what the rows before ask for. */
function check(all, calls) {
  const failed = calls.filter(({ outcome }) => outcome !== 'answered');
  const problems = failed
    .slice(0, 5)
    .map(({ outcome, reason, answers }) => `a call is "${outcome}" (${answers[0]?.reason ?? reason})`);
  const lowest = all.map((row) => desired(all, row, 1 - doubt));
  const highest = all.map((row) => desired(all, row, 1 + doubt));
  const within = (ms, at, numbers) => numbers.filter((_, i) => all[i].at >= at - ms && all[i].at <= at);
  const targets = all.map(({ target }) => target);
  for (const { at, target, ready } of all.filter(({ at }) => at > lagMs)) {
    // No lower than what was asked for during the whole delay, no higher than the most that was.
    const least = Math.min(...within(delays.upscaleMs + lagMs, at, lowest));
    const most = Math.max(...within(delays.downscaleMs + lagMs, at, highest));
    if (target < least || target > most)
      problems.push(`at ${Math.round(at)} ms the target is ${target}, wanted ${least} to ${most}`);
    const fewest = Math.min(...within(startMs, at, targets));
    const upTo = Math.max(...within(endMs, at, targets));
    if (ready < fewest || ready > upTo)
      problems.push(`at ${Math.round(at)} ms ${ready} containers serve, wanted ${fewest} to ${upTo}`);
  }
  const last = all.at(-1);
  if (last.ready !== pool.min) problems.push(`in the end ${last.ready} containers serve, wanted ${pool.min}`);
  if (Math.max(...targets) <= pool.min) problems.push('the target never rose');
  return problems;
}

/** What the arithmetic asks for at a row: the mean load of `lookBack` over `target`. */
function desired(all, { at }, factor) {
  const seen = all.filter((row) => row.at > at - delays.lookBackMs && row.at <= at);
  const mean = seen.reduce((sum, { inPool }) => sum + inPool, 0) / seen.length;
  return Math.max(pool.min, Math.min(pool.max, Math.ceil((factor * mean) / pool.target)));
}

function isBetween(ms, from, until) {
  return ms >= from && ms < until;
}

function render(all, calls, problems) {
  const during = (from, until) => {
    const took = calls
      .filter(({ askedAt }) => isBetween(askedAt - calls[0].askedAt, from, until))
      .map((call) => call.endedAt - call.askedAt);
    const { count = 0, p50 = 0, p99 = 0, max = 0 } = spread(took) ?? {};
    const rate = count / ((until - from) / 1000);
    return `${count} | ${rate.toFixed(0)} | ${p50.toFixed(0)} ms | ${p99.toFixed(0)} ms | ${max.toFixed(0)} ms`;
  };
  const atPeak = calls.filter(({ askedAt }) => isBetween(askedAt - calls[0].askedAt, phases[2][0], phases[3][0]));
  const busiest = atPeak.length / ((phases[3][0] - phases[2][0]) / 1000);
  const at = (ms) => `${(ms / 1000).toFixed(0)} s`;
  const names = ['1 call at a time', `up to ${peak}`, `${peak} at a time`, 'down to 1', '1 at a time'];
  const lines = names.map(
    (name, i) =>
      `| ${at(phases[i][0])} to ${at(phases[i + 1][0])}: ${name} | ${during(phases[i][0], phases[i + 1][0])} |`,
  );
  const first = (isMeant) => at(all.find(isMeant)?.at ?? Number.NaN);
  const top = Math.max(...all.map(({ target }) => target));
  const seen = Math.max(...all.map(({ inPool }) => inPool));
  const last = all.findLast(({ ready }) => ready > pool.min)?.at ?? Number.NaN;
  const verdict =
    problems.length === 0
      ? 'No call failed, and in no sample was the target, or the number of containers, anything but what the arithmetic asks for.'
      : `**Not as it should be:**\n\n${problems.map((each) => `- ${each}`).join('\n')}`;
  return `# Scaling

A shared server whose tool takes ${toolMs} ms, called ever more often and then less again, with real containers
(${values.engine}, Node ${process.versions.node}, ${cpus().length} shared cores). Made by:

\`\`\`sh
node bench/scale.mjs --engine ${values.engine} --peak ${peak} --write
\`\`\`

![Load, containers and latency over time](scaling.svg)

\`\`\`yaml
sharing: shared
pool: { min: ${pool.min}, max: ${pool.max}, target: ${pool.target}, maxOngoing: ${pool.maxOngoing}, upscaleDelay: 1s, downscaleDelay: 5s, lookBack: 2s, queue: ${pool.queue}, acquireTimeout: ${pool.acquireTimeout} }
\`\`\`

| when | calls | per second | median | p99 | longest |
| --- | ---: | ---: | ---: | ---: | ---: |
${lines.join('\n')}

${calls.length} calls, ${calls.filter(({ outcome }) => outcome !== 'answered').length} failed. The pool saw ${seen} calls at once at the most; its target rose to ${top} at ${first(({ target }) => target === top)}, and ${top} containers
served at ${first(({ ready }) => ready === top)}; the last but ${pool.min} went at ${at(last)}. ${verdict}

The check, at every ${sampleMs} ms: the target is never lower than what the pool's load of the last \`lookBack\` (less ${doubt * 100} %, since these
are other samples than the pool's own) asked for during the whole \`upscaleDelay\` and ${lagMs / 1000} s, by which they may lag, and never
higher than the most that it asked for, and ${doubt * 100} %, within \`downscaleDelay\`; the containers that serve follow the target within
${startMs / 1000} s upwards and ${endMs / 1000} s downwards.

Callers, bridge and containers share the cores: with many calls at once the machine is the limit. ${peak} callers of a tool of
${toolMs} ms could make ${Math.round((1000 * peak) / toolMs)} calls a second, ${busiest.toFixed(0)} were made. Latency tells of it, too, and so does the difference between
what is offered and what the pool sees, which is on its way in between. More machine would give shorter times; more containers
would not, since \`target\` and not the load of a core decides how many there are.
`;
}
