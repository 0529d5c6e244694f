// What becomes of a bridge that is offered ten times what its servers can do:
//   node bench/overload.mjs [--seconds N] [--factor N] [--only calls|limit|sessions] [--write]
// Needs a build (`npm run build`). Starts the program with plain processes as its servers; each figure of a kind comes from
// one run of one bridge: its peak, then the flood, then the time until it is as it was.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    factor: { type: 'string', default: '10' },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const factor = Number(values.factor);
const server = ['node', fileURLToPath(new URL('../test/fixtures/servers/well-behaved.mjs', import.meta.url))];
const agent = new Agent({ keepAlive: true });
/** Calls at a time that each kind of bridge is made for. */
const capacity = 10;
/** Clients at a time: whoever would come beyond is not there. */
const clients = 10 * capacity;

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'overload', version: '1' } },
};

const kinds = {
  calls: {
    title: `a shared server: 2 processes, ${capacity / 2} calls each, ${capacity} in line`,
    config: {
      servers: {
        it: {
          command: server,
          sharing: 'shared',
          pool: { min: 2, max: 2, maxOngoing: capacity / 2, queue: capacity, acquireTimeout: '1s' },
        },
      },
    },
    workers: capacity,
    prepare: (url) => callsOf(url, 5),
  },
  limit: {
    title: `\`limits.calls: ${capacity}\`, 5 sessions with a process each`,
    config: { limits: { calls: capacity }, servers: { it: { command: server, pool: { warm: 0 } } } },
    workers: capacity,
    prepare: (url) => callsOf(url, 5),
  },
  sessions: {
    title: 'sessions of a call each: 5 processes, 5 clients in line',
    config: { servers: { it: { command: server, pool: { warm: 0, max: 5, queue: 5, acquireTimeout: '2s' } } } },
    workers: 5,
    prepare: (url) => () => session(url),
  },
};

const folder = mkdtempSync(path.join(tmpdir(), 'gangway-overload-'));
const rows = [];
try {
  for (const [name, kind] of Object.entries(kinds)) {
    if (values.only !== undefined && values.only !== name) continue;
    rows.push(...(await measure(kind)));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  agent.destroy();
}
const text = render(rows);
process.stdout.write(text);
if (values.write) writeFileSync(new URL('../docs/figures-overload.md', import.meta.url), text);

async function measure({ title, config, workers, prepare }) {
  const bridge = await serve(config);
  try {
    const act = await prepare(`${bridge.url}/it/mcp`);
    await closedLoop(1, 1, act);
    const quiet = await closedLoop(1, 3, act);
    const peak = await closedLoop(workers, Math.min(10, seconds), act);
    const rssBefore = bridge.residentBytes();
    const flood = await openLoop(rateOf(peak) * factor, seconds, act, bridge);
    const backMs = await backToNormal(act, quantile(quiet.served, 0.5));
    const relative = rateOf(flood) / rateOf(peak);
    return [
      [`**${title}**`, ''],
      ['peak', `${rateOf(peak).toFixed(0)} a second`],
      ['offered', `${flood.offered.toFixed(0)} a second for ${seconds} s`],
      ['served', `${rateOf(flood).toFixed(0)} a second, ${(relative * 100).toFixed(0)} % of the peak`],
      ['served, quiet', spread(quiet.served)],
      ['served, at the peak', spread(peak.served)],
      ['served, in the flood', spread(flood.served)],
      ['refused with 503 and `Retry-After`', `${flood.refused.length}`],
      ['time to refuse', spread(flood.refused)],
      ['anything else', `${flood.wrong.length}${flood.wrong.length > 0 ? `: ${flood.wrong[0]}` : ''}`],
      ['memory of the bridge', `${mebi(rssBefore)} before, ${mebi(flood.mostBytes)} at most`],
      ['as quick as before after', `${backMs.toFixed(0)} ms`],
    ];
  } finally {
    await bridge.stop();
  }
}

/** Each worker begins anew as soon as it has ended. */
async function closedLoop(workers, forSeconds, act) {
  const seen = outcome();
  const endAt = performance.now() + forSeconds * 1000;
  const work = async () => {
    while (performance.now() < endAt) await record(seen, act);
  };
  await Promise.all(Array.from({ length: workers }, work));
  return { ...seen, seconds: forSeconds };
}

/** Begins so many a second, whatever becomes of them, as long as there are clients. */
async function openLoop(perSecond, forSeconds, act, bridge) {
  const seen = outcome();
  const startedAt = performance.now();
  const pending = new Set();
  let begun = 0;
  let due = 0;
  let lastMs = 0;
  let mostBytes = 0;
  for (let ms = 0; ms < forSeconds * 1000; ms = performance.now() - startedAt) {
    for (due += ((ms - lastMs) / 1000) * perSecond, lastMs = ms; due >= 1; due--) {
      if (pending.size >= clients) continue;
      begun += 1;
      const one = record(seen, act).finally(() => pending.delete(one));
      pending.add(one);
    }
    mostBytes = Math.max(mostBytes, bridge.residentBytes());
    await pause(5);
  }
  const tookMs = performance.now() - startedAt;
  await Promise.all(pending);
  return { ...seen, mostBytes, offered: (begun / tookMs) * 1000, seconds: tookMs / 1000 };
}

/** How long it takes until ten in a row are served in less than twice the time that one takes in quiet. */
async function backToNormal(act, quietMs) {
  const startedAt = performance.now();
  let normalAt = startedAt;
  for (let run = 0; run < 10;) {
    const seen = outcome();
    await record(seen, act);
    if (seen.served.length === 1 && seen.served[0] < 2 * quietMs) run += 1;
    else run = 0;
    if (run === 0) normalAt = performance.now();
    if (normalAt - startedAt > 60_000) break;
  }
  return normalAt - startedAt;
}

/** Milliseconds of what was served, and of what was refused. */
function outcome() {
  return { served: [], refused: [], wrong: [] };
}

async function record(seen, act) {
  try {
    const { status, retryAfter, ms, text } = await act();
    if (status === 200 && text.includes('"result"')) seen.served.push(ms);
    else if (status === 503 && Number(retryAfter) > 0) seen.refused.push(ms);
    else seen.wrong.push(`${status} ${text}`);
  } catch (error) {
    seen.wrong.push(error.message);
  }
}

/** A call of a tool that takes 100 ms, in one of these sessions. */
async function callsOf(url, count) {
  const ids = [];
  for (let n = 0; n < count; n++) ids.push((await post(url, initialize)).sessionId);
  let turn = 0;
  return () => post(url, call((turn += 1)), ids[turn % count]);
}

/** A session from beginning to end; the time is that of its beginning. */
async function session(url) {
  const opened = await post(url, initialize);
  if (opened.status !== 200) return opened;
  const { text, status } = await post(url, call(1), opened.sessionId);
  await send('DELETE', url, '', opened.sessionId);
  return { ...opened, text, status };
}

function call(id) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'sleep', arguments: { ms: 100 } } };
}

