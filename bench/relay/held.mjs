// For how long starting a server stops everything else in a bridge of 500 MB: through the launcher, and, for comparison,
// by a bridge that starts its servers itself. Prints one line of JSON, in ms.
//   node bench/relay/held.mjs PROGRAM [ARGUMENT...]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { systemClock } from '../../dist/base/clock.js';
import { containerName, ownToken } from '../../dist/engine/labels.js';
import { LauncherKeeper } from '../../dist/launcher/keeper.js';
import { spawnLauncher } from '../../dist/launcher/launcher-process.js';
import { memoryOf } from './process-facts.mjs';

const [program, ...args] = process.argv.slice(2);
const starts = 40;
const wantedBytes = 500e6;
const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: console.error };

const launcher = new LauncherKeeper({ spawn: () => spawnLauncher({}, ownToken()), clock: systemClock, log });
const engine = launcher.processes();
const source = await engine.prepare({ kind: 'command', command: [program, ...args] }, 'never', quiet);
const ballast = [];
while (memoryOf(process.pid).nowBytes < wantedBytes) ballast.push(Buffer.alloc(4e6, 1));

const spec = {
  ...{ labels: {}, source, args: [], env: [], mounts: [], user: undefined, network: 'outbound', sandbox: 'default' },
  ...{ resources: { cpus: 1, memoryBytes: 0, pids: 16 }, lifetimeSeconds: 60 },
};
const [launchMs, spawnMs] = [[], []];
for (let i = 0; i < starts; i++) {
  await timed(launchMs, () => engine.launch({ ...spec, name: containerName('held') }));
  await timed(spawnMs, () => spawn(program, args));
}
launcher.close();
console.log(JSON.stringify({ bytes: memoryOf(process.pid).nowBytes, launchMs, spawnMs, ballast: ballast.length }));

async function timed(into, begin) {
  const began = performance.now();
  const child = begin();
  into.push(performance.now() - began);
  child.stdin.end();
  await (child.exited ?? once(child, 'exit'));
}
