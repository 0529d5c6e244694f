// All loads of calls, on targets that are started once, and the table of each as it comes.
import { callTable } from './call-table.mjs';
import { inTurns, warmUp } from './slices.mjs';
import { start } from './targets.mjs';

const warmUpMs = 1000;

/**
 * @typedef {import('./scenarios.mjs').Scenario & { series: Map<string, import('./slices.mjs').Series> }} Measured
 *
 * @param {Around} around @param {readonly import('./scenarios.mjs').Scenario[]} scenarios
 * @param {(table: import('./terminal.mjs').Table) => void} print
 * @returns {Promise<Measured[]>}
 */
export async function measureCalls(around, scenarios, print) {
  const { crew, pace } = around;
  const targets = new Map();
  const measured = [];
  try {
    for (const scenario of scenarios) {
      const names = scenario.targets.filter(around.isMeant);
      for (const name of names) if (!targets.has(name)) targets.set(name, await begin(name, around));
      const chosen = names.map((name) => targets.get(name));
      const series = await inTurns(crew, chosen, scenario, paceOf(scenario, pace));
      measured.push({ ...scenario, series });
      print(callTable({ ...scenario, series }));
    }
  } finally {
    for (const { name, stop } of targets.values()) {
      await crew.tell('close', { key: name });
      await stop();
    }
  }
  return measured;
}

/** Answers that take long need long slices, and fewer. */
function paceOf({ leastMs }, { rounds, sliceMs, slowRounds }) {
  return leastMs === undefined ? { rounds, sliceMs } : { rounds: slowRounds, sliceMs: leastMs };
}

/** Until V8 has compiled what a call needs. */
async function begin(name, around) {
  const target = await start(name, around);
  await warmUp(around.crew, target, { sessions: 4, inFlight: 4, kind: { tool: 'echo' } }, warmUpMs);
  return target;
}

/**
 * @typedef {object} Around what every measurement needs
 * @property {import('./crew.mjs').Crew} crew @property {string} folder for files
 * @property {readonly string[]} command of the echo server
 * @property {object} pace
 * @property {number} pace.rounds @property {number} pace.sliceMs of calls @property {number} pace.slowRounds of slow ones
 * @property {number} pace.setUpRounds @property {number} pace.setUps in each @property {number} pace.containerRounds
 * @property {number[]} pace.idleSessions @property {number} pace.starts @property {number} pace.startRounds
 * @property {number} pace.peakRounds
 * @property {(target: string) => boolean} isMeant
 */
