/** What is wrong with the description of an app, and where in it. */
export class DescriptionFault extends Error {
  override readonly name = 'DescriptionFault';

  /** @param place such as `paths./pets.get`, as the document has it; "" for all of it */
  constructor(place: string, message: string) {
    super(place === '' ? message : `${place}: ${message}`);
  }
}

/** Whether something is nested deeper than the stack holds: an error from another thread is no instance of anything. */
export function isTooDeep(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'RangeError';
}

/** Why a call did not become a good answer; the model reads it. */
export class CallFault extends Error {
  override readonly name = 'CallFault';
}
