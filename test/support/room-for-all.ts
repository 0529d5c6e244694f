import type { Admission } from '../../src/http/admission.ts';

/** A bridge that is never overloaded. */
export const roomForAll: Admission = { session: () => undefined, calls: () => undefined };
