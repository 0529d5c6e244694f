// The figures of docs/figures.md, measured side by side in one run on each engine that works here:
//   node bench/figures.mjs [--rounds N] [--write]
// Needs a build (`npm start -- --version`) and the images docker.io/mcp/memory and docker.io/lab/stdio-probe, or others
// given as IMAGE=… (a stdio MCP server) and PROBE=… (one that takes --ignore-eof --ignore-term).
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, cpus } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '11' }, write: { type: 'boolean' } } });
const rounds = Number(values.rounds);
const image = process.env.IMAGE ?? 'docker.io/mcp/memory';
const probe = process.env.PROBE ?? 'docker.io/lab/stdio-probe';
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'gangway-figures-'));

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'figures', version: '1' } },
};

const config = `
listen: { port: 0 }
defaults: { startTimeout: 2m, callTimeout: 2m }
servers:
  warm: { image: ${image}, pool: { warm: 1 } }
  cold: { image: ${image}, pool: { warm: 0 } }
  stubborn: { image: ${probe}, args: [--ignore-eof, --ignore-term], pool: { warm: 1 } }
`;

const rows = [];
for (const engine of ['podman', 'docker']) if (works(engine)) rows.push(...(await measure(engine)));
const text = render(rows);
process.stdout.write(text);
if (values.write) writeFileSync(new URL('../docs/figures.md', import.meta.url), text);
rmSync(folder, { recursive: true, force: true });

async function measure(engine) {
  const file = path.join(folder, `${engine}.yaml`);
  writeFileSync(file, config);
  const bridge = await serve(file, engine);
  try {
    const figures = { direct: [], cold: [], warm: [], gone: [], answered: [] };
    for (let round = 0; round < rounds; round++) {
      figures.direct.push(await direct(engine));
      figures.cold.push((await session(bridge.url, 'cold')).ms);
      await warmed(bridge.url, 'warm');
      figures.warm.push((await session(bridge.url, 'warm')).ms);
      await warmed(bridge.url, 'stubborn');
      figures.gone.push(await stubbornGone(bridge.url, engine));
      await warmed(bridge.url, 'stubborn');
      figures.answered.push(await answeredAfterKill(bridge.url, engine));
    }
    const memory = (await status(bridge.url)).memoryBytes / 2 ** 20;
    const ratio = median(figures.cold) / median(figures.warm);
    return [
      [engine, '`initialize`, the engine’s client alone, no Gangway', ...spread(figures.direct)],
      [engine, '`initialize`, container started for it', ...spread(figures.cold)],
      [engine, '`initialize`, warm container', ...spread(figures.warm)],
      [engine, 'cold over warm', `${ratio.toFixed(0)}×`, '', ''],
      [engine, 'container that ignores EOF and SIGTERM: gone after DELETE', ...spread(figures.gone)],
      [engine, 'container killed: five pending calls answered after', ...spread(figures.answered)],
      [engine, 'memory of the bridge at the end', `${memory.toFixed(0)} MB`, '', ''],
    ];
  } finally {
    await bridge.stop();
  }
}

function works(engine) {
  try {
    execFileSync(engine, ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function serve(file, engine) {
  const child = spawn(process.execPath, [main, 'serve', '--config', file, '--engine', engine, '--log-level', 'error'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const url = await new Promise((resolve) => {
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /on (http:\S+)/.exec(text)?.[1];
      if (found) resolve(found);
    });
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  return { url, stop: () => (child.kill('SIGTERM'), exited) };
}

/** The same handshake without a bridge in between: what the engine itself takes. */
async function direct(engine) {
  const startedAt = performance.now();
  const child = spawn(engine, ['run', '--rm', '-i', '--init', '--pull', 'never', image], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.write(`${JSON.stringify(initialize)}\n`);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const ms = performance.now() - startedAt;
  child.stdin.end();
  await new Promise((resolve) => child.once('exit', resolve));
  return ms;
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
  return { text: await response.text(), status: response.status, sessionId: response.headers.get('mcp-session-id') };
}

async function session(base, name, keep = false) {
  const url = `${base}/${name}/mcp`;
  const startedAt = performance.now();
  const { status: code, text, sessionId } = await post(url, initialize);
  const ms = performance.now() - startedAt;
  if (code !== 200 || !text.includes('serverInfo')) throw new Error(`initialize of ${name}: ${code} ${text}`);
  const end = () => fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': sessionId } });
  if (!keep) await end();
  return { ms, url, sessionId, end };
}

async function stubbornGone(base, engine) {
  const { end } = await session(base, 'stubborn', true);
  const before = new Set(containers(engine));
  const startedAt = performance.now();
  await end();
  const free = (await status(base)).servers.stubborn.pool;
  if (free.retiring !== 1) throw new Error('the container is not on its way out');
  for (;;) {
    const { retiring } = (await status(base)).servers.stubborn.pool;
    if (retiring === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const ms = performance.now() - startedAt;
  const after = new Set(containers(engine));
  if ([...before].every((name) => after.has(name))) throw new Error('a container that should be gone is there');
  return ms;
}

async function answeredAfterKill(base, engine) {
  const known = new Set(containers(engine));
  const { url, sessionId } = await session(base, 'stubborn', true);
  const { text } = await post(url, call(1, 'env'), sessionId);
  const host = JSON.parse(JSON.parse(text).result.content[0].text).HOSTNAME;
  const pending = [2, 3, 4, 5, 6].map((id) => post(url, call(id, 'sleep', { ms: 60_000 }), sessionId));
  // The last one is on its way when another call after it was answered.
  await post(url, call(7, 'echo', { text: 'x' }), sessionId);
  const name = [...known, ...containers(engine)].find((each) => hostname(engine, each) === host);
  const pid = Number(inspect(engine, name, '{{.State.Pid}}'));
  const startedAt = performance.now();
  process.kill(pid, 'SIGKILL');
  const answers = await Promise.all(pending);
  if (!answers.every((answer) => answer.text.includes('UPSTREAM_EXITED')))
    throw new Error('a pending call was not answered');
  return performance.now() - startedAt;
}

function call(id, name, args = {}) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } };
}

async function warmed(base, name) {
  for (;;) {
    const { warm, starting } = (await status(base)).servers[name].pool;
    if (warm > 0 && starting === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function status(base) {
  return (await fetch(`${base}/status`)).json();
}

function containers(engine) {
  const list = execFileSync(engine, ['ps', '--filter', 'label=io.gangway.server=stubborn', '--format', '{{.Names}}'], {
    encoding: 'utf8',
  });
  return list.split('\n').filter(Boolean);
}

function inspect(engine, name, format) {
  return execFileSync(engine, ['inspect', '--format', format, name], { encoding: 'utf8' }).trim();
}

function hostname(engine, name) {
  try {
    return inspect(engine, name, '{{.Config.Hostname}}');
  } catch {
    return undefined;
  }
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function spread(all) {
  const sorted = [...all].sort((a, b) => a - b);
  const show = (ms) => (ms < 100 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`);
  return [show(median(all)), show(sorted[0]), show(sorted.at(-1))];
}

function render(all) {
  const lines = all.map((cells) => `| ${cells.join(' | ')} |`);
  return `# Figures

Measured by \`node bench/figures.mjs\` with \`${image}\` and a server that ignores every request to leave, ${rounds} rounds, all kinds in
turns in one run, Node ${process.versions.node}, ${cpus().length} shared cores. Read the ratios: absolute times are this machine's.

| engine | what | median | best | worst |
| --- | --- | ---: | ---: | ---: |
${lines.join('\n')}
`;
}
