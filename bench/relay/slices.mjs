// Slices of load: each target in turn, several rounds; what a bridge has used is read before and after.
import { usageOf } from './process-facts.mjs';

/**
 * @typedef {object} Slice of one target in one round
 * @property {number} perSecond calls
 * @property {number} p50Ms @property {number} p99Ms
 * @property {number} [cpuUs] of the bridge, per call
 * @property {number} [systemCalls] of the bridge, per call: reads and writes
 * @property {number} faults answers that were wrong, or none
 *
 * @typedef {{ slices: Slice[], refusal?: string, faults: string[] }} Series of one target
 *
 * @typedef {object} Load
 * @property {number} sessions @property {number} inFlight calls of each session at once
 * @property {import('./calls.mjs').Kind} kind
 */

/**
 * @param {import('./crew.mjs').Crew} crew @param {readonly import('./targets.mjs').Target[]} targets @param {Load} load
 * @param {{ rounds: number, sliceMs: number }} pace
 * @returns {Promise<Map<string, Series>>} by the name of the target
 */
export async function inTurns(crew, targets, load, { rounds, sliceMs }) {
  const series = new Map(targets.map(({ name }) => [name, { slices: [], faults: [] }]));
  for (const target of targets) series.get(target.name).refusal = await warmUp(crew, target, load, sliceMs / 2);
  for (let round = 0; round < rounds; round++) {
    // Who comes first is not always the same.
    const order = targets.map((_, i) => targets[(i + round) % targets.length]);
    for (const target of order) {
      const { slices, faults, refusal } = series.get(target.name);
      if (refusal !== undefined) continue;
      const { slice, told } = await measure(crew, target, load, sliceMs);
      slices[round] = slice;
      faults.push(...told);
    }
  }
  return series;
}

/** Opens the sessions of a load and calls for so long. @returns why it cannot be measured */
export async function warmUp(crew, target, { sessions, inFlight, kind }, forMs) {
  try {
    await crew.tell('open', { key: target.name, at: target.at, sessions, atOnce: 4 });
    const { fault } = await crew.tell('prepare', { key: target.name, sessions, inFlight, kind });
    if (fault !== undefined) return fault;
    await crew.tell('go', { forMs });
    return undefined;
  } catch (error) {
    return error.message;
  }
}

async function measure(crew, target, { sessions, inFlight, kind }, sliceMs) {
  const { name, pid } = target;
  await crew.tell('prepare', { key: name, sessions, inFlight, kind });
  const before = pid === undefined ? undefined : usageOf(pid);
  const { calls, tookMs, p50Ms, p99Ms, faults, toldFaults } = await crew.tell('go', { forMs: sliceMs });
  const slice = { perSecond: (calls / tookMs) * 1000, p50Ms, p99Ms, faults };
  if (before) {
    const after = usageOf(pid);
    slice.cpuUs = (after.cpuNs - before.cpuNs) / 1000 / calls;
    slice.systemCalls = (after.calls - before.calls) / calls;
  }
  return { slice, told: toldFaults };
}
