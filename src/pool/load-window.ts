interface Sample {
  readonly at: number;
  readonly value: number;
}

/** A load averaged over the time that lies behind: each value counts for as long as it held. */
export class LoadWindow {
  #lengthMs: number;
  /** Oldest first; the first may have begun before the window did. */
  #samples: Sample[] = [];

  /** @param lengthMs how far it looks back; less as long as it has seen less */
  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  set lengthMs(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** From now on the load is this. */
  add(value: number, now: number): void {
    this.#samples.push({ at: now, value });
    const begin = now - this.#lengthMs;
    const first = this.#samples.findLastIndex(({ at }) => at <= begin);
    if (first > 0) this.#samples.splice(0, first);
  }

  /** The average; the value itself while no time has passed. */
  average(now: number): number {
    const begin = Math.max(now - this.#lengthMs, this.#samples[0]?.at ?? now);
    if (now <= begin) return this.#samples.at(-1)?.value ?? 0;
    let sum = 0;
    this.#samples.forEach(({ at, value }, i) => {
      const end = this.#samples[i + 1]?.at ?? now;
      sum += value * Math.max(0, end - Math.max(at, begin));
    });
    return sum / (now - begin);
  }
}
