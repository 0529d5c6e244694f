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
import { inTurns } from './relay/slices.mjs';
import { start } from './relay/targets.mjs';

const pace = { rounds: 9, sliceMs: 300 };

const folder = mkdtempSync(path.join(tmpdir(), 'gangway-gate-'));
const crew = new Crew();
const { command } = echoServer(folder);
const targets = [await start('ideal', { folder, command }), await start('gangway', { folder, command })];
const checks = [];
try {
  for (const name of Object.keys(bounds)) {
    const scenario = callScenarios.find((each) => each.name === name);
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
