/** Something in a value that its schema does not allow. */
export interface Fault {
  /** Where, from the root of the value: a JSON Pointer, empty for the whole. @see RFC 6901 */
  readonly pointer: string;
  /** What is wrong with it: the end of a sentence that begins with its name. */
  readonly reason: string;
}

/** What is known of a value: a fault is certain; that there is none is certain only when all of its schema was looked at. */
export interface Verdict {
  readonly faults: readonly Fault[];
  readonly isCertain: boolean;
}

export const holds: Verdict = { faults: [], isCertain: true };
/** Nothing was found, but not everything was looked at. */
export const open: Verdict = { faults: [], isCertain: false };

/** So many faults are told of one value. */
const maxFaults = 20;

export function fault(pointer: string, reason: string): Verdict {
  return { faults: [{ pointer, reason }], isCertain: true };
}

/** All of them must hold. */
export function every(verdicts: Iterable<Verdict>): Verdict {
  const faults: Fault[] = [];
  let isCertain = true;
  for (const verdict of verdicts) {
    if (faults.length < maxFaults) faults.push(...verdict.faults);
    isCertain &&= verdict.isCertain;
  }
  return faults.length === 0 && isCertain ? holds : { faults: faults.slice(0, maxFaults), isCertain };
}

/** The pointer to a member or an element. */
export function below(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
