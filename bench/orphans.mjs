// Kills Gangway again and again with SIGKILL, while it starts and while it serves, and counts the containers that are left:
//   node bench/orphans.mjs [--kills 500] [--engine podman|docker] [--seed 1] [--write]
// Needs a build (`npm start -- --version`) and the image docker.io/lab/stdio-probe, or another one given as PROBE=… that
// takes --ignore-eof and --ignore-term. Engines take turns; --kills is for each.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random } from './chaos/random.mjs';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '500' },
    engine: { type: 'string' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean' },
  },
});
const kills = Number(values.kills);
const probe = process.env.PROBE ?? 'docker.io/lab/stdio-probe';
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
/** A bridge that is killed before it is ready lives so long at the most; one that serves, so long after it was ready. */
const beforeReadyMs = 1500;
const whileServingMs = 1500;
/** A container whose client outlived the bridge may appear after the first sweep; by then all others were made too. */
const lastSweepMs = 10_000;

const rows = [];
for (const engine of values.engine ? [values.engine] : ['podman', 'docker'])
  if (works(engine)) rows.push(await run(engine));
const text = render(rows);
process.stdout.write(text);
if (values.write) writeFileSync(new URL('../docs/figures-orphans.md', import.meta.url), text);
process.exitCode = rows.every(({ left }) => left === 0) ? 0 : 1;

async function run(engine) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gangway-orphans-'));
  const file = path.join(folder, 'servers.yaml');
  const server = `image: ${probe}, network: none, pull: never, pool: { warm: 1 }`;
  const polite = `  polite: { ${server} }`;
  const stubborn = `  stubborn: { ${server}, args: [--ignore-eof, --ignore-term] }`;
  writeFileSync(file, `listen: { port: 0 }\nservers:\n${polite}\n${stubborn}\n`);
  const instance = `orphans-${engine}-${process.pid}`;
  const random = new Random(Number(values.seed));
  const counts = { serving: 0, starting: 0, made: 0, seen: 0, left: 0 };
  for (let round = 0; round < kills; round += 1) {
    const bridge = start(engine, file, instance);
    const isServing = round % 2 === 0;
    if (isServing) {
      await bridge.ready();
      // What a dead one left is gone before another one is ready.
      counts.seen += namesOf(engine, instance, bridge.pid).foreign;
      await pause(random.between(0, whileServingMs));
    } else {
      await Promise.race([bridge.exited, pause(random.between(0, beforeReadyMs))]);
    }
    counts.made += namesOf(engine, instance, bridge.pid).own;
    counts[isServing ? 'serving' : 'starting'] += 1;
    bridge.kill();
    await bridge.exited;
  }
  const last = start(engine, file, instance);
  await last.ready();
  await pause(lastSweepMs);
  counts.left = namesOf(engine, instance, last.pid).foreign;
  last.end();
  await last.exited;
  counts.left += namesOf(engine, instance, last.pid).own;
  rmSync(folder, { recursive: true, force: true });
  return { engine, ...counts };
}

function start(engine, file, instance) {
  const child = spawn(process.execPath, [main, 'serve', '--config', file, '--engine', engine, '--log-level', 'error'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, GANGWAY_INSTANCE: instance },
  });
  let said = '';
  const listens = new Promise((resolve) => {
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const url = /on (http:\S+)/.exec(said)?.[1];
      if (url) resolve(url);
    });
  });
  return {
    pid: child.pid,
    /** Resolves when it would be given work. */
    ready: async () => isReady(await listens),
    exited: new Promise((resolve) => child.once('exit', resolve)),
    kill: () => child.kill('SIGKILL'),
    end: () => child.kill('SIGTERM'),
  };
}

async function isReady(url) {
  while (!(await fetch(`${url}/readyz`)).ok) await pause(20);
}

/** How many containers of this installation there are: of the process with this pid, and of those before it. */
function namesOf(engine, instance, pid) {
  const args = ['ps', '--all', '--filter', `label=io.gangway.instance=${instance}`, '--format'];
  const format = engine === 'podman' ? '{{index .Labels "io.gangway.owner"}}' : '{{.Label "io.gangway.owner"}}';
  const owners = execFileSync(engine, [...args, format], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
  const own = owners.filter((owner) => owner.split('.')[1] === String(pid)).length;
  return { own, foreign: owners.length - own };
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function works(engine) {
  try {
    execFileSync(engine, ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function render(all) {
  const lines = all.map(({ engine, serving, starting, made, seen, left }) =>
    ['', engine, serving, starting, made, seen, left, ''].join(' | ').trim(),
  );
  return `# Orphans

Measured by \`node bench/orphans.mjs\`: Gangway is killed with SIGKILL, half of the times when it is ready, half of the times at
any moment before, and started again at once, with one server that leaves at the end of its input and one that ignores
that and SIGTERM. Node ${process.versions.node}, ${cpus().length} shared cores, seed ${values.seed}.

| engine | killed while serving | while starting | containers there at the kill | of dead ones, when the next was ready | left at the end |
| --- | ---: | ---: | ---: | ---: | ---: |
${lines.join('\n')}
`;
}
