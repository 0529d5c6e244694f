// Sessions of real containers on each engine that works here.
import { execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { median, ratioOf, spreadOf } from './statistics.mjs';
import { start } from './targets.mjs';
import { figure, times } from './text.mjs';

const image = process.env.IMAGE ?? 'docker.io/mcp/memory';
/** A container that is started by hand is taken to be up after this time. */
const upMs = 1500;
/** What was ended before is to be gone, and a warm container to be there. */
const pauseMs = 500;

/** @param {import('./calls-section.mjs').Around} around */
export async function measureContainers(around) {
  const tables = [];
  const figures = {};
  for (const engine of around.pace.containerRounds > 0 ? ['podman', 'docker'] : []) {
    const missing = whyNot(engine);
    if (missing === undefined) {
      const rounds = await measure(around, engine);
      tables.push(tableOf(engine, rounds));
      figures[engine] = { warmBeyondMs: beyond(rounds, 'gangway, warm', 'direct, already running') };
    } else tables.push({ title: `${engine}: ${missing}`, columns: [], rows: [] });
  }
  return { tables, figures };
}

function whyNot(engine) {
  try {
    execFileSync(engine, ['image', 'inspect', image], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `not here, or without ${image}`;
  }
}

async function measure(around, engine) {
  const { crew, folder, pace } = around;
  const command = [engine, 'run', '--rm', '-i', '--init', '--pull', 'never', image];
  const byHand = { folder, command };
  const inGangway = (warm) => ({ image, pull: 'never', pool: { warm } });
  const kinds = [
    { name: 'direct, already running', target: 'direct', restMs: upMs },
    { name: 'direct', target: 'direct' },
    { name: 'ideal', target: 'ideal' },
    { name: 'gangway, cold', target: 'gangway', entry: inGangway(0) },
    { name: 'gangway, warm', target: 'gangway', entry: inGangway(1) },
    { name: 'supergateway', target: 'supergateway' },
  ].filter(({ target }) => around.isMeant(target));
  const started = [];
  const rounds = new Map(kinds.map(({ name }) => [name, []]));
  try {
    for (const { name, target, entry, restMs } of kinds)
      started.push({ restMs, ...(await start(target, { ...byHand, engine }, entry)), name });
    await pause(pauseMs);
    for (let round = 0; round < pace.containerRounds; round++)
      for (const { name, at, restMs } of started)
        rounds.get(name).push(...(await crew.tell('cycle', { at, count: 1, restMs, pauseMs })));
  } finally {
    for (const { stop } of started) await stop();
  }
  return rounds;
}

function tableOf(engine, rounds) {
  const rows = [...rounds].map(([name, all]) => {
    const cells = [median(all), Math.min(...all), Math.max(...all)].map((ms) => figure(ms, 'ms'));
    return [name, ...cells, times(ratioOf(all, rounds.get('direct') ?? []))];
  });
  return {
    title: `Set-up of a session, containers of ${image} (${engine})`,
    columns: ['', 'initialize', 'best', 'worst', 'over direct'],
    rows,
  };
}

function beyond(rounds, name, under) {
  const differences = rounds.get(name)?.map((ms, i) => ms - rounds.get(under)?.[i]) ?? [];
  return spreadOf(differences.filter(Number.isFinite));
}
