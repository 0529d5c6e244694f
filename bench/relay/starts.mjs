// What other sessions notice while many are started: calls of one session every few ms, before and meanwhile; and for how
// long one start stops everything else.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { memoryOf } from './process-facts.mjs';
import { median, spreadOf } from './statistics.mjs';
import { start } from './targets.mjs';
import { figure, megabytes } from './text.mjs';

const heldProgram = fileURLToPath(new URL('held.mjs', import.meta.url));

const everyMs = 2;
const quietMs = 500;

/** Kept answers of streams make a bridge large: each session keeps so much of them, for a client that comes back. */
const replay = { bytes: '16m', events: 100_000, age: '1h' };
const large = { sessions: 28, answers: 12, bytes: 1_000_000 };

const kinds = [
  { name: 'ideal', target: 'ideal' },
  { name: 'gangway', target: 'gangway' },
  { name: 'gangway, large', target: 'gangway', entry: { replay }, isLarge: true },
  { name: 'supergateway', target: 'supergateway' },
  { name: 'mcp-proxy (no server is started)', target: 'mcp-proxy' },
];

/** @param {import('./calls-section.mjs').Around} around */
export async function measureStarts(around) {
  const chosen = kinds.filter(({ target }) => around.isMeant(target));
  const figures = {};
  const bridges = [];
  try {
    for (const kind of chosen) bridges.push(await begin(around, kind));
    for (let round = 0; round < around.pace.startRounds; round++)
      for (const { name, at, key } of bridges) figures[name].rounds.push(await measure(around, at, key));
  } finally {
    for (const { key, stop } of bridges) {
      await around.crew.tell('close', { key, atOnce: 32 });
      await stop();
    }
  }
  const held = around.isMeant('gangway') ? measureHeld(around.command) : undefined;
  const tables = [tableOf(figures, around.pace.starts), ...(held ? [tableOfHeld(held)] : [])];
  return { tables, figures: { ...figures, held } };

  async function begin({ crew }, { name, target, entry, isLarge }) {
    const key = `starts ${name}`;
    const { at, pid, stop } = await start(target, around, entry);
    await crew.tell('open', { key, at, sessions: 1 });
    await crew.tell('prepare', { key, sessions: 1, inFlight: 1, kind: { tool: 'echo' } });
    await crew.tell('go', { forMs: 300 });
    if (isLarge) await grow(crew, key, at);
    figures[name] = { bytes: memoryOf(pid).nowBytes, rounds: [] };
    return { name, key, at, stop };
  }
}

async function measure({ crew, pace }, at, key) {
  const details = { key, at, starts: pace.starts, atOnce: 1, everyMs, quietMs };
  const { quiet, busy, tookMs, faults } = await crew.tell('startBeside', details);
  if (faults.length > 0) throw new Error(faults[0]);
  return { quiet, busy, startsPerSecond: (pace.starts / tookMs) * 1000 };
}

/** @returns {{ bytes: number, launchMs: import('./statistics.mjs').Spread, spawnMs: import('./statistics.mjs').Spread }} */
function measureHeld(command) {
  const said = JSON.parse(execFileSync(process.execPath, [heldProgram, ...command], { encoding: 'utf8' }));
  return { bytes: said.bytes, launchMs: spreadOf(said.launchMs), spawnMs: spreadOf(said.spawnMs) };
}

function tableOfHeld({ bytes, launchMs, spawnMs }) {
  const row = (name, { median: middle, low, high }) => [name, ...[middle, low, high].map((ms) => figure(ms, 'ms'))];
  return {
    title: `For how long a start stops everything else, in a bridge of ${megabytes(bytes)}`,
    columns: ['', 'median', 'lower quartile', 'upper quartile'],
    rows: [row('gangway, through its launcher', launchMs), row('a bridge that starts servers itself', spawnMs)],
  };
}

/** Answers that are kept, until the bridge is large. */
async function grow(crew, key, at) {
  const { sessions, answers, bytes } = large;
  await crew.tell('open', { key, at, sessions });
  for (let i = 0; i < answers; i++) {
    const kind = { tool: 'steps', count: 1, bytes };
    const { fault } = await crew.tell('prepare', { key, sessions, inFlight: 1, kind });
    if (fault !== undefined) throw new Error(fault);
  }
}

function tableOf(figures, starts) {
  const quantiles = [
    ['p50', 'p50Ms'],
    ['p99', 'p99Ms'],
    ['max', 'maxMs'],
  ];
  const rows = Object.entries(figures).map(([name, { bytes, rounds }]) => {
    const cells = ['quiet', 'busy'].flatMap((when) =>
      quantiles.map(([, key]) => figure(median(rounds.map((round) => round[when][key])))),
    );
    const rate = spreadOf(rounds.map(({ startsPerSecond }) => startsPerSecond));
    return [name, megabytes(bytes), ...cells, figure(rate?.median)];
  });
  const named = (when) => quantiles.map(([name]) => `${when} ${name}`);
  return {
    title: `Calls of one session, in ms, alone and while ${starts} sessions are started one after the other`,
    columns: ['', 'memory', ...named('alone'), ...named('starts'), 'starts/s'],
    rows,
  };
}
