// What must hold for the containers, at every sample.

/** @typedef {import('./history.mjs').History} History @typedef {import('./history.mjs').Sample} Sample @typedef {import('./history.mjs').Status} Status @typedef {{ rule: string, what: string }} Violation */

/** @param {History} history @returns {Violation[]} */
export function checkSamples(history) {
  const { samples, bounds } = history;
  const ghosts = new Lasting(bounds.noticed);
  const strays = new Lasting(bounds.stray);
  const found = samples.flatMap((sample) => [
    ...checkSlots(sample),
    ...checkStrangers(sample, history),
    ...ghosts.see(sample, findGhosts(sample, history), 'ghosts'),
    ...strays.see(sample, findStrays(sample), 'strays'),
    ...checkSwept(sample, history),
  ]);
  return [...found, ...checkWatched(history)];
}

/**
 * In one status, all of which is of one moment: every slot that is warm, leased, ready or draining holds a container,
 * one that is starting or retiring may, and nothing else does; and there are never more slots than `max`, but for one
 * that takes the place of a shared one.
 */
function checkSlots(sample) {
  return statuses(sample).flatMap(({ held, servers }) => {
    const all = Object.values(servers);
    const solid = sum(all, 'solid');
    const most = solid + sum(all, 'moving');
    const found =
      held >= solid && held <= most
        ? []
        : [at(sample, 'slots', `${held} containers are held for ${solid} to ${most} slots`)];
    for (const [name, slots] of Object.entries(servers)) {
      const cap = slots.max + (name === 'common' ? 1 : 0);
      if (slots.solid + slots.moving > cap)
        found.push(at(sample, 'cap', `${name} has ${slots.solid + slots.moving} slots, ${slots.max} are allowed`));
    }
    return found;
  });
}

/**
 * The engine has no container of ours without a slot: those at the moment before, and starts that began since. One that
 * the engine itself says it is removing is not counted.
 */
function checkStrangers(sample, history) {
  const { before, after } = sample;
  if (!before || !after || !sample.listed) return [];
  return Object.entries(before.servers).flatMap(([name, slots]) => {
    const most = slots.solid + slots.moving + after.servers[name].starts - slots.starts;
    const count = mine(sample, history, name).filter(({ state }) => state !== 'removing').length;
    return count <= most
      ? []
      : [at(sample, 'strangers', `the engine has ${count} containers of ${name} for ${most} slots`)];
  });
}

/** A slot whose container is gone. It may take a while to be noticed, and no longer. */
function findGhosts(sample, history) {
  const { before, after } = sample;
  if (!before || !after || !sample.listed) return undefined;
  return Object.entries(before.servers)
    .filter(([name, slots]) => Math.min(slots.solid, after.servers[name].solid) > mine(sample, history, name).length)
    .map(([name]) => `${name} has more slots than the engine has containers`);
}

/** A container that neither runs nor is paused is on its way in or out. */
function findStrays({ listed }) {
  return listed
    ?.filter(({ state }) => !['running', 'paused'].includes(state))
    .map(({ name, state }) => `${name} is ${state}`);
}

/** What a former life of the bridge left behind goes soon after the next one is ready. */
function checkSwept(sample, { lives, bounds }) {
  const life = lives[sample.life];
  if (!sample.listed || sample.at < (life.readyAt ?? Infinity) + bounds.swept) return [];
  const left = sample.listed.filter(({ owner }) => !isOf(owner, life));
  return left.map(({ name }) => at(sample, 'swept', `${name} is of a former life`));
}

/** Without samples nothing would be proven: one for every few seconds in which the bridge was up. */
function checkWatched({ samples, lives, chaosFrom, chaosUntil, bounds }) {
  const good = samples.filter(({ before, after, listed }) => before && after && listed).length;
  const upMs = lives.reduce((sum, { readyAt = Infinity, signalledAt = Infinity }) => {
    return sum + Math.max(0, Math.min(signalledAt, chaosUntil) - Math.max(readyAt, chaosFrom));
  }, 0);
  if (good >= Math.max(5, upMs / bounds.watched)) return [];
  return [{ rule: 'watched', what: `${good} good samples in ${Math.round(upMs / 1000)} s` }];
}

/** Things that may be, but not for long: each is known by its words. */
class Lasting {
  #limitMs;
  /** @type {Map<string, { since: number, isTold: boolean }>} */
  #known = new Map();

  constructor(limitMs) {
    this.#limitMs = limitMs;
  }

  /** @param {Sample} sample @param {string[] | undefined} now undefined when it could not be seen @param {string} rule */
  see(sample, now, rule) {
    if (!now) return [];
    for (const what of [...this.#known.keys()]) if (!now.includes(what)) this.#known.delete(what);
    return now.flatMap((what) => {
      const entry = this.#known.get(what) ?? { since: sample.at, isTold: false };
      this.#known.set(what, entry);
      const lasted = sample.at - entry.since;
      if (entry.isTold || lasted <= this.#limitMs) return [];
      entry.isTold = true;
      return [at(sample, rule, `${what} for ${Math.round(lasted)} ms`)];
    });
  }
}

/** Containers of this life and this server. @param {Sample} sample @param {History} history @param {string} server */
function mine(sample, { lives }, server) {
  return (sample.listed ?? []).filter((each) => each.server === server && isOf(each.owner, lives[sample.life]));
}

/** An owner is "SPACE.PID.START". */
function isOf(owner, life) {
  return owner.split('.')[1] === String(life.pid);
}

/** @param {Sample} sample @returns {Status[]} */
function statuses({ before, after }) {
  return [before, after].filter((status) => status !== undefined);
}

function sum(all, key) {
  return all.reduce((total, each) => total + each[key], 0);
}

/** @returns {Violation} */
function at(sample, rule, what) {
  return { rule, what: `at ${Math.round(sample.at)} ms: ${what}` };
}
