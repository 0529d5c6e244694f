// Real clients against the running bridge: prints a table of what works and writes docs/clients.md.
//
//   node test/clients/run.mjs [--container [--engine podman|docker]] [--only NAME,NAME] [--json] [--verbose]
//
// Needs a build, `npm ci --prefix test/clients --ignore-scripts` and, for clients that ask for a newer Node than this one,
// `npm ci --prefix test/inspector --ignore-scripts`. With --container the server is built into an image and runs in
// containers. --json prints what was found, and the page that it makes, instead of writing it.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { document, table, usageOf } from './document.mjs';
import { clients, newerNode } from './list.mjs';

const { values: options } = parseArgs({
  options: {
    container: { type: 'boolean', default: false },
    engine: { type: 'string', default: 'auto' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
/** Clients at once, and how long one may take for everything. */
const atOnce = 2;
const limitMs = 60_000;

const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const main = here('../../dist/main.js');
const servers = here('../fixtures/servers');
const chosen = clients.filter(({ name }) => options.only === undefined || options.only.split(',').includes(name));
const folder = mkdtempSync(path.join(tmpdir(), 'gangway-clients-'));

/** What is to end with this program. */
const children = new Set();
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const child of children) end(child);
    process.exit(1);
  });
}

const missing = whatIsMissing();
if (missing) {
  process.stderr.write(`${missing}\n`);
  process.exitCode = 2;
} else {
  const bridge = await serve();
  try {
    await report(await runAll(bridge.url));
  } finally {
    await bridge.stop();
  }
}

function whatIsMissing() {
  if (!existsSync(main)) return 'Cannot find dist/main.js: wanted `npm run build` before';
  for (const client of chosen) {
    const place = client.name.startsWith('inspector') ? 'test/inspector' : 'test/clients';
    if (client.version === undefined || !existsSync(nodeFor(client)))
      return `Cannot find ${client.package}, or the Node it needs: wanted \`npm ci --prefix ${place} --ignore-scripts\` before`;
  }
  return undefined;
}

function nodeFor({ needs }) {
  return Number(process.versions.node.split('.')[0]) >= needs ? process.execPath : newerNode;
}

/** One server of the same kind for each client, so that what /status says of it concerns this client alone. */
async function serve() {
  const source = options.container
    ? { build: servers, args: ['/servers/clients-probe.mjs'] }
    : { command: ['node', path.join(servers, 'clients-probe.mjs')] };
  const pool = { warm: 0, max: 30, acquireTimeout: '30s' };
  const entries = chosen.map(({ name }) => [keyOf(name), { ...source, pool }]);
  const file = path.join(folder, 'servers.yaml');
  writeFileSync(file, JSON.stringify({ servers: Object.fromEntries(entries) }));
  const args = ['serve', '--config', file, '--port', '0', '--engine', options.engine, '--log-level', 'error'];
  const child = spawn(process.execPath, [main, ...args, '--allow-process'], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /^Gangway \S+ on (http:\S+)/.exec(line)?.[1];
      if (found) resolve(found);
    });
    void ended.then((code) => reject(new Error(`the bridge ended with ${code}`)));
  });
  return { url, stop: () => (end(child), ended) };
}

function end(child) {
  child.kill('SIGTERM');
  // The bridge drains at the first signal; the second one ends it at once.
  child.kill('SIGINT');
}

function keyOf(name) {
  return name.replaceAll('.', '-');
}

async function runAll(url) {
  const results = new Map();
  const queue = [...chosen];
  const work = async () => {
    for (let client = queue.shift(); client; client = queue.shift()) results.set(client, await runOne(client, url));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return chosen.map((client) => ({ ...client, usage: usageOf(client.name), ...results.get(client) }));
}

/** All checks of one client, in a process and a home folder of its own. */
async function runOne(client, url) {
  const home = path.join(folder, client.name);
  mkdirSync(home);
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    // Nothing is to be told to anybody.
    DO_NOT_TRACK: '1',
    MASTRA_TELEMETRY_DISABLED: '1',
    OPENAI_AGENTS_DISABLE_TRACING: '1',
  };
  const args = [here('checks.mjs'), client.name, `${url}/${keyOf(client.name)}/mcp`];
  const stdio = ['ignore', 'pipe', options.verbose ? 'inherit' : 'ignore'];
  const child = spawn(nodeFor(client), args, { cwd: home, env, stdio });
  children.add(child);
  const killer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  const code = await new Promise((resolve) => child.once('close', (status, signal) => resolve(status ?? signal)));
  clearTimeout(killer);
  children.delete(child);
  try {
    return JSON.parse(text);
  } catch {
    return { found: { connect: { mark: 'fail', note: `its process ended with ${code}` } } };
  }
}

async function report(results) {
  const page = await document(results);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ results, page })}\n`);
    return;
  }
  const rows = table(results);
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  for (const cells of rows)
    process.stdout.write(
      `${cells
        .map((text, i) => text.padEnd(widths[i]))
        .join('  ')
        .trimEnd()}\n`,
    );
  for (const { name, found } of results) {
    for (const [what, { mark, note }] of Object.entries(found))
      if (note) process.stdout.write(`${name}, ${what}: ${mark}: ${note}\n`);
  }
  if (options.only === undefined && !options.container) writeFileSync(here('../../docs/clients.md'), page);
}
