// What must hold for the clients.
import { Explanations } from './explain.mjs';

/** @typedef {import('./history.mjs').Call} Call @typedef {import('./history.mjs').History} History @typedef {{ rule: string, what: string }} Violation */

/** A client that tears its connection is away for this long at most, all visits together. */
const awayMs = 8000;

/** @param {History} history @returns {Violation[]} */
export function checkCalls(history) {
  const explanations = new Explanations(history);
  const found = history.calls.flatMap((call) => [
    ...checkOnce(call),
    ...checkOwn(call),
    ...checkTime(call, history.bounds),
    ...checkCause(call, explanations),
  ]);
  return [...found, ...checkContainers(history), ...checkWork(history)];
}

/** Exactly one answer for every request, unless it was not admitted, or its client did not want it any more. */
function checkOnce(call) {
  const { answers, outcome } = call;
  if (answers.length > 1) return [violation('answered-once', call, `has ${answers.length} answers`)];
  if (outcome === 'silent') return [violation('answered-once', call, `has no answer (${call.reason})`)];
  const isAnswered = outcome === 'answered' || outcome === 'failed';
  if (isAnswered !== (answers.length === 1))
    return [violation('answered-once', call, `is "${outcome}" with ${answers.length} answers`)];
  return [];
}

/** Whatever a client sees carries its own nonce. */
function checkOwn(call) {
  const wrong = call.answers
    .filter(({ nonce, reason }) => reason === undefined && nonce !== call.nonce)
    .map(({ nonce }) => nonce);
  return [...wrong, ...call.foreign].map((nonce) => violation('own-nonce', call, `got ${nonce}`));
}

function checkTime(call, bounds) {
  const limit = limitFor(call, bounds);
  const took = call.endedAt - call.askedAt;
  const found = took > limit ? [violation('in-time', call, `took ${Math.round(took)} ms, limit is ${limit}`)] : [];
  const afterCancel = call.endedAt - (call.cancelledAt ?? Infinity);
  if (call.leftAt !== undefined || afterCancel <= bounds.slack) return found;
  return [...found, violation('in-time', call, `ended ${Math.round(afterCancel)} ms after it was cancelled`)];
}

/** @param {Call} call */
function limitFor({ tool, leftAt, didProgress }, { acquireTimeout, startTimeout, callTimeout, maxCallTime, slack }) {
  if (tool === 'initialize') return acquireTimeout + 2 * startTimeout + slack;
  return (didProgress ? maxCallTime : callTimeout) + slack + (leftAt === undefined ? 0 : awayMs);
}

/** Errors, refusals and lost connections follow from something that was done to this call's own server. */
function checkCause(call, explanations) {
  if (['answered', 'cancelled', 'left', 'silent'].includes(call.outcome) || explanations.has(call)) return [];
  return [
    violation(
      'explained',
      call,
      `is "${call.outcome}" (${call.answers[0]?.reason ?? call.reason}), and nothing was done to its server`,
    ),
  ];
}

/** A container of the session server has one session, and the other way round. */
function checkContainers({ calls, sessions }) {
  const sessionsOf = new Map();
  const containersOf = new Map();
  const pairs = [
    ...sessions
      .filter(({ container }) => container)
      .map(({ key, server, container }) => ({ server, session: key, container })),
    ...calls.flatMap(({ server, session, answers }) =>
      answers.map(({ container }) => ({ server, session, container })),
    ),
  ];
  for (const { server, session, container } of pairs) {
    if (server !== 'own' || container === undefined) continue;
    sessionsOf.set(container, (sessionsOf.get(container) ?? new Set()).add(session));
    containersOf.set(session, (containersOf.get(session) ?? new Set()).add(container));
  }
  const shared = [...sessionsOf]
    .filter(([, all]) => all.size > 1)
    .map(([container, all]) => `container ${container} was seen by sessions ${[...all].join(', ')}`);
  const torn = [...containersOf]
    .filter(([, all]) => all.size > 1)
    .map(([session, all]) => `session ${session} saw containers ${[...all].join(', ')}`);
  return [...shared, ...torn].map((what) => ({ rule: 'own-container', what }));
}

/** A bridge that refuses everything would break no other rule; and in the end all must be well again. */
function checkWork({ calls, chaosUntil, lives }) {
  const found = [];
  const isServed = ({ askedAt }) =>
    lives.some(({ readyAt = Infinity, signalledAt = Infinity }) => askedAt >= readyAt && askedAt < signalledAt);
  const asked = calls.filter(isServed);
  const answered = asked.filter(({ outcome }) => outcome === 'answered').length;
  if (answered < asked.length / 3)
    found.push({ rule: 'work', what: `only ${answered} of ${asked.length} calls were answered` });
  for (const server of ['own', 'common']) {
    const isWell = calls.some(
      (call) =>
        call.server === server && call.tool === 'echo' && call.outcome === 'answered' && call.askedAt > chaosUntil,
    );
    if (!isWell) found.push({ rule: 'heals', what: `server "${server}" answered nothing after the last fault` });
  }
  return found;
}

/** @param {string} rule @param {Call} call @param {string} what @returns {Violation} */
function violation(rule, call, what) {
  return { rule, what: `${call.server} ${call.tool} ${call.nonce}, asked at ${Math.round(call.askedAt)} ms: ${what}` };
}
