import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import { opened, step, type Hysteresis, type Levels } from '../base/hysteresis.ts';
import type { Log } from '../base/log.ts';
import type { Admission } from '../http/admission.ts';
import type { CallLimit } from './call-limit.ts';
import { sampleMs, type Load } from './load-sampler.ts';

interface Gate {
  readonly name: 'heap' | 'loopDelay' | 'descriptors';
  /** What is not let in while it is closed. */
  readonly refuses: 'sessions' | 'calls';
  readonly levels: Levels;
}

/** New sessions are refused first; new calls too where that was not enough. */
const gates: readonly Gate[] = [
  { name: 'heap', refuses: 'sessions', levels: levels(0.85, 0.75) },
  { name: 'heap', refuses: 'calls', levels: levels(0.92, 0.85) },
  // One pause is no overload.
  { name: 'loopDelay', refuses: 'sessions', levels: levels(200, 100, 2) },
  { name: 'loopDelay', refuses: 'calls', levels: levels(500, 200, 2) },
  { name: 'descriptors', refuses: 'sessions', levels: levels(0.85, 0.75) },
  { name: 'descriptors', refuses: 'calls', levels: levels(0.95, 0.85) },
];

/** What the bridge is short of, in the words for its clients. */
const shortOf = { heap: 'memory', loopDelay: 'time', descriptors: 'file descriptors' } as const;

interface Surroundings {
  readonly sampler: { sample(): Load; close(): void };
  readonly callLimit: CallLimit;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Refuses what is new while the bridge itself is short of memory, time or file descriptors, so that what it has taken
 * on comes to its end.
 */
export class LoadGate implements Admission {
  readonly #around: Surroundings;
  readonly #states = new Map<Gate, Hysteresis>(gates.map((gate) => [gate, opened]));
  readonly #stopSampling: () => void;
  #load: Load;
  /** A gate that is closed for these, if there is one. */
  #closedForSessions: Gate | undefined;
  #closedForCalls: Gate | undefined;
  #refusals = 0;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#load = around.sampler.sample();
    this.#stopSampling = around.clock.every(sampleMs, () => {
      this.#sample();
    });
  }

  session(): void {
    if (this.#closedForSessions) this.#refuse('Cannot open a session', this.#closedForSessions);
  }

  calls(count: number): void {
    if (this.#closedForCalls) this.#refuse('Cannot take the request', this.#closedForCalls);
    const { callLimit } = this.#around;
    if (callLimit.take(count)) return;
    this.#refusals += 1;
    const { limit } = callLimit;
    throw new BridgeError('OVERLOADED', `Cannot take the request: ${limit} are under way already`, { limit });
  }

  /** For `/status`. */
  stats(): object {
    const closed = gates.filter((gate) => this.#states.get(gate)?.isClosed);
    return {
      ...this.#load,
      isRefusing: this.#closedForCalls ? 'calls' : this.#closedForSessions ? 'sessions' : 'nothing',
      gates: closed.map(({ name, refuses }) => ({ gate: name, refuses })),
      refusals: this.#refusals,
    };
  }

  close(): void {
    this.#stopSampling();
    this.#around.sampler.close();
  }

  #refuse(what: string, { name }: Gate): never {
    this.#refusals += 1;
    throw new BridgeError('OVERLOADED', `${what}: Gangway is short of ${shortOf[name]}`, { gate: name });
  }

  #sample(): void {
    this.#load = this.#around.sampler.sample();
    for (const [gate, before] of this.#states) {
      const after = step(before, valueOf(gate, this.#load), gate.levels);
      this.#states.set(gate, after);
      if (after.isClosed !== before.isClosed) this.#tell(gate, after.isClosed);
    }
    const closedFor = (what: Gate['refuses']): Gate | undefined =>
      gates.find((gate) => gate.refuses === what && this.#states.get(gate)?.isClosed);
    this.#closedForSessions = closedFor('sessions');
    this.#closedForCalls = closedFor('calls');
  }

  #tell({ name, refuses }: Gate, isClosed: boolean): void {
    const { log } = this.#around;
    const facts = { gate: name, refuses, ...this.#load, refusals: this.#refusals };
    if (isClosed) log.warn(facts, `overloaded: new ${refuses} are refused`);
    else log.info(facts, `no longer overloaded: new ${refuses} are taken again`);
  }
}

/** @param closeAfter samples; it opens again after two that are quiet */
function levels(closeAt: number, openBelow: number, closeAfter = 1): Levels {
  return { closeAt, openBelow, closeAfter, openAfter: 2 };
}

/** What is not known closes nothing. */
function valueOf({ name }: Gate, { heapRatio, loopDelayMs, descriptors, maxDescriptors }: Load): number {
  switch (name) {
    case 'heap':
      return heapRatio;
    case 'loopDelay':
      return loopDelayMs;
    case 'descriptors':
      return descriptors === undefined || maxDescriptors === undefined ? 0 : descriptors / maxDescriptors;
  }
}