function post(url, message, sessionId) {
  return send('POST', url, JSON.stringify(message), sessionId);
}

function send(method, url, body, sessionId) {
  const startedAt = performance.now();
  const headers = {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(sessionId && { 'mcp-session-id': sessionId }),
  };
  return new Promise((resolve, reject) => {
    request(url, { method, agent, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.once('end', () => {
        resolve({
          status: response.statusCode,
          retryAfter: response.headers['retry-after'],
          sessionId: response.headers['mcp-session-id'],
          ms: performance.now() - startedAt,
          text,
        });
      });
    })
      .once('error', reject)
      .end(body);
  });
}

async function serve(config) {
  const file = path.join(folder, 'servers.yaml');
  writeFileSync(file, JSON.stringify({ listen: { port: 0 }, ...config }));
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const args = ['serve', '--config', file, '--allow-process', '--log-level', 'warn'];
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let said = '';
  const url = await new Promise((resolve) => {
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const found = /on (http:\S+)/.exec(said)?.[1];
      if (found && said.includes('✓ it is ready')) resolve(found);
    });
  });
  const residentBytes = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  return { url, residentBytes, stop: () => (child.kill('SIGTERM'), exited) };
}

function rateOf({ served, seconds: over }) {
  return served.length / over;
}

function quantile(all, share) {
  return [...all].sort((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))] ?? Number.NaN;
}

function spread(all) {
  if (all.length === 0) return '–';
  const [half, most, worst] = [0.5, 0.99, 1].map((share) => quantile(all, share).toFixed(1));
  return `${half} ms, 99 of 100 within ${most} ms, worst ${worst} ms`;
}

function mebi(bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function render(all) {
  return `# Figures of an overload

Measured by \`node bench/overload.mjs\`: the tool takes 100 ms; ${factor} times the peak is offered for ${seconds} s; clients, bridge and servers share
${cpus().length} cores, Node ${process.versions.node}. Read the ratios: absolute times are this machine's, and those of the clients are in them.

| what | |
| --- | --- |
${all.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}
`;
}
