// A load of calls as a table: each target, and what the bridges cost beside the ideal relay.
import { slowMs } from './scenarios.mjs';
import { median, ratioOf, spreadOf } from './statistics.mjs';
import { figure, times } from './text.mjs';

const columns = ['', 'calls/s', 'p50', 'p99', 'CPU per call', 'CPU over ideal', 'reads and writes per call'];

/** @param {import('./calls-section.mjs').Measured} measured @returns {import('./terminal.mjs').Table} */
export function callTable(measured) {
  const { name, what, series } = measured;
  const rows = [...series].map(([target, { slices, refusal }]) => {
    if (refusal !== undefined) return [target, refusal];
    const of = (key) => median(slices.map((slice) => slice[key]));
    const cpu = times(cpuRatio(measured, target, 'ideal'));
    const [p50, p99] = [of('p50Ms'), of('p99Ms')].map((ms) => figure(ms, 'ms'));
    return [target, of('perSecond').toFixed(0), p50, p99, figure(of('cpuUs'), 'us'), cpu, figure(of('systemCalls'))];
  });
  const faults = [...series].flatMap(([target, all]) => [...new Set(all.faults)].map((fault) => `${target}: ${fault}`));
  return { title: `${name}: ${what}`, columns, rows, notes: [...faults, ...shares(measured)] };
}

/** CPU per call of one target over that of another. @param {import('./calls-section.mjs').Measured} measured */
export function cpuRatio(measured, target, under) {
  return ratio(measured, target, under, 'cpuUs');
}

/**
 * @param {import('./calls-section.mjs').Measured} measured @param {string} over @param {string} under
 * @param {'cpuUs' | 'perSecond' | 'p99Ms' | 'systemCalls'} key
 */
export function ratio({ series }, over, under, key) {
  const of = (name) => (series.get(name)?.slices ?? []).map((slice) => slice[key]);
  return ratioOf(of(over), of(under));
}

/** Of the calls that so many callers of a slow tool could make, how many were. @returns {import('./statistics.mjs').Spread | undefined} */
export function shareOfPossible({ series, sessions, inFlight }, target) {
  const possible = (sessions * inFlight * 1000) / slowMs;
  return spreadOf((series.get(target)?.slices ?? []).map(({ perSecond }) => (100 * perSecond) / possible));
}

function shares(measured) {
  if (measured.kind.tool !== 'slow') return [];
  const all = [...measured.series.keys()].map((target) => [target, shareOfPossible(measured, target)]);
  const told = all.filter(([, share]) => share).map(([target, { median }]) => `${target} ${figure(median)} %`);
  return [`of the possible: ${told.join(', ')}`];
}
