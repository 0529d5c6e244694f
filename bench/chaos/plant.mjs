// Faults that Gangway must never have, put into a history: a checker that does not find them proves nothing.

/** @typedef {import('./history.mjs').History} History */

const answered = ({ calls }, server) => {
  const call = calls.find(
    (each) => each.server === server && each.tool !== 'initialize' && each.outcome === 'answered',
  );
  if (!call) throw new Error(`No call of "${server}" was answered`);
  return call;
};

const otherAnswered = ({ calls }, { session, server }) =>
  calls.find(
    (each) =>
      each.server === server && each.session !== session && each.tool !== 'initialize' && each.outcome === 'answered',
  );

/** The last answered call of a server in a session to which nothing was done, and which is not over yet. */
const untouched = ({ calls, sessions, faults, lives }, server) => {
  const harmed = new Set(faults.map(({ container }) => container));
  const young = new Map(
    sessions
      .filter(
        ({ openedAt, container }) =>
          openedAt > lives.at(-1).readyAt && (container === undefined || !harmed.has(container)),
      )
      .map((session) => [session.key, session]),
  );
  return calls.findLast(
    (call) =>
      call.server === server &&
      call.tool === 'echo' &&
      call.outcome === 'answered' &&
      young.has(call.session) &&
      call.endedAt < (young.get(call.session).deletedAt ?? Infinity) &&
      call.endedAt < lives.at(-1).signalledAt,
  );
};

/** From the middle of the last life on. */
const later = ({ samples, lives }) => {
  const ofLast = samples.filter(({ life, listed }) => life === lives.length - 1 && listed);
  return ofLast.slice(Math.floor(ofLast.length / 2));
};

const container = ({ lives }, name, more = {}) => ({
  ...{ id: 'planted', name, state: 'running', server: 'own', owner: `space.${lives.at(-1).pid}.1`, ...more },
});

/** Name → what it does to a history. @type {Record<string, (history: History) => void>} */
export const plants = {
  'swapped-answers': (history) => {
    const one = answered(history, 'common');
    const other = otherAnswered(history, one);
    [one.answers[0].nonce, other.answers[0].nonce] = [other.answers[0].nonce, one.answers[0].nonce];
  },
  'dropped-answer': (history) => Object.assign(answered(history, 'common'), { answers: [], outcome: 'silent' }),
  'doubled-answer': (history) => {
    const { answers } = answered(history, 'own');
    answers.push({ ...answers[0] });
  },
  'late-answer': (history) => {
    answered(history, 'own').endedAt += 60_000;
  },
  'foreign-progress': (history) => {
    const call = answered(history, 'common');
    call.foreign.push(otherAnswered(history, call).nonce);
  },
  'shared-container': (history) => {
    const call = answered(history, 'own');
    otherAnswered(history, call).answers[0].container = call.answers[0].container;
  },
  'fault-felt-by-another': (history) => {
    const call = untouched(history, 'own');
    Object.assign(call, { outcome: 'failed', answers: [{ at: call.endedAt, reason: 'UPSTREAM_EXITED' }] });
  },
  'lost-session': (history) => {
    Object.assign(untouched(history, 'common'), { outcome: 'refused', reason: 'SESSION_UNKNOWN', answers: [] });
  },
  'cut-by-nobody': (history) => {
    Object.assign(untouched(history, 'own'), { outcome: 'cut', reason: 'ECONNRESET', answers: [] });
  },
  'internal-error': (history) => {
    const call = answered(history, 'own');
    Object.assign(call, { outcome: 'failed', answers: [{ at: call.endedAt, reason: 'INTERNAL' }] });
  },
  'refused-without-need': (history) => {
    Object.assign(untouched(history, 'own'), { outcome: 'refused', reason: 'OVERLOADED', answers: [] });
  },
  'refusals-only': ({ calls }) => {
    for (const call of calls) Object.assign(call, { outcome: 'left', answers: [] });
  },
  'never-well-again': (history) => {
    history.calls = history.calls.filter(({ askedAt }) => askedAt <= history.chaosUntil);
  },
  'held-without-slot': (history) => {
    later(history)[0].after.held += 99;
  },
  'too-many-slots': (history) => {
    for (const { before, after } of later(history)) for (const status of [before, after]) status.servers.own.max = 0;
  },
  'leaked-container': (history) => {
    for (const { listed, before } of later(history)) {
      const { solid, moving } = before.servers.own;
      for (let i = 0; i <= solid + moving; i++) listed.push(container(history, `gangway-own-planted${i}`));
    }
  },
  'slot-without-container': (history) => {
    for (const sample of later(history)) sample.listed = sample.listed.filter(({ server }) => server !== 'common');
  },
  'half-made-container': (history) => {
    for (const { listed, before } of later(history)) {
      before.servers.own.moving += 1;
      listed.push(container(history, 'gangway-own-planted', { state: 'created' }));
    }
  },
  'orphan-not-swept': (history) => {
    for (const { listed } of later(history))
      listed.push(container(history, 'gangway-own-planted', { owner: 'space.1.1' }));
  },
  'blind-sampler': (history) => {
    for (const sample of history.samples) delete sample.listed;
  },
  'crashed-bridge': ({ lives }) => {
    delete lives[0].signal;
  },
  'wrong-exit-code': ({ lives }) => {
    lives.at(-1).exit = 1;
  },
  'slow-drain': ({ lives }) => {
    lives.at(-1).exitedAt += 60_000;
  },
  'container-left': ({ end }) => {
    end.containers.push('gangway-own-planted');
  },
  'process-left': ({ end }) => {
    end.processes.push('1 conmon');
  },
  'descriptors-left': ({ end }) => {
    end.restAfter.fds += 50;
  },
  'memory-left': ({ end }) => {
    end.restAfter.rss += 2 ** 30;
  },
  'memory-leak': (history) => {
    const { samples, lives } = history;
    const since = lives.at(-1).readyAt;
    history.chaosUntil = since + 20 * 60_000;
    const stretched = Array.from({ length: 1200 }, (_, i) => ({
      ...samples.at(-1),
      at: since + i * 1000,
      rss: 2 ** 27 + i * 2 ** 16,
    }));
    samples.push(...stretched);
  },
};
