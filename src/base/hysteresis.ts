/** When something closes, and when it opens again: at a lower level, so that it does not flutter in between. */
export interface Levels {
  /** Closes at this value. */
  readonly closeAt: number;
  /** Opens below this one. */
  readonly openBelow: number;
  /** How many values in a row it takes to close it. */
  readonly closeAfter: number;
  /** How many it takes to open it again. */
  readonly openAfter: number;
}

export interface Hysteresis {
  readonly isClosed: boolean;
  /** Values in a row that spoke for the other state. */
  readonly run: number;
}

export const opened: Hysteresis = { isClosed: false, run: 0 };

/** What becomes of it with the next value. */
export function step({ isClosed, run }: Hysteresis, value: number, levels: Levels): Hysteresis {
  const speaksForChange = isClosed ? value < levels.openBelow : value >= levels.closeAt;
  if (!speaksForChange) return { isClosed, run: 0 };
  const wanted = isClosed ? levels.openAfter : levels.closeAfter;
  return run + 1 >= wanted ? { isClosed: !isClosed, run: 0 } : { isClosed, run: run + 1 };
}
