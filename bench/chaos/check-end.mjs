// What must hold for the bridge itself, and when all is over.
import { growth } from './figures.mjs';

/** @typedef {import('./history.mjs').History} History @typedef {{ rule: string, what: string }} Violation */

/** @param {History} history @returns {Violation[]} */
export function checkEnd(history) {
  return [
    ...history.lives.flatMap((life, i) => checkLife(life, i, history.bounds)),
    ...checkLeft(history),
    ...checkRest(history),
    ...checkGrowth(history),
  ];
}

/** It never ends by itself, and SIGTERM ends it in order. @param {import('./history.mjs').Life} life */
function checkLife({ signal, signalledAt, exitedAt, exit }, i, { drained }) {
  if (signal === undefined) return [{ rule: 'orderly', what: `life ${i + 1} of the bridge ended by itself: ${exit}` }];
  if (signal === 'SIGKILL') return [];
  const took = (exitedAt ?? Infinity) - (signalledAt ?? 0);
  if (exit === 0 && took <= drained) return [];
  return [
    { rule: 'orderly', what: `life ${i + 1} of the bridge ended with ${exit}, ${Math.round(took)} ms after SIGTERM` },
  ];
}

/** @param {History} history */
function checkLeft({ end }) {
  if (!end) return [{ rule: 'nothing-left', what: 'the run has no end' }];
  const what = [
    ...end.containers.map((name) => `container ${name}`),
    ...end.processes.map((line) => `process ${line}`),
  ];
  return what.map((each) => ({ rule: 'nothing-left', what: `${each} is left` }));
}

/** At rest, after all that, it is what it was before. @param {History} history */
function checkRest({ end, bounds }) {
  if (!end) return [];
  const { restBefore: before, restAfter: after } = end;
  const found = [];
  if (after.containers !== before.containers)
    found.push({ rule: 'at-rest', what: `${after.containers} containers at rest, ${before.containers} before` });
  if (after.fds > before.fds + bounds.descriptors)
    found.push({ rule: 'at-rest', what: `${after.fds} descriptors at rest, ${before.fds} before` });
  const mebibytes = (after.rss - before.rss) / 2 ** 20;
  if (mebibytes > bounds.growth)
    found.push({ rule: 'at-rest', what: `${mebibytes.toFixed(0)} MiB more at rest than before` });
  return found;
}

/** In the last life of the bridge, when it was long enough to tell. @param {History} history */
function checkGrowth(history) {
  const lines = growth(history);
  if (!lines) return [];
  const mebibytes = (lines.rss.slope * lines.ms) / 2 ** 20;
  const descriptors = lines.fds.slope * lines.ms;
  const found = [];
  if (mebibytes > history.bounds.growth / 2)
    found.push({ rule: 'steady', what: `memory grew by ${mebibytes.toFixed(1)} MiB under load` });
  if (descriptors > 2 * history.bounds.descriptors)
    found.push({ rule: 'steady', what: `descriptors grew by ${descriptors.toFixed(1)} under load` });
  return found;
}
