// How soon a death is known, and how soon a container that will not leave is gone, on each engine that works here:
//   node bench/deaths.mjs [--kills 100] [--deletes 50] [--engine podman|docker] [--write]
// Needs a build (`npm start -- --version`) and the image docker.io/lab/stdio-probe, or another one given as PROBE=… that
// takes --ignore-eof and --ignore-term. Looks at processes in /proc, so it runs where the engines run.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    deletes: { type: 'string', default: '50' },
    engine: { type: 'string' },
    write: { type: 'boolean' },
  },
});
const kills = Number(values.kills);
const deletes = Number(values.deletes);
const inFlight = 20;
const probe = process.env.PROBE ?? 'docker.io/lab/stdio-probe';
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'gangway-deaths-'));
const file = path.join(folder, 'servers.yaml');
writeFileSync(
  file,
  `listen: { port: 0 }
defaults: { startTimeout: 2m, callTimeout: 2m, pool: { warm: 2 } }
servers:
  stubborn: { image: ${probe}, args: [--ignore-eof, --ignore-term], network: none }
`,
);

const rows = [];
for (const engine of values.engine ? [values.engine] : ['podman', 'docker'])
  if (works(engine)) rows.push(...(await measure(engine)));
rmSync(folder, { recursive: true, force: true });
const text = render(rows);
process.stdout.write(text);
if (values.write) writeFileSync(new URL('../docs/figures-deaths.md', import.meta.url), text);

async function measure(engine) {
  const bridge = await serve(engine);
  try {
    const answered = [];
    const gone = [];
    for (let round = 0; round < kills; round++) answered.push(await answeredAfterKill(bridge.url, engine));
    for (let round = 0; round < deletes; round++) gone.push(await goneAfterDelete(bridge.url, engine));
    return [
      [engine, `server killed: all of ${inFlight} pending calls answered`, ...spread(answered)],
      [engine, 'server that ignores EOF and SIGTERM: dead after DELETE', ...spread(gone.map(({ dead }) => dead))],
      [engine, 'the same: container gone and its place free', ...spread(gone.map(({ free }) => free))],
    ];
  } finally {
    await bridge.stop();
  }
}

/** From the moment of the kill to the last answer, each of which says how the server ended. */
async function answeredAfterKill(base, engine) {
  const session = await open(base);
  const pids = processesOf(engine, await session.container());
  const pending = Array.from({ length: inFlight }, (_, id) => session.call(id + 10, 'sleep', { ms: 60_000 }));
  // The last one is on its way when another call after it was answered.
  await session.call(9, 'echo', { text: 'x' });
  const killedAt = performance.now();
  process.kill(pids.server, 'SIGKILL');
  const answers = await Promise.all(pending);
  const ms = performance.now() - killedAt;
  for (const { text: answer } of answers) {
    const { reason, exitCode, signal } = JSON.parse(answer.match(/\{.*\}/)[0]).error.data.gangway;
    if (reason !== 'UPSTREAM_EXITED' || exitCode !== 137 || signal !== 'SIGKILL')
      throw new Error(`a pending call was answered with ${answer}`);
  }
  return ms;
}

async function goneAfterDelete(base, engine) {
  const session = await open(base);
  const { init } = processesOf(engine, await session.container());
  const startedAt = performance.now();
  await session.end();
  const dead = await until(() => !isAlive(init), startedAt);
  const free = await until(async () => (await status(base)).servers.stubborn.pool.retiring === 0, startedAt);
  return { dead, free };
}

async function until(look, startedAt) {
  while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 5));
  return performance.now() - startedAt;
}

/** A session on a warm container. */
async function open(base) {
  await until(async () => {
    const { warm, starting, retiring } = (await status(base)).servers.stubborn.pool;
    return warm === 2 && starting === 0 && retiring === 0;
  }, 0);
  const url = `${base}/stubborn/mcp`;
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'deaths', version: '1' } };
  const { sessionId, text } = await post(url, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
  if (!sessionId) throw new Error(`not opened: ${text}`);
  const call = (id, name, args) =>
    post(url, { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } }, sessionId);
  return {
    call,
    /** The start of its id, which is the host name in it. */
    container: async () => JSON.parse(JSON.parse((await call(1, 'env', {})).text).result.content[0].text).HOSTNAME,
    end: () => fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': sessionId } }),
  };
}

/** On the host: the first process of a container, and the server, its child. */
function processesOf(engine, container) {
  const init = Number(execFileSync(engine, ['inspect', '--format', '{{.State.Pid}}', container], { encoding: 'utf8' }));
  const [server] = readFileSync(`/proc/${init}/task/${init}/children`, 'utf8').trim().split(' ').map(Number);
  return { init, server };
}

function isAlive(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}

async function post(url, body, sessionId) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(sessionId ? { 'mcp-session-id': sessionId } : {}),
    },
    body: JSON.stringify(body),
  });
  return { text: await response.text(), sessionId: response.headers.get('mcp-session-id') };
}

async function status(base) {
  return (await fetch(`${base}/status`)).json();
}

function works(engine) {
  try {
    execFileSync(engine, ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function serve(engine) {
  const child = spawn(process.execPath, [main, 'serve', '--config', file, '--engine', engine, '--log-level', 'error'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  const url = await new Promise((resolve) => {
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const found = /on (http:\S+)/.exec(said)?.[1];
      if (found) resolve(found);
    });
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  return { url, stop: () => (child.kill('SIGTERM'), exited) };
}

function spread(all) {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return [String(all.length), ...[at(0.5), at(0.99), sorted.at(-1)].map((ms) => `${Math.round(ms)} ms`)];
}

function render(all) {
  const lines = all.map((cells) => `| ${cells.join(' | ')} |`);
  return `# Deaths and removals

Measured by \`node bench/deaths.mjs\` from the kill of the server's own process, ${inFlight} calls in flight, Node ${process.versions.node},
${cpus().length} shared cores, load ${loadavg()[0].toFixed(1)} at the end.

| engine | what | n | p50 | p99 | worst |
| --- | --- | ---: | ---: | ---: | ---: |
${lines.join('\n')}
`;
}
