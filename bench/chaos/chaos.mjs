// One run on one engine, from an empty machine to an empty machine.
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Bridge, freePort } from './bridge.mjs';
import { runClient } from './client.mjs';
import { Dockerd } from './dockerd.mjs';
import { Engine } from './engine.mjs';
import { harmBridge, harmEngine, harmLauncher, runNemesis } from './nemesis.mjs';
import { commandLines, usageOf } from './processes.mjs';
import { Random } from './random.mjs';
import { runSampler } from './sampler.mjs';
import { Session } from './session.mjs';
import { boundsFor, configuration } from './settings.mjs';

/**
 * @typedef {object} Options
 * @property {number} seconds @property {number} clients @property {number} seed
 * @property {number} thinkMs between two calls of a client, on average
 * @property {number} restMs between two faults, on average
 * @property {number} patience how many times as long as usual the machine may take
 * @property {boolean} hasOwnDaemon
 * @property {(line: string) => void} say
 */

/**
 * @param {'podman' | 'docker'} kind @param {Options} options
 * @returns {Promise<{ history: import('./history.mjs').History, folder: string }>} `folder` holds the bridge's log
 */
export async function runChaos(kind, options) {
  const folder = mkdtempSync(path.join(tmpdir(), `gangway-chaos-${kind}-`));
  const daemon = kind === 'docker' && options.hasOwnDaemon ? new Dockerd(folderFor(folder, 'dockerd')) : undefined;
  await daemon?.start();
  try {
    return { folder, history: await run(kind, options, folder, daemon) };
  } finally {
    await daemon?.stop();
    if (daemon) rmSync(path.join(folder, 'dockerd'), { recursive: true, force: true });
  }
}

async function run(kind, { seconds, clients, seed, thinkMs, restMs, patience, say }, folder, daemon) {
  const startedAt = performance.now();
  const now = () => performance.now() - startedAt;
  const environment = daemon?.environment ?? process.env;
  const engine = new Engine(kind, environment);
  const port = await freePort();
  const runId = randomUUID();
  const file = path.join(folder, 'servers.yaml');
  writeFileSync(file, JSON.stringify(configuration(port, clients, runId), undefined, 2));

  /** @type {import('./history.mjs').History} */
  const history = {
    run: { engine: kind, seed, seconds, clients, ...(await facts(engine)) },
    bounds: boundsFor(patience),
    ...{ chaosFrom: 0, chaosUntil: 0, calls: [], sessions: [], faults: [], lives: [], samples: [] },
  };
  const url = `http://127.0.0.1:${port}`;
  const bridge = new Bridge({
    url,
    file,
    logFile: path.join(folder, 'bridge.log'),
    engine: kind,
    environment,
    history,
    now,
  });
  await bridge.start();
  const { instance = '' } = (await bridge.status()) ?? {};
  const around = { bridge, engine, history, now, url, instance, daemon, thinkMs, restMs, limitMs: 90_000 };
  try {
    const restBefore = await rest(around);
    const sampling = new AbortController();
    const sampler = runSampler(around, sampling.signal);
    say(`${kind}: bridge ${history.lives[0]?.pid} at ${url}, log in ${folder}`);
    await storm(around, seconds * 1000, clients, new Random(seed));
    say(`${kind}: the nemesis has stopped`);
    await rollCall(around);
    const restAfter = await rest(around);
    sampling.abort();
    await sampler;
    await bridge.end('SIGTERM');
    history.end = { restBefore, restAfter, ...(await left(around, runId)) };
  } finally {
    await bridge.end('SIGKILL');
    await removeAll(around);
  }
  return history;
}

