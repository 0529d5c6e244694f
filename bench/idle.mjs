// Whether a bridge that has little to do keeps its memory: many sessions, each of which calls once a minute.
//   node bench/idle.mjs [--sessions 200] [--minutes 60]
// Needs Linux and a build. Prints the memory of the bridge and of its launcher every minute, and what they gain an hour, by
// a straight line through the second half. Exit code 1 when an answer was wrong.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { echoServer } from './relay/install.mjs';
import { memoryOf } from './relay/process-facts.mjs';
import { start } from './relay/targets.mjs';

const { values } = parseArgs({
  options: { sessions: { type: 'string', default: '200' }, minutes: { type: 'string', default: '60' } },
});
const sessionCount = Number(values.sessions);
const minutes = Number(values.minutes);
const folder = mkdtempSync(path.join(tmpdir(), 'gangway-idle-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const { command } = echoServer(folder);
const bridge = await start('gangway', { folder, command }, { pool: { warm: 2, idleTimeout: '1h' } });
const { url } = bridge.at;
const sessions = [];
let faults = 0;
try {
  for (let i = 0; i < sessionCount; i++) sessions.push(await open(i));
  const samples = [sample(0)];
  for (let minute = 1; minute <= minutes; minute++) {
    await oneMinute();
    samples.push(sample(minute));
  }
  console.log(`wrong or no answers: ${faults}`);
  const late = samples.slice(Math.floor(samples.length / 2));
  for (const what of late.length > 1 ? ['bridge', 'launcher'] : [])
    console.log(`${what}: ${slope(late.map((one) => one[what])).toFixed(2)} MB per hour in the second half`);
} finally {
  await bridge.stop();
}
process.exitCode = faults === 0 ? 0 : 1;

/** All sessions call once, spread over the minute. */
async function oneMinute() {
  const endsAt = performance.now() + 60_000;
  for (const [i, session] of sessions.entries()) {
    const waitMs = endsAt - 60_000 + (60_000 * i) / sessions.length - performance.now();
    if (waitMs > 0) await pause(waitMs);
    await call(session);
  }
  await pause(Math.max(0, endsAt - performance.now()));
}

async function open(number) {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'idle', version: '1' } };
  const { headers } = await post({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
  const id = headers.get('mcp-session-id');
  await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, id);
  return { id, number, calls: 0 };
}

async function call(session) {
  session.calls += 1;
  const text = `${session.number}:${session.calls}`;
  const params = { name: 'echo', arguments: { text } };
  const response = await post({ jsonrpc: '2.0', id: session.calls, method: 'tools/call', params }, session.id);
  const answer = await response.json().catch(() => undefined);
  if (answer?.id !== session.calls || answer.result?.content?.[0]?.text !== text) faults += 1;
}

function post(message, session) {
  const headers = {
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    ...(session === undefined ? {} : { 'Mcp-Session-Id': session }),
  };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(message) });
}

function sample(minute) {
  const [ofBridge, ofLauncher] = [bridge.pid, bridge.launcherPid].map((pid) => memoryOf(pid).nowBytes / 1e6);
  console.log(`${minute} min: bridge ${ofBridge.toFixed(1)} MB, launcher ${ofLauncher.toFixed(1)} MB`);
  return { bridge: ofBridge, launcher: ofLauncher };
}

/** Of a straight line through one value a minute, per hour. */
function slope(ys) {
  const meanX = (ys.length - 1) / 2;
  const meanY = ys.reduce((sum, y) => sum + y, 0) / ys.length;
  const over = ys.reduce((sum, y, x) => sum + (x - meanX) * (y - meanY), 0);
  const under = ys.reduce((sum, _y, x) => sum + (x - meanX) ** 2, 0);
  return (over / under) * 60;
}
