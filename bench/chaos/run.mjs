// N clients, a nemesis and a checker: does Gangway keep its promise while everything under it dies?
//   node bench/chaos/run.mjs [--engine podman|docker|both] [--seconds 60] [--clients 20] [--seed N]
//                            [--think MS] [--rest MS] [--patience N] [--own-dockerd] [--save FILE] [--write docs/chaos.md]
//   node bench/chaos/run.mjs --check FILE [--plant FAULT]
// Needs Linux and a build (`npm start -- --version`). Exit code 1 when anything that must hold does not. --think is the
// mean time between two calls of a client, --rest between two faults; --patience 4 gives a machine that others use four
// times as long for what depends on its speed. --own-dockerd starts a Docker daemon of its own
// (as root) and kills that, too. --save keeps what happened; --check judges it again; --plant puts a fault into it
// before, which the checker has to find; --plant all tries each of them and says which rules found it.
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.mjs';
import { check } from './checker.mjs';
import { counts } from './figures.mjs';
import { load, save } from './history.mjs';
import { plants } from './plant.mjs';
import { report, rulesTable } from './report.mjs';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'both' },
    seconds: { type: 'string', default: '60' },
    clients: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    think: { type: 'string', default: '300' },
    rest: { type: 'string', default: '1500' },
    patience: { type: 'string', default: '1' },
    'own-dockerd': { type: 'boolean', default: false },
    save: { type: 'string' },
    write: { type: 'string' },
    check: { type: 'string' },
    plant: { type: 'string' },
  },
});

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`);
}

if (values.check !== undefined && values.plant === 'all') {
  for (const [name, plant] of Object.entries(plants)) say(`${name}: ${brokenRules(load(values.check), plant)}`);
} else {
  const runs = values.check === undefined ? await runAll() : [{ history: load(values.check), folder: undefined }];
  const reports = runs.map(judge);
  const text = reports.map(({ text }) => text).join('\n\n');
  process.stdout.write(`${text}\n`);
  if (values.write !== undefined) writeFileSync(values.write, document(text));
  process.exitCode = reports.some(({ isBad }) => isBad) ? 1 : 0;
}

async function runAll() {
  const engines = values.engine === 'both' ? /** @type {const} */ (['podman', 'docker']) : [values.engine];
  const options = {
    ...{ seconds: Number(values.seconds), clients: Number(values.clients), seed: Number(values.seed) },
    ...{
      thinkMs: Number(values.think),
      restMs: Number(values.rest),
      patience: Number(values.patience),
      hasOwnDaemon: values['own-dockerd'],
      say,
    },
  };
  say(`seed ${options.seed}`);
  const runs = await Promise.all(engines.map((engine) => runChaos(engine, options)));
  for (const { history } of runs)
    if (values.save !== undefined) save(values.save.replaceAll('ENGINE', history.run.engine), history);
  return runs;
}

/** @param {import('./history.mjs').History} history @param {(history: import('./history.mjs').History) => void} plant */
function brokenRules(history, plant) {
  plant(history);
  return counts(check(history).map(({ rule }) => rule))
    .map(([rule]) => rule)
    .join(' ');
}

/** @param {{ history: import('./history.mjs').History, folder: string | undefined }} run */
function judge({ history, folder }) {
  if (values.plant !== undefined) {
    const plant = plants[values.plant];
    if (!plant) throw new Error(`No fault "${values.plant}"; there are ${Object.keys(plants).join(', ')}`);
    plant(history);
  }
  const violations = check(history);
  // The log of the bridge is of use to those who have to find a cause.
  if (folder !== undefined && violations.length === 0) rmSync(folder, { recursive: true });
  return { text: report(history, violations), isBad: violations.length > 0 };
}

function document(text) {
  const minutes = Math.round(Number(values.seconds) / 60);
  const command = `node bench/chaos/run.mjs ${process.argv.slice(2).join(' ')}`;
  return `# Chaos

Clients with nonces against the real program, while a nemesis kills, pauses and floods servers, containers, the clients and
monitors of the engines, and the bridge itself; and a checker that sees nothing but what was recorded. This is the report
of a run of ${minutes} minutes:

\`\`\`sh
${command}
\`\`\`

One minute of it, on both engines at once, is part of \`npm test\`. What must hold, at each call and at each sample (one a second):

${rulesTable()}

That the checker finds each kind of fault is a test of its own (\`test/bench\`), on histories with a fault planted.

${text}
`;
}