/** Clients, and all that is done to them. The bridge is harmed in the first part only, so that its last life is long. */
async function storm(around, forMs, clients, random) {
  const { history, now, daemon } = around;
  const over = new AbortController();
  // Clients go on for a moment without a nemesis.
  const calm = new AbortController();
  const crowd = Array.from({ length: clients }, (_, i) => runClient(i + 1, around, random.fork(), over.signal));
  history.chaosFrom = now();
  const firstPartMs = 0.4 * forMs;
  const restarts = Math.max(2, Math.floor(firstPartMs / 60_000));
  const harm = [
    runNemesis(around, random.fork(), calm.signal),
    harmBridge(around, restarts, firstPartMs / (restarts + 1), calm.signal),
  ];
  harm.push(launcherStorm(around, forMs, calm.signal));
  if (daemon) harm.push(engineStorm(around, random.fork(), calm.signal));
  const harmed = Promise.all(harm);
  // A bridge that does not come back ends the run.
  await Promise.race([pause(forMs), new Promise((_, fail) => void harmed.catch(fail))]);
  calm.abort();
  await harmed;
  history.chaosUntil = now();
  await pause(2000);
  over.abort();
  await Promise.all(crowd);
}

async function engineStorm(around, random, signal) {
  for (;;) {
    await pause(random.whole(20_000, 60_000), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    if (around.bridge.isUp) await harmEngine(around, random);
  }
}

/** In the second part, in which the bridge itself is left alone. */
async function launcherStorm(around, forMs, signal) {
  const [partMs, count] = [0.5 * forMs, Math.max(1, Math.floor((0.5 * forMs) / 60_000))];
  await pause(0.4 * forMs, undefined, { signal }).catch(() => undefined);
  if (!signal.aborted) await harmLauncher(around, count, partMs / (count + 1), signal);
}

/** Each server has to answer again, some time soon. */
async function rollCall(around) {
  for (const server of /** @type {const} */ (['own', 'common'])) {
    const giveUpAt = around.now() + 90_000;
    for (let attempt = 1; around.now() < giveUpAt; attempt++) {
      const session = new Session(around, 0, server, `0.${server}${attempt}`);
      const opening = await session.open();
      const call = opening.outcome === 'answered' ? await session.call('echo', {}) : opening;
      await session.delete();
      if (call.outcome === 'answered') break;
      await pause(500);
    }
  }
}

/** Waits until no session is left and the pools are as they are with nobody there. @returns {Promise<import('./history.mjs').Rest>} */
async function rest({ bridge, now }) {
  const giveUpAt = now() + 60_000;
  for (;;) {
    const status = await bridge.status();
    const { own, common } = status?.servers ?? {};
    const isAtRest =
      status?.sessions === 0 && own?.solid === 2 && common?.solid === 1 && own.moving + common.moving === 0;
    // The engine's last words, and connections that are being closed.
    if (isAtRest) await pause(3000);
    const usage = usageOf(bridge.life?.pid ?? 0);
    if ((isAtRest || now() > giveUpAt) && usage) return { at: now(), ...usage, containers: status?.held ?? 0 };
    await pause(200);
  }
}

/** What is left although the bridge has ended. */
async function left({ engine, instance, history }, runId) {
  const seen = new Set(
    history.samples.flatMap(({ listed }) => listed?.flatMap(({ id, name }) => [id, name || id]) ?? []),
  );
  const isOurs = (word) => word.includes(runId) || [...seen].some((each) => word.includes(each));
  // What the bridge has ended may need a moment to be gone from the list of processes.
  let processes;
  for (let attempt = 0; attempt < 10; attempt++) {
    processes = commandLines().filter(({ words }) => words.some(isOurs) && !words.includes('dockerd'));
    if (processes.length === 0) break;
    await pause(200);
  }
  const containers = (await engine.list(instance)).map(({ name, state }) => `${name} (${state})`);
  return { containers, processes: processes.map(({ pid, words }) => `${pid} ${words.join(' ').slice(0, 200)}`) };
}

/** After a run that failed: nothing stays behind. */
async function removeAll({ engine, instance }) {
  const names = (await engine.list(instance).catch(() => [])).map(({ name }) => name);
  if (names.length > 0) await engine.ask('rm', '--force', ...names).catch(() => undefined);
}

async function facts(engine) {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const format = engine.kind === 'podman' ? '{{.Client.Version}}' : '{{.Server.Version}}';
  return {
    version,
    engineVersion: `${engine.kind} ${await engine.ask('version', '--format', format)}`,
    ...{ node: process.versions.node, cores: cpus().length, startedOn: new Date().toISOString().slice(0, 10) },
  };
}

function folderFor(folder, name) {
  const made = path.join(folder, name);
  mkdirSync(made);
  return made;
}
