// What a very large answer costs, and what another session notices of it:
//   node bench/large.mjs [--megabytes N] [--rounds N] [--write]
// Needs a build (`npm run build`). Starts the program with a plain process as its server.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, cpus } from 'node:os';
import path from 'node:path';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const here = fileURLToPath(import.meta.url);
const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
let lastId = 1;
const agent = new Agent({ keepAlive: true });

if (isMainThread) await main();
else parentPort.postMessage(await fetchLarge(workerData));

async function main() {
  const { values } = parseArgs({
    options: {
      megabytes: { type: 'string', default: '64' },
      rounds: { type: 'string', default: '5' },
      write: { type: 'boolean', default: false },
    },
  });
  const bytes = Number(values.megabytes) * 1024 * 1024;
  const folder = mkdtempSync(path.join(tmpdir(), 'gangway-large-'));
  const bridge = await serve(folder, bytes);
  const rows = [];
  try {
    for (const [kind, label] of [
      ['text', 'one long text'],
      ['objects', 'many small objects'],
    ]) {
      const rounds = [];
      for (let round = 0; round < Number(values.rounds); round++) rounds.push(await measure(bridge, kind, bytes));
      rows.push([label, ...summary(rounds, bytes)]);
    }
  } finally {
    await bridge.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const text = render(rows, values);
  process.stdout.write(text);
  if (values.write)
    writeFileSync(new URL('../docs/figures-large.md', import.meta.url), `# Very large answers\n\n${text}`);
}

/** One large answer, read by a thread of its own, while another session makes small calls one after the other. */
async function measure({ url, pid }, kind, bytes) {
  const small = await open(url);
  const large = await open(url);
  const quiet = await waits(url, small, new Promise((resolve) => setTimeout(resolve, 1500)));
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  const before = memory(pid, 'VmHWM');
  const worker = new Worker(here, { workerData: { url, session: large, kind, bytes } });
  const done = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const busy = await waits(url, small, done);
  const growth = memory(pid, 'VmHWM') - before;
  const { ms, sha256, length } = await done;
  const { result } = JSON.parse(await call(url, large, 'digest'));
  if (result.sha256 !== sha256 || result.length !== length)
    throw new Error(`the answer came changed: ${length} ${JSON.stringify(result)} ${ms}`);
  for (const session of [small, large]) await end(url, session);
  return { ms, growth, quiet, busy };
}

async function fetchLarge({ url, session, kind, bytes }) {
  const startedAt = performance.now();
  const response = await send(url, session, { jsonrpc: '2.0', id: 1, method: kind, params: { bytes } });
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const ms = performance.now() - startedAt;
  const message = messageIn(Buffer.concat(chunks));
  return { ms, sha256: createHash('sha256').update(message).digest('hex'), length: message.length };
}

/** An answer that takes a while to come is the last event of a stream. */
function messageIn(body) {
  return body[0] === '{'.charCodeAt(0) ? body : body.subarray(body.lastIndexOf('\ndata: ') + 7, -2);
}

/** Small calls, one after the other, until a promise is settled. @returns how long the slowest took, and how many */
async function waits(url, session, end) {
  let isOver = false;
  void end.finally(() => (isOver = true));
  const all = [];
  while (!isOver) {
    const startedAt = performance.now();
    await call(url, session, 'echo');
    all.push(performance.now() - startedAt);
  }
  return { longest: Math.max(...all), count: all.length };
}

async function call(url, session, method, params = {}) {
  const response = await send(url, session, { jsonrpc: '2.0', id: (lastId += 1), method, params });
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

async function open(url) {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'large', version: '1' } };
  const response = await send(url, undefined, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
  response.resume();
  return response.headers['mcp-session-id'];
}

function send(url, session, message, method = 'POST') {
  return new Promise((resolve, reject) => {
    const sessionHeader = session === undefined ? {} : { 'mcp-session-id': session };
    request(url, { method, agent, headers: { ...headers, ...sessionHeader } }, resolve)
      .once('error', reject)
      .end(message && JSON.stringify(message));
  });
}

async function end(url, session) {
  (await send(url, session, undefined, 'DELETE')).resume();
}

async function serve(folder, bytes) {
  const server = fileURLToPath(new URL('../test/fixtures/servers/bulk.mjs', import.meta.url));
  const config = {
    servers: { bulk: { command: ['node', server], pool: { warm: 0 }, maxLineBytes: `${bytes / 1024 / 1024 + 1}m` } },
  };
  const file = path.join(folder, 'servers.yaml');
  writeFileSync(file, JSON.stringify(config));
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const flags = (process.env.FLAGS ?? '').split(' ').filter(Boolean);
  const args = ['serve', '--config', file, '--port', '0', '--allow-process', '--log-level', 'error'];
  const child = spawn(process.execPath, [...flags, main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const base = await new Promise((resolve) => {
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /on (http:\S+)/.exec(text)?.[1];
      if (found) resolve(found);
    });
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  return { url: `${base}/bulk/mcp`, pid: child.pid, stop: () => (child.kill('SIGTERM'), exited) };
}

function memory(pid, field) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
}

function summary(rounds, bytes) {
  const median = (pick) => rounds.map(pick).sort((a, b) => a - b)[Math.floor(rounds.length / 2)];
  const worst = (pick) => Math.max(...rounds.map(pick));
  return [
    `${Math.round(median(({ ms }) => ms))} ms`,
    `${(worst(({ growth }) => growth) / bytes).toFixed(2)}×`,
    `${Math.round(median(({ busy }) => busy.longest))} ms (worst ${Math.round(worst(({ busy }) => busy.longest))} ms)`,
    `${Math.round(median(({ quiet }) => quiet.longest))} ms (worst ${Math.round(worst(({ quiet }) => quiet.longest))} ms)`,
  ];
}

function render(rows, { megabytes, rounds }) {
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return `An answer of ${megabytes} MB, ${rounds} rounds, Node ${process.versions.node}, ${cpus().length} shared cores:

| answer | time | peak memory over its size | longest wait of another session | the same without it |
| --- | ---: | ---: | ---: | ---: |
${lines}
`;
}
