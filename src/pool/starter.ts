import type { Clock } from '../base/clock.ts';
import { settlesWithin } from '../base/deadline.ts';
import { BridgeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { startFailed } from '../upstream/start-failed.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Slot } from './slot.ts';
import type { StartPriority, Turn } from './start-gate.ts';

/** How a server is started, and for how long that may take. */
export interface StarterSurroundings {
  /**
   * Takes a place in the engine's line and starts a server, unless it is not wanted any more when its turn comes.
   *
   * @param isWanted asked at the moment of the launch: after a yes, something is launched
   * @throws {BridgeError} when it cannot: no engine, no image
   */
  readonly start: (priority: StartPriority, isWanted: () => boolean) => Promise<Turn>;
  readonly clock: Clock;
  readonly log: Log;
  /** Longest time from a start to the spawn, in milliseconds. */
  readonly startTimeoutMs: number;
}

/** What the pool does about a slot that is being brought up. */
interface Events {
  /** It can be leased: what the client says waits in the pipe until the server reads. */
  onSpawned(): void;
  /** It runs. */
  onReady(slot: Slot, upstream: Upstream): void;
  /** It failed before any client had it; whatever there is of it is to end. */
  onFailed(slot: Slot, error: unknown): void;
  /** Nothing of it is there, or nothing any more. */
  onNothing(slot: Slot): void;
}

/** Brings the servers of a pool up: each from its reserved place to one that runs, or to the reason why it does not. */
export class Starter {
  readonly #around: StarterSurroundings;
  readonly #events: Events;

  constructor(around: StarterSurroundings, events: Events) {
    this.#around = around;
    this.#events = events;
  }

  /** Never rejects. */
  async bringUp(slot: Slot, priority: StartPriority): Promise<void> {
    const { start, startTimeoutMs, clock } = this.#around;
    try {
      const turn = await start(priority, () => launch(slot));
      if (slot.state.kind === 'starting') {
        slot.state = { ...slot.state, turn };
        if (slot.state.priority === 'foreground') turn.promote();
      }
      const upstream = await turn.upstream;
      if (!this.#onSpawned(slot, upstream)) return;
      const isSettled = await settlesWithin(upstream.settled, startTimeoutMs, clock);
      this.#onSettled(slot, upstream, isSettled);
    } catch (error) {
      this.#onError(slot, error);
    }
  }

  #onSpawned(slot: Slot, upstream: Upstream): boolean {
    if (slot.state.kind !== 'starting') {
      // Given up between its launch and this moment.
      void upstream.stop().then(() => {
        this.#events.onNothing(slot);
      });
      return false;
    }
    void upstream.exited.then(() => {
      this.#onExit(slot, upstream);
    });
    slot.state = { ...slot.state, upstream };
    this.#events.onSpawned();
    return true;
  }

  #onSettled(slot: Slot, upstream: Upstream, isSettled: boolean): void {
    if (slot.state.kind !== 'starting') return;
    if (upstream.state === 'ready') {
      this.#events.onReady(slot, upstream);
    } else if (!isSettled) {
      const sentence = `Cannot start the server: it did not run within ${this.#around.startTimeoutMs} ms`;
      this.#events.onFailed(slot, new BridgeError('READY_TIMEOUT', sentence));
    }
  }

  /** The process ended by itself before anybody leased it. (One that is leased is its session's business.) */
  #onExit(slot: Slot, upstream: Upstream): void {
    if (slot.state.kind === 'leased' || slot.state.kind === 'retiring') return;
    const error = startFailed(upstream);
    this.#around.log.warn({ container: upstream.name, ...error.data }, 'a server ended before any client had it');
    this.#events.onFailed(slot, error);
  }

  #onError(slot: Slot, error: unknown): void {
    if (slot.state.kind === 'starting') {
      if (!(error instanceof BridgeError)) this.#around.log.error({ err: error }, 'a start failed');
      this.#events.onFailed(slot, error);
    }
    this.#events.onNothing(slot);
  }
}

/** Clients wait for these starts now: they go before the refills. */
export function promote(slots: readonly Slot[]): void {
  for (const slot of slots) {
    if (slot.state.kind !== 'starting' || slot.state.priority === 'foreground') continue;
    slot.state.turn?.promote();
    slot.state = { ...slot.state, priority: 'foreground' };
  }
}

/** Says yes when the slot is still wanted; from then on, there is something to be ended. */
function launch(slot: Slot): boolean {
  if (slot.state.kind !== 'starting') return false;
  slot.state = { ...slot.state, isLaunched: true };
  return true;
}
