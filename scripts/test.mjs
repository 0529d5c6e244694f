// `npm test`: installs and builds if needed, then runs every test. Container tests run for each engine that works
// here; GANGWAY_REQUIRE_ENGINES="podman docker" makes a missing one a failure. What follows `--` goes to Jest, which then
// runs once, for the engines in GANGWAY_TEST_ENGINES (both).
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { prepare, root } from './prepare.mjs';

/** Tests that measure, or fill the machine with programs of their own. */
const alone = '/test/(bench|clients|conformance|openapi|process)/';
const onEngines = '/test/container/';

/** What runs one after the other; in each, what runs beside each other. */
const everything = [
  // Whatever needs nothing but its own module.
  [{ args: ['--maxWorkers=100%', '--testPathIgnorePatterns', '/node_modules/', alone, onEngines] }],
  // They wait for their engine most of the time, and the engines do not know of each other.
  [
    { args: ['--runInBand', onEngines], env: { GANGWAY_TEST_ENGINES: 'podman' } },
    { args: ['--runInBand', onEngines], env: { GANGWAY_TEST_ENGINES: 'docker' } },
  ],
  [{ args: ['--runInBand', alone] }],
];

prepare();
const folder = mkdtempSync(path.join(tmpdir(), 'gangway-test-'));
const given = process.argv.slice(2);
const runs = [];
for (const group of given.length > 0 ? [[{ args: given }]] : everything)
  runs.push(...(await Promise.all(group.map((run, i) => jest(run, path.join(folder, `${runs.length + i}.json`))))));
rmSync(folder, { recursive: true, force: true });

// A test that one run skips for another's engine is skipped only if nobody runs it.
const tests = new Map();
let broken = 0;
for (const { summary } of runs) {
  broken += summary?.numRuntimeErrorTestSuites ?? 1;
  for (const { name, assertionResults } of summary?.testResults ?? []) {
    for (const [i, { status }] of assertionResults.entries()) {
      const key = `${name} ${i}`;
      if (status === 'failed' || (status === 'passed' && tests.get(key) !== 'failed')) tests.set(key, status);
      else if (!tests.has(key)) tests.set(key, status);
    }
  }
}
const count = (wanted) => [...tests.values()].filter((status) => status === wanted).length;
const failed = count('failed') + broken;
const skipped = count('pending');
console.log(`${count('passed')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(runs.every(({ status }) => status === 0) && failed === 0 ? 0 : 1);

/** Runs Jest. @param file where it leaves its result */
async function jest({ args, env = {} }, file) {
  const program = path.join(root, 'node_modules/jest/bin/jest.js');
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags, program, '--json', `--outputFile=${file}`, ...args], {
    ...{ cwd: root, stdio: ['ignore', 2, 2], env: { ...process.env, ...env } },
  });
  const status = await new Promise((resolve) => child.once('close', resolve));
  try {
    return { status, summary: JSON.parse(readFileSync(file, 'utf8')) };
  } catch {
    console.error('Jest left no result.');
    return { status, summary: undefined };
  }
}
