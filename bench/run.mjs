// What a call through Gangway costs, beside the ideal relay, other bridges and no bridge at all, in turns in one run:
//   npm run bench -- [--quick] [--scenario NAME]... [--target NAME]... [--write]
// Takes five minutes, --quick, without containers and large answers, a minute and a half; both more on a machine that is
// busy with other work. --write makes docs/benchmarks.md and .svg. Needs Linux; the first run builds Gangway and installs the peers of
// bench/package.json. Exit code 1 when an answer was wrong.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { measureCalls } from './relay/calls-section.mjs';
import { measureContainers } from './relay/containers.mjs';
import { Crew } from './relay/crew.mjs';
import { echoServer, install } from './relay/install.mjs';
import { measureMemory } from './relay/memory.mjs';
import { page } from './relay/page.mjs';
import { measurePeaks } from './relay/peaks.mjs';
import { plot } from './relay/plot.mjs';
import { callScenarios } from './relay/scenarios.mjs';
import { measureSetUp } from './relay/set-up.mjs';
import { measureStarts } from './relay/starts.mjs';
import { print } from './relay/terminal.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    scenario: { type: 'string', multiple: true },
    target: { type: 'string', multiple: true },
    write: { type: 'boolean', default: false },
  },
});

/** Everything but calls, by name: each gives tables, and figures for the summary. */
const others = {
  setup: measureSetUp,
  containers: measureContainers,
  starts: measureStarts,
  memory: measureMemory,
  peaks: measurePeaks,
};
const names = [...callScenarios.map(({ name }) => name), ...Object.keys(others)];
const unknown = values.scenario?.find((name) => !names.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`Unknown scenario "${unknown}", wanted ${names.join(', ')}\n`);
  process.exit(2);
}

install();
const folder = mkdtempSync(path.join(tmpdir(), 'gangway-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const startedAt = performance.now();
const [loadBefore] = loadavg();
const pace = values.quick ? quickPace() : usualPace();
const echo = echoServer(folder);
const crew = new Crew();
const around = {
  crew,
  folder,
  command: echo.command,
  pace,
  isMeant: (target) => values.target?.includes(target) ?? true,
};
const results = { calls: [], tables: [], figures: {} };
try {
  const scenarios = callScenarios.filter(({ name }) => isChosen(name));
  results.calls = await measureCalls(around, scenarios, print);
  for (const [name, measure] of Object.entries(others)) {
    if (!isChosen(name)) continue;
    const { tables, figures } = await measure(around);
    for (const table of tables) print(table);
    results.tables.push(...tables);
    results.figures[name] = figures;
  }
} finally {
  crew.end();
}
const tookS = (performance.now() - startedAt) / 1000;
process.stdout.write(`${tookS.toFixed(0)} s\n`);
if (values.write) {
  const run = { tookS, loadBefore, pace, language: echo.language, args: process.argv.slice(2) };
  writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), await page(results, run));
  writeFileSync(new URL('../docs/benchmarks.svg', import.meta.url), plot(results.calls));
}
process.exitCode = results.calls.some(({ series }) => [...series.values()].some(({ faults }) => faults.length > 0))
  ? 1
  : 0;

function isChosen(name) {
  return values.scenario?.includes(name) ?? true;
}

function usualPace() {
  return {
    ...{ rounds: 8, sliceMs: 200, slowRounds: 2, setUpRounds: 4, setUps: 10, containerRounds: 3 },
    ...{ idleSessions: [100, 500, 1000], starts: 100, startRounds: 1, peakRounds: 3 },
  };
}

function quickPace() {
  return {
    ...{ rounds: 4, sliceMs: 100, slowRounds: 1, setUpRounds: 3, setUps: 5, containerRounds: 0 },
    ...{ idleSessions: [100], starts: 50, startRounds: 1, peakRounds: 0 },
  };
}
