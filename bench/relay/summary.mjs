// What is asked of Gangway, and what was measured: always a ratio of the same round, or a figure that noise cannot change much.
import { ratio, shareOfPossible } from './call-table.mjs';
import { spreadOf } from './statistics.mjs';

/**
 * @typedef {object} Goal
 * @property {string} what
 * @property {number} floor what it is at least to reach @property {number} aim
 * @property {boolean} [isMore] more is better
 * @property {string} unit
 * @property {import('./statistics.mjs').Spread | undefined} found
 */

const loaded = ['1x16', '16x1', '64x4'];

/** @param {{ calls: import('./calls-section.mjs').Measured[], figures: Record<string, any> }} results @returns {Goal[]} those that were measured */
export function summary({ calls, figures }) {
  const load = (name) => calls.find((each) => each.name === name);
  const goals = [
    ...loaded.map((name) => overIdeal(load(name), 1.25, 1)),
    overIdeal(load('1x1'), 1.4, 1.15),
    overIdeal(load('10k'), 1.25, 1),
    overIdeal(load('1m'), 0.35, 0.2),
    ...loaded.map((name) => economy(load(name), 'supergateway', 8, 14)),
    ...loaded.map((name) => economy(load(name), 'mcp-proxy', 7, 10)),
    ...betterPeer(load('64x4')),
    shared(load('shared-1x64')),
    shared(load('shared-64x1')),
    slow(load('slow')),
    ...systemCalls(load('16x1')),
    held(figures.starts),
    ...besideStarts(figures.starts),
    ...memory(figures.memory),
    ...warm(figures),
    ...peaks(figures.peaks),
  ];
  return goals.filter((goal) => goal?.found !== undefined);
}

/** @param {Goal} goal @returns {'aim' | 'floor' | 'missed'} */
export function verdictOf({ floor, aim, isMore, found }) {
  const reaches = (bound) => (isMore ? found.median >= bound : found.median <= bound);
  if (reaches(aim)) return 'aim';
  return reaches(floor) ? 'floor' : 'missed';
}

function overIdeal(measured, floor, aim) {
  if (!measured) return undefined;
  const found = ratio(measured, 'gangway', 'ideal', 'cpuUs');
  return { what: `CPU per call over the ideal relay, ${measured.name}`, floor, aim, unit: '×', found };
}

function economy(measured, peer, floor, aim) {
  if (!measured) return undefined;
  const found = ratio(measured, peer, 'gangway', 'cpuUs');
  return {
    what: `CPU per call of ${peer} over Gangway’s, ${measured.name}`,
    floor,
    aim,
    isMore: true,
    unit: '×',
    found,
  };
}

/** Throughput and p99 beside the peer that is better at it. */
function betterPeer(measured) {
  if (!measured) return [];
  const peers = ['supergateway', 'mcp-proxy'];
  const least = (ratios) => ratios.filter(Boolean).sort((a, b) => a.median - b.median)[0];
  const rate = least(peers.map((peer) => ratio(measured, 'gangway', peer, 'perSecond')));
  const p99 = least(peers.map((peer) => ratio(measured, peer, 'gangway', 'p99Ms')));
  const { name } = measured;
  return [
    { what: `calls per second over the better peer, ${name}`, floor: 5, aim: 8, isMore: true, unit: '×', found: rate },
    { what: `p99 of the better peer over Gangway’s, ${name}`, floor: 4, aim: 7, isMore: true, unit: '×', found: p99 },
  ];
}

function shared(measured) {
  if (!measured) return undefined;
  const found = ratio(measured, 'gangway-shared', 'gangway', 'cpuUs');
  const what = `CPU per call of a shared server over a session’s own, ${measured.sessions}x${measured.inFlight}`;
  return { what, floor: 1.25, aim: 1.1, unit: '×', found };
}

function slow(measured) {
  if (!measured) return undefined;
  const found = shareOfPossible(measured, 'gangway');
  return {
    what: '512 slow calls in flight, share of the possible',
    floor: 85,
    aim: 95,
    isMore: true,
    unit: ' %',
    found,
  };
}

function systemCalls(measured) {
  const slices = measured?.series.get('gangway')?.slices;
  if (!slices) return [];
  const found = spreadOf(slices.map((slice) => slice.systemCalls));
  return [{ what: 'read and write calls per call, 16x1', floor: 4.1, aim: 4, unit: '', found }];
}

function held(starts) {
  if (!starts?.held) return undefined;
  const { bytes, launchMs } = starts.held;
  const what = `event loop stopped by a session start, bridge at ${Math.round(bytes / 1e6)} MB`;
  return { what, floor: 2, aim: 0.5, unit: ' ms', found: launchMs };
}

/** How much longer than without them a call of another session takes while sessions are started. */
function besideStarts(found = {}) {
  return ['gangway', 'gangway, large'].flatMap((name) => {
    if (!found[name]) return [];
    const { rounds, bytes } = found[name];
    const what = `p99 of a session’s calls while others start, beyond that without, bridge at ${Math.round(bytes / 1e6)} MB`;
    const differences = rounds.map(({ busy, quiet }) => busy.p99Ms - quiet.p99Ms);
    return [{ what, floor: 2, aim: 0.5, unit: ' ms', found: spreadOf(differences) }];
  });
}

function memory(found) {
  if (!found?.gangway) return [];
  const { restBytes, perFreshSessionBytes, perSessionBytes } = found.gangway;
  const perSession = (on, bytes) => {
    const what = `memory per idle session, on top of a bridge ${on}`;
    return { what, floor: 30, aim: 15, unit: ' KB', found: spreadOf([bytes / 1e3]) };
  };
  return [
    { what: 'memory at rest', floor: 90, aim: 75, unit: ' MB', found: spreadOf([restBytes / 1e6]) },
    perSession('that has just started', perFreshSessionBytes),
    perSession('that has worked', perSessionBytes),
  ];
}

function warm({ setup, containers = {} }) {
  const all = [['plain process', setup], ...Object.entries(containers)];
  return all.map(([name, figures]) => {
    const what = `\`initialize\` from the warm pool, beyond the server’s own answer (${name})`;
    return { what, floor: 2, aim: 0.5, unit: ' ms', found: figures?.warmBeyondMs };
  });
}

function peaks(found) {
  if (!found?.gangway) return [];
  return found.gangway.map(({ peak, size }) => {
    const what = `peak memory during an answer of ${size} MiB, over its size`;
    return { what, floor: 4, aim: 2.5, unit: '×', found: peak };
  });
}
