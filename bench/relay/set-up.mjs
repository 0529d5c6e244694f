// Sessions of plain processes, one after the other: what `initialize` takes, and what it costs the bridge.
import { setTimeout as pause } from 'node:timers/promises';
import { usageOf } from './process-facts.mjs';
import { median, ratioOf, spreadOf } from './statistics.mjs';
import { start } from './targets.mjs';
import { figure, times } from './text.mjs';

/** A warm server takes the place of the one that was leased within this time. */
const refillMs = 100;
/** A server that is started by hand is taken to be up after this time. */
const upMs = 60;

const kinds = [
  { name: 'direct, already running', target: 'direct', restMs: upMs },
  { name: 'direct', target: 'direct' },
  { name: 'ideal', target: 'ideal' },
  { name: 'gangway, cold', target: 'gangway', entry: { pool: { warm: 0 } } },
  { name: 'gangway, warm', target: 'gangway', entry: { pool: { warm: 4 } }, pauseMs: refillMs },
  { name: 'supergateway', target: 'supergateway' },
  { name: 'mcp-proxy (one server for all)', target: 'mcp-proxy' },
];

/** @param {import('./calls-section.mjs').Around} around */
export async function measureSetUp(around) {
  const chosen = kinds.filter(({ target }) => around.isMeant(target));
  const started = [];
  for (const kind of chosen)
    started.push({ ...kind, ...(await start(kind.target, around, kind.entry)), name: kind.name });
  const rounds = new Map(started.map(({ name }) => [name, []]));
  try {
    for (let round = -1; round < around.pace.setUpRounds; round++)
      for (const kind of started) {
        const one = await measure(around, kind);
        if (round >= 0) rounds.get(kind.name).push(one);
      }
  } finally {
    for (const { stop } of started) await stop();
  }
  const of = (name, key) => rounds.get(name)?.map((round) => round[key]) ?? [];
  const rows = [...rounds.keys()].map((name) => {
    const [ms, cpu, launcher] = ['ms', 'cpuMs', 'launcherCpuMs'].map((key) => figure(median(of(name, key)), 'ms'));
    return [name, ms, times(ratioOf(of(name, 'ms'), of('ideal', 'ms'))), cpu, launcher];
  });
  const columns = ['', 'initialize', 'over ideal', 'CPU of the bridge', 'CPU of its launcher'];
  const beyond = of('gangway, warm', 'ms').map((ms, i) => ms - of('direct, already running', 'ms')[i]);
  return {
    tables: [{ title: 'Set-up of a session, plain processes', columns, rows }],
    figures: { warmBeyondMs: spreadOf(beyond.filter(Number.isFinite)) },
  };
}

async function measure({ crew, pace }, { at, pid, launcherPid, restMs, pauseMs }) {
  const pids = [pid, launcherPid];
  const before = pids.map(cpuNs);
  const count = pace.setUps;
  const took = await crew.tell('cycle', { at, count, restMs, pauseMs });
  // What ends, and what comes up in its place, belongs to it.
  await pause(refillMs);
  const [cpuMs, launcherCpuMs] = pids.map((each, i) => (cpuNs(each) - before[i]) / 1e6 / count);
  return { ms: median(took), cpuMs, launcherCpuMs };
}

/** NaN without a process. */
function cpuNs(pid) {
  return pid === undefined ? Number.NaN : usageOf(pid).cpuNs;
}
