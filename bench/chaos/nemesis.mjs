// Does harm, and writes down what it did.
import { setTimeout as pause } from 'node:timers/promises';
import { Session } from './session.mjs';

/**
 * @typedef {object} Around
 * @property {import('./bridge.mjs').Bridge} bridge
 * @property {import('./engine.mjs').Engine} engine
 * @property {import('./history.mjs').History} history
 * @property {() => number} now
 * @property {string} url
 * @property {string} instance
 * @property {number} limitMs
 * @property {number} restMs between two faults, on average
 * @property {import('./dockerd.mjs').Dockerd} [daemon] an engine of our own, which may be harmed, too
 */

/** @type {{ kind: string, weight: number, freezes?: boolean, do: (target: import('./history.mjs').Listed, around: Around, random: import('./random.mjs').Random) => Promise<void | (() => Promise<void>)> }[]} */
const containerFaults = [
  { kind: 'server process killed', weight: 4, do: async ({ name }, { engine }) => kill(await engine.serverPid(name)) },
  { kind: 'engine kill', weight: 3, do: async ({ name }, { engine }) => void (await engine.ask('kill', name)) },
  {
    kind: 'removed by hand',
    weight: 2,
    do: async ({ name }, { engine }) => void (await engine.ask('rm', '--force', name)),
  },
  { kind: 'client of the engine killed', weight: 3, do: async ({ name }, { engine }) => kill(engine.clientPid(name)) },
  { kind: 'conmon or shim killed', weight: 3, do: async ({ name }, { engine }) => kill(await engine.monitorPid(name)) },
  {
    kind: 'paused for good',
    weight: 2,
    freezes: true,
    do: async ({ name }, { engine }) => void (await engine.ask('pause', name)),
  },
  {
    ...{ kind: 'paused for a while', weight: 3, freezes: true },
    do: async ({ name }, { engine }, random) => {
      await engine.ask('pause', name);
      await pause(random.whole(200, 6000));
      // It may be gone by then.
      return async () => void (await engine.ask('unpause', name).catch(() => undefined));
    },
  },
  {
    ...{ kind: 'server process stopped for a while', weight: 2, freezes: true },
    do: async ({ name }, { engine }, random) => {
      const pid = await engine.serverPid(name);
      kill(pid, 'SIGSTOP');
      await pause(random.whole(200, 4000));
      return async () => kill(pid, 'SIGCONT');
    },
  },
];

/** Tools of the shared server that harm whoever shares it. */
const tools = ['die', 'exhaust', 'hang', 'babble', 'ramble', 'scream'];

/**
 * Harms containers until it is told to stop.
 *
 * @param {Around} around @param {import('./random.mjs').Random} random @param {AbortSignal} signal
 */
export async function runNemesis(around, random, signal) {
  const underWay = new Set();
  while (!signal.aborted) {
    await pause(random.between(0, 2 * around.restMs));
    if (!around.bridge.isUp) continue;
    // Few of the shared ones, which all use: a breaker that is open most of the time would prove nothing.
    const isCommon = random.chance(0.2);
    const fault =
      isCommon && random.chance(0.5)
        ? harmByTool(around, random)
        : harmContainer(around, random, isCommon ? 'common' : 'own');
    underWay.add(fault);
    void fault.finally(() => underWay.delete(fault));
  }
  await Promise.all(underWay);
}

/**
 * Harms the bridge, and brings it back: one SIGKILL and one SIGTERM, in turns, at even distances.
 *
 * @param {Around} around @param {number} count @param {number} distanceMs @param {AbortSignal} signal
 */
export async function harmBridge({ bridge, history, now }, count, distanceMs, signal) {
  for (let i = 0; i < count; i++) {
    await pause(distanceMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const ending = i % 2 === 0 ? 'SIGKILL' : 'SIGTERM';
    /** @type {import('./history.mjs').Fault} */
    const fault = { kind: `bridge: ${ending}`, scope: 'bridge', at: now(), doneAt: now(), freezes: false };
    history.faults.push(fault);
    await bridge.end(ending);
    fault.doneAt = now();
    await bridge.start();
    fault.until = now();
  }
}

/**
 * Kills the launcher of the bridge, with which all its servers are lost, at even distances.
 *
 * @param {Around} around @param {number} count @param {number} distanceMs @param {AbortSignal} signal
 */
export async function harmLauncher({ bridge, history, now }, count, distanceMs, signal) {
  for (let i = 0; i < count; i++) {
    await pause(distanceMs, undefined, { signal }).catch(() => undefined);
    const pid = (await bridge.launcher())?.pid;
    if (signal.aborted || !pid) return;
    /** @type {import('./history.mjs').Fault} */
    const fault = { kind: 'launcher killed', scope: 'engine', at: now(), doneAt: now(), freezes: false };
    history.faults.push(fault);
    kill(pid);
    const isBack = async () => ![pid, null, undefined].includes((await bridge.launcher())?.pid);
    while (now() < fault.at + 30_000 && !(await isBack())) await pause(25);
    fault.until = now();
  }
}

/** Kills or freezes the engine itself, which has to be one of our own, and brings it back. @param {Around} around @param {import('./random.mjs').Random} random */
export async function harmEngine({ daemon, history, now }, random) {
  const isKill = random.chance(0.5);
  /** @type {import('./history.mjs').Fault} */
  const fault = {
    kind: isKill ? 'engine killed' : 'engine frozen',
    scope: 'engine',
    at: now(),
    doneAt: now(),
    freezes: !isKill,
  };
  history.faults.push(fault);
  if (isKill) await daemon.restart(random.whole(500, 3000));
  else await daemon.freeze(random.whole(2000, 8000));
  fault.until = now();
}

async function harmContainer(around, random, server) {
  const { engine, history, now, instance } = around;
  const { kind, freezes = false, do: harm } = random.weighted(containerFaults);
  const listed = await engine.list(instance).catch(() => []);
  const target = random.one(listed.filter((each) => each.state === 'running' && each.server === server));
  if (!target) return;
  /** @type {import('./history.mjs').Fault} */
  const fault = { kind, scope: 'container', server, container: target.id, at: now(), doneAt: now(), freezes };
  history.faults.push(fault);
  try {
    const undo = await harm(target, around, random);
    fault.doneAt = now();
    await undo?.();
    if (undo) fault.until = now();
  } catch {
    // It was gone already.
    fault.kind = 'came too late';
  }
}

async function harmByTool({ history, now, url, limitMs }, random) {
  const tool = random.one(tools) ?? 'die';
  // What it sees of it is its own business: a history of its own.
  const session = new Session(
    { url, now, limitMs, history: { calls: [], sessions: [] } },
    0,
    'common',
    `nemesis.${now()}`,
  );
  if ((await session.open()).outcome !== 'answered') return;
  /** @type {import('./history.mjs').Fault} */
  const fault = {
    kind: `tool: ${tool}`,
    scope: 'server',
    server: 'common',
    at: now(),
    doneAt: now(),
    freezes: tool === 'hang',
  };
  history.faults.push(fault);
  await session.call(tool, {});
  fault.until = now();
  await session.delete();
}

function kill(pid, signal = 'SIGKILL') {
  if (!pid) throw new Error('gone');
  process.kill(pid, signal);
}
