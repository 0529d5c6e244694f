// Has a call through Gangway become dearer? Measured against the ideal relay in the same run, never against a clock:
//   node bench/gate.mjs
// Takes about 25 s; needs Linux and a build. Exit code 1 when a bound of bench/relay/bounds.mjs is exceeded, or an answer
// was wrong.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bounds, checksOf } from './relay/bounds.mjs';
import { Crew } from './relay/crew.mjs';
import { echoServer } from './relay/install.mjs';
import { callScenarios } from './relay/scenarios.mjs';
import { inTurns, warmUp } from './relay/slices.mjs';
import { start } from './relay/targets.mjs';

const pace = { rounds: 15, sliceMs: 150 };
const warmUpMs = 1000;

const folder = mkdtempSync(path.join(tmpdir(), 'gangway-gate-'));
const crew = new Crew();
const { command } = echoServer(folder);
const targets = [await start('ideal', { folder, command }), await start('gangway', { folder, command })];
const checks = [];
try {
  const names = Object.keys(bounds);
  const scenarios = names.map((name) => callScenarios.find((each) => each.name === name));
  for (const target of targets) await warmUp(crew, target, scenarios[0], warmUpMs);
  for (const scenario of scenarios) {
    const series = await inTurns(crew, targets, scenario, pace);
    for (const check of checksOf({ ...scenario, series })) {
      checks.push(check);
      process.stdout.write(`${check.isKept ? '✓' : '✗'} ${check.text}\n`);
    }
  }
} finally {
  crew.end();
  for (const { stop } of targets) await stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = checks.every(({ isKept }) => isKept) ? 0 : 1;
