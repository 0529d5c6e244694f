// What a call of 2026-07-28 costs on a legacy server that many share, beside a call in a session on the same server:
//   node bench/modern.mjs [--calls 2000] [--at-once 16] [--rounds 10]
// Needs a build (`npm start -- --version`). The two take turns on one bridge; ratios are of one run.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const options = { calls: '2000', 'at-once': '16', rounds: '10' };
const { values } = parseArgs({
  options: Object.fromEntries(
    Object.entries(options).map(([name, preset]) => [name, { type: 'string', default: preset }]),
  ),
});
const [calls, atOnce, rounds] = [values.calls, values['at-once'], values.rounds].map(Number);
const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'gangway-modern-'));
const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
const accept = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' };
let lastId = 0;
const claim = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

const bridge = await serve();
try {
  await main();
} finally {
  bridge.kill();
  agent.destroy();
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const sessions = await Promise.all(Array.from({ length: atOnce }, openSession));
  const ways = {
    session: (i) => post(tool({}), { 'Mcp-Session-Id': sessions[i], 'MCP-Protocol-Version': '2025-11-25' }),
    modern: () => post(tool(claim), { ...mirrors('tools/call'), 'Mcp-Name': 'echo' }),
  };
  for (const way of Object.values(ways)) await slice(way, calls);
  const slices = { session: [], modern: [] };
  for (let round = 0; round < rounds; round++)
    for (const [name, way] of Object.entries(ways)) slices[name].push(await slice(way, calls));
  const status = JSON.parse((await send('GET', '/status', undefined, {})).text);
  const { pool } = status.servers.echo;
  const [legacy, modern] = [slices.session, slices.modern].map(summary);
  console.log(`${calls} calls, ${atOnce} at once, ${rounds} rounds in turns; medians`);
  console.log(`session  ${text(legacy)}`);
  console.log(`modern   ${text(modern)}`);
  const ratio = (key) => median(slices.modern.map((slice, i) => slice[key] / slices.session[i][key])).toFixed(2);
  console.log(`ratio    time per call ${ratio('ms')}, CPU ${ratio('cpuUs')} (medians of the ratios of each round)`);
  console.log(
    `containers: ${pool.ready} ready of ${pool.max}, started ${pool.started ?? '?'}; rounds waiting ${status.rounds}`,
  );
}

function mirrors(method) {
  return { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method };
}

function tool(meta) {
  return {
    jsonrpc: '2.0',
    id: ++lastId,
    method: 'tools/call',
    params: { name: 'echo', arguments: { text: 'hello' }, _meta: meta },
  };
}

async function openSession() {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } };
  const answer = await post({ jsonrpc: '2.0', id: ++lastId, method: 'initialize', params }, {});
  const id = answer.headers['mcp-session-id'];
  await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, { 'Mcp-Session-Id': id });
  return id;
}

/** @returns time per call as each client saw it, and processor time of the bridge per call */
async function slice(way, count) {
  const cpu = cpuUs();
  let left = count;
  let totalMs = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async (_, i) => {
      while (left-- > 0) {
        const at = performance.now();
        const { text: body, status } = await way(i);
        if (status !== 200 || !body.includes('hello')) throw new Error(`${status} ${body.slice(0, 300)}`);
        totalMs += performance.now() - at;
      }
    }),
  );
  return {
    ms: totalMs / count,
    cpuUs: (cpuUs() - cpu) / count,
    perSecond: (1000 * count) / (performance.now() - began),
  };
}

function summary(list) {
  const of = (key) => median(list.map((each) => each[key]));
  return { ms: of('ms'), cpuUs: of('cpuUs'), perSecond: of('perSecond') };
}

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function text({ ms, cpuUs, perSecond }) {
  return `${ms.toFixed(2)} ms per call, ${cpuUs.toFixed(0)} µs of the bridge, ${perSecond.toFixed(0)} calls per second`;
}

function cpuUs() {
  const fields = readFileSync(`/proc/${bridge.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  // In ticks of a hundredth of a second.
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function post(message, headers) {
  return send('POST', '/echo/mcp', JSON.stringify(message), { ...accept, ...headers });
}

function send(method, at, body, headers) {
  return new Promise((resolve, reject) => {
    const sent = request(`${bridge.url}${at}`, { method, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function serve() {
  const file = path.join(folder, 'servers.yaml');
  const echo = { command: [process.execPath, here('./echo.mjs')], sharing: 'shared', pool: { min: 1, max: 4 } };
  writeFileSync(file, JSON.stringify({ listen: { port: 0 }, servers: { echo } }));
  const child = spawn(process.execPath, [here('../dist/main.js'), 'serve', '--config', file, '--allow-process'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  process.once('exit', () => child.kill());
  let said = '';
  const url = await new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the bridge ended: ${said}`)));
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const [, found] = /^Gangway \S+ on (\S+)/m.exec(said) ?? [];
      if (found && /^✓ echo/m.test(said)) resolve(found);
    });
  });
  return { url, pid: child.pid, kill: () => child.kill() };
}
