// What happened in a run, as plain data: the checker sees nothing else. All times are milliseconds since the run
// began, on the monotonic clock of this process.
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * @typedef {object} Answer a JSON-RPC response that reached the client under the id of the call
 * @property {number} at
 * @property {string} [nonce] as the server gave it back; undefined in an error
 * @property {string} [container] that says it answered
 * @property {string} [reason] of an error: `data.gangway.reason`, or the server's own code
 *
 * @typedef {object} Call a request of a client
 * @property {number} client
 * @property {string} session "CLIENT.COUNT"
 * @property {'own' | 'common'} server
 * @property {string} tool or `initialize`
 * @property {string} nonce
 * @property {number} askedAt
 * @property {number} endedAt
 * @property {Outcome} outcome
 * @property {Answer[]} answers all of them: there should be one
 * @property {string[]} foreign nonces of others that were seen where this call's own were expected
 * @property {string} [reason] of a refusal, or of a lost connection
 * @property {number} [cancelledAt] when the client cancelled it
 * @property {number} [leftAt] when the client first tore its connection
 * @property {boolean} [wasBegun] whether its response had begun, an answer or a stream
 * @property {boolean} [didProgress] whether the server reported progress, which prolongs the call
 *
 * @typedef {'answered' | 'failed' | 'refused' | 'cut' | 'cancelled' | 'left' | 'silent'} Outcome
 *   answered: with a result. failed: with an error, after it was admitted. refused: an HTTP status, not admitted.
 *   cut: the connection was lost. cancelled: by the client, and no answer came. left: the client was gone before it
 *   had anything to come back by. silent: nothing of all that.
 *
 * @typedef {object} Session
 * @property {string} key
 * @property {'own' | 'common'} server
 * @property {number} openedAt
 * @property {string} [container] of a server of its own
 * @property {number} [deletedAt] when its client began to delete it
 * @property {number} [leftAt] when its client lost interest without a word
 *
 * @typedef {object} Fault
 * @property {string} kind
 * @property {'container' | 'server' | 'bridge' | 'engine'} scope what it can be felt in
 * @property {string} [server]
 * @property {string} [container]
 * @property {number} at
 * @property {number} doneAt when it was certain to be done
 * @property {number} [until] when it was taken back, such as the pause of a container
 * @property {boolean} freezes whether the victim lives on without an answer
 *
 * @typedef {object} Life of the bridge
 * @property {number} pid
 * @property {number} startedAt
 * @property {number} [readyAt]
 * @property {'SIGKILL' | 'SIGTERM'} [signal] that ended it
 * @property {number} [signalledAt]
 * @property {number} [exitedAt]
 * @property {number | string} [exit] its code, or the signal
 *
 * @typedef {object} Slots of one server, as `/status` has them
 * @property {number} solid warm, leased, ready or draining: each has a container
 * @property {number} moving starting or retiring: each may have one
 * @property {number} starts so far
 * @property {number} max
 *
 * @typedef {object} Status
 * @property {number} held containers that the bridge holds
 * @property {number} sessions
 * @property {number} refusals requests refused so far because the bridge itself was short of something
 * @property {number} loopDelayMs
 * @property {'nothing' | 'sessions' | 'calls'} isRefusing
 * @property {Record<string, Slots>} servers
 *
 * @typedef {object} Listed a container as the engine lists it
 * @property {string} id short
 * @property {string} name
 * @property {string} state
 * @property {string} server
 * @property {string} owner
 *
 * @typedef {object} Sample
 * @property {number} at when it was complete
 * @property {number} life index of the bridge's life
 * @property {Status} [before] the status before the engine was asked
 * @property {Status} [after] and after
 * @property {Listed[]} [listed] undefined when the engine did not answer
 * @property {number} rss bytes of the bridge
 * @property {number} fds descriptors of the bridge
 *
 * @typedef {object} Rest the bridge with nothing to do
 * @property {number} at
 * @property {number} rss
 * @property {number} fds
 * @property {number} containers
 *
 * @typedef {object} End
 * @property {string[]} containers that are left
 * @property {string[]} processes that are left
 * @property {Rest} restBefore before the first client
 * @property {Rest} restAfter after the last one
 *
 * @typedef {object} History
 * @property {{ engine: string, seed: number, seconds: number, clients: number, version: string, node: string, cores: number, startedOn: string }} run
 * @property {typeof import('./settings.mjs').bounds} bounds
 * @property {number} chaosFrom when the nemesis began
 * @property {number} chaosUntil and when it stopped; after that everything must heal
 * @property {Call[]} calls
 * @property {Session[]} sessions
 * @property {Fault[]} faults
 * @property {Life[]} lives
 * @property {Sample[]} samples
 * @property {End} [end]
 */

/** @param {string} file @param {History} history */
export function save(file, history) {
  writeFileSync(file, JSON.stringify(history));
}

/** @param {string} file @returns {History} */
export function load(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
