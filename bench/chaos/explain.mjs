// Whether what went wrong for a client follows from something that was done: a fault costs nobody else anything.

/** @typedef {import('./history.mjs').Call} Call @typedef {import('./history.mjs').Fault} Fault @typedef {import('./history.mjs').History} History */

/** So long a server may be refused to all after its containers were harmed: back-off, breaker. */
const coolDownMs = 60_000;
/** A container that is frozen for good is found out and replaced within this time. */
const foundOutMs = 30_000;

/** Answers that say: the container is gone, or it does not answer. */
const ofTheContainer = new Set(['UPSTREAM_EXITED', 'UPSTREAM_GARBLED', 'ENGINE_LOST', 'CALL_TIMEOUT']);
const ofTheStart = new Set(['START_FAILED', 'READY_TIMEOUT', 'ENGINE_UNAVAILABLE', 'ENGINE_LOST']);
const ofTheLine = new Set(['POOL_FULL', 'ACQUIRE_TIMEOUT', 'CIRCUIT_OPEN', 'NODE_FULL']);

export class Explanations {
  #history;
  /** When the bridge did not serve. */
  #downs;
  #sessions;
  /** A bridge may be told to end after it has opened a session, and before its client knows. */
  #askedToOpenAt;

  /** @param {History} history */
  constructor(history) {
    this.#history = history;
    this.#sessions = new Map(history.sessions.map((session) => [session.key, session]));
    const openings = history.calls.filter(({ tool }) => tool === 'initialize');
    this.#askedToOpenAt = new Map(openings.map(({ session, askedAt }) => [session, askedAt]));
    this.#downs = history.lives.flatMap(({ signal, signalledAt }, i) =>
      signalledAt === undefined
        ? []
        : [{ signal, from: signalledAt, until: history.lives[i + 1]?.readyAt ?? Infinity }],
    );
  }

  /** Whether a call that was not answered with a result has a cause. @param {Call} call */
  has(call) {
    if (call.outcome === 'cut') return this.#isCutByUs(call);
    const reason = call.answers[0]?.reason ?? call.reason ?? '';
    // What is under way ends in its own time, which is less than a drain's; what waits for a shared server is not.
    if (reason === 'DRAINING') return wasNotSent(call) && this.#isCaughtByDrain(call);
    if (reason === 'SESSION_UNKNOWN') return this.#sessionHasEnded(call);
    if (reason === 'OVERLOADED') return call.outcome === 'refused' && this.#isCounted(call);
    if (ofTheLine.has(reason)) return this.#wasHarmedLately(call);
    if (ofTheStart.has(reason) && wasNotSent(call)) return this.#wasHarmedNow(call);
    return ofTheContainer.has(reason) && this.#containerWasHarmed(call);
  }

  /**
   * A drain waits for calls. Only those may be lost that had not reached it when it began, or whose client was away.
   * (On a busy machine a request may wait in the kernel for a while; not one byte of an answer has come to it then.)
   */
  #isCutByUs(call) {
    const { slack } = this.#history.bounds;
    return this.#downs.some(({ signal, from, until }) => {
      const wasOutside = call.askedAt >= from - slack && call.wasBegun !== true;
      return (signal === 'SIGKILL' || wasOutside || call.leftAt !== undefined) && overlaps(call, from, until);
    });
  }

  #isCaughtByDrain(call) {
    return this.#downs.some(({ signal, from, until }) => signal === 'SIGTERM' && overlaps(call, from, until));
  }

  /** The machine itself may be too busy, which the bridge says in its status: its count rose meanwhile. */
  #isCounted({ askedAt, endedAt }) {
    const { lives, samples } = this.#history;
    const life = lives.findLastIndex(({ startedAt }) => startedAt <= askedAt);
    const ofLife = samples.filter((sample) => sample.life === life && sample.after);
    const before = ofLife.findLast(({ at }) => at <= askedAt)?.after.refusals ?? 0;
    // The status of the next sample may have been asked for already.
    const next = ofLife.filter(({ at }) => at > endedAt).slice(0, 2);
    const isUnseen = next.length < 2 && lives[life]?.signalledAt !== undefined;
    return isUnseen || next.some(({ after }) => after.refusals > before);
  }

  #sessionHasEnded(call) {
    const session = this.#sessions.get(call.session);
    if (!session) return false;
    const { deletedAt = Infinity } = session;
    if (deletedAt <= call.endedAt) return true;
    const openedAfter = this.#askedToOpenAt.get(call.session) ?? Infinity;
    if (this.#downs.some(({ from }) => from >= openedAfter && from <= call.endedAt)) return true;
    // The sessions of a shared server outlive its containers.
    return call.server === 'own' && this.#containerWasHarmed(call);
  }

  #containerWasHarmed(call) {
    const { faults } = this.#history;
    if (call.server === 'common') return this.#wasHarmedNow(call);
    const session = this.#sessions.get(call.session);
    if (!session) return false;
    return faults.some(
      (fault) =>
        fault.at <= call.endedAt &&
        (fault.scope === 'engine'
          ? endOf(fault) >= session.openedAt
          : fault.scope === 'container' && fault.container === session.container),
    );
  }

  /** Some container of the server, or all, while the call was under way. */
  #wasHarmedNow(call) {
    const { noticed } = this.#history.bounds;
    return this.#harm(call).some((fault) => overlaps(call, fault.at, endOf(fault) + noticed));
  }

  #wasHarmedLately(call) {
    return this.#harm(call).some((fault) => overlaps(call, fault.at, endOf(fault) + coolDownMs));
  }

  /** Faults that can be felt by new clients of a server. */
  #harm(call) {
    return this.#history.faults.filter(
      ({ scope, server }) => scope === 'engine' || scope === 'bridge' || server === call.server,
    );
  }
}

/** Refused; or told so on a stream, which a call becomes that waits for long. @param {Call} call */
function wasNotSent({ outcome, tool, server, didProgress }) {
  return outcome === 'refused' || tool === 'initialize' || (server === 'common' && !didProgress);
}

/** @param {Fault} fault */
function endOf({ at, doneAt, until, freezes }) {
  return until ?? (freezes ? at + foundOutMs : doneAt);
}

/** @param {Call} call @param {number} from @param {number} until */
function overlaps({ askedAt, endedAt }, from, until) {
  return from <= endedAt && until >= askedAt;
}
