// Memory of each bridge, fresh: at rest; after some work, for which any program takes memory that it keeps; and with
// sessions that do nothing, which is counted from there.
import { setTimeout as pause } from 'node:timers/promises';
import { memoryOf } from './process-facts.mjs';
import { start } from './targets.mjs';
import { figure, megabytes } from './text.mjs';

const settleMs = 500;
const work = { sessions: 16, inFlight: 4, kind: { tool: 'echo' }, forMs: 2000 };

/** @param {import('./calls-section.mjs').Around} around */
export async function measureMemory(around) {
  const { crew, pace } = around;
  const figures = {};
  const rows = [];
  for (const name of ['ideal', 'gangway', 'supergateway', 'mcp-proxy'].filter(around.isMeant)) {
    const target = await start(name, around);
    const key = `memory ${name}`;
    try {
      const found = await measure(crew, target, key, pace.idleSessions);
      figures[name] = found;
      const { restBytes, workedBytes, idleBytes, perSessionBytes, launcherBytes } = found;
      const launcher = launcherBytes === undefined ? '-' : megabytes(launcherBytes);
      rows.push([
        name,
        megabytes(restBytes),
        megabytes(workedBytes),
        ...idleBytes.map(megabytes),
        `${figure(perSessionBytes / 1000)} KB`,
        launcher,
      ]);
    } catch (error) {
      rows.push([name, error.message]);
    } finally {
      await crew.tell('close', { key, atOnce: 32 });
      await target.stop();
    }
  }
  const columns = [
    '',
    'at rest',
    'after work',
    ...pace.idleSessions.map((count) => `${count} sessions`),
    'per session',
    'its launcher',
  ];
  return { tables: [{ title: 'Memory of the bridge (RSS)', columns, rows }], figures };
}

async function measure(crew, { at, pid, launcherPid }, key, counts) {
  await pause(settleMs);
  const restBytes = memoryOf(pid).nowBytes;
  await doSomeWork(crew, at, `${key} work`);
  await pause(settleMs);
  const workedBytes = memoryOf(pid).nowBytes;
  const idleBytes = [];
  for (const sessions of counts) {
    await crew.tell('open', { key, at, sessions, atOnce: 8 });
    await pause(settleMs);
    idleBytes.push(memoryOf(pid).nowBytes);
  }
  const [perFreshSessionBytes, perSessionBytes] = [restBytes, workedBytes].map(
    (before) => (idleBytes.at(-1) - before) / counts.at(-1),
  );
  const launcherBytes = launcherPid === undefined ? undefined : memoryOf(launcherPid).nowBytes;
  return { restBytes, workedBytes, idleBytes, perFreshSessionBytes, perSessionBytes, launcherBytes };
}

async function doSomeWork(crew, at, key) {
  const { sessions, inFlight, kind, forMs } = work;
  await crew.tell('open', { key, at, sessions });
  const { fault } = await crew.tell('prepare', { key, sessions, inFlight, kind });
  if (fault !== undefined) throw new Error(fault);
  await crew.tell('go', { forMs });
  await crew.tell('close', { key, atOnce: 32 });
}
