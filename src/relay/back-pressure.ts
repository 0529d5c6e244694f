import type { Clock } from '../base/clock.ts';
import type { Outflow } from '../relay/reply.ts';

/** A peer that has not read for this long is cut off: it would hold its session up for ever. */
const stalledMs = 30_000;

interface Source {
  pause(): void;
  resume(): void;
}

/** Slows a source down to the slowest of its open streams. */
export class BackPressure {
  readonly #source: Source;
  readonly #clock: Clock;
  /** Streams that are behind, and since when. */
  readonly #behind = new Map<Outflow, number>();

  constructor(source: Source, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** The stream reads slower than we write: nothing more is read from the source until it has caught up. */
  hold(stream: Outflow): void {
    if (this.#behind.has(stream) || stream.isClosed) return;
    if (this.#behind.size === 0) this.#source.pause();
    this.#behind.set(stream, this.#clock.now());
    stream.onDrain(() => {
      this.#behind.delete(stream);
      if (this.#behind.size === 0) this.#source.resume();
    });
  }

  cutAll(): void {
    for (const stream of [...this.#behind.keys()]) stream.destroy();
  }

  cutStalled(now: number): void {
    for (const [stream, since] of this.#behind) if (now - since >= stalledMs) stream.destroy();
  }
}
