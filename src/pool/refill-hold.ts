import type { Clock } from '../base/clock.ts';

/** A start takes the time of two processors for a while; an answer to `initialize` needs a few milliseconds of one. */
const maxHoldMs = 100;

/** A client that was given a server gets its first answer before another server is started in reserve. */
export class RefillHold {
  readonly #clock: Clock;
  readonly #onOver: () => void;
  #held = 0;

  /** @param onOver called each time when refills may go on */
  constructor(clock: Clock, onOver: () => void) {
    this.#clock = clock;
    this.#onOver = onOver;
  }

  get isHeld(): boolean {
    return this.#held > 0;
  }

  /** Holds refills for 100 ms at the most. @returns ends it before; twice does nothing */
  begin(): () => void {
    this.#held += 1;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      this.#held -= 1;
      if (this.#held === 0) this.#onOver();
    };
    const cancel = this.#clock.after(maxHoldMs, end);
    return end;
  }
}
