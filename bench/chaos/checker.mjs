import { checkCalls } from './check-calls.mjs';
import { checkEnd } from './check-end.mjs';
import { checkSamples } from './check-samples.mjs';

/** What each rule says, for the report. */
export const rules = {
  'answered-once': 'every admitted request has exactly one answer',
  'own-nonce': 'all that a client sees carries its own nonce',
  'in-time': 'within its bound',
  explained:
    'an error, a refusal or a lost connection follows from a fault of that very container, server or bridge; `OVERLOADED` is counted in `/status`',
  'own-container': 'a container of the session server has one session, a session one container',
  work: 'at least a third of the calls to a bridge that is up get a result',
  heals: 'after the last fault each server answers again',
  slots: 'in every status: containers held = slots, but for those that start or retire',
  cap: 'slots never exceed `max`',
  strangers: 'the engine has no container without a slot',
  ghosts: 'no slot without a container for longer than a death may go unnoticed',
  strays: 'no container that neither runs nor is paused for long',
  swept: 'what a killed bridge left is gone soon after the next one is ready',
  watched: 'samples were taken',
  orderly: 'the bridge never ends by itself; SIGTERM ends it with 0 in time',
  'nothing-left': 'in the end no container and no process is left',
  'at-rest': 'at rest it has the containers, descriptors and memory that it had before',
  steady: 'memory and descriptors do not grow under load',
};

/**
 * Pure: a history in, what is wrong with it out.
 *
 * @param {import('./history.mjs').History} history
 * @returns {{ rule: keyof typeof rules, what: string }[]}
 */
export function check(history) {
  return [...checkCalls(history), ...checkSamples(history), ...checkEnd(history)];
}
