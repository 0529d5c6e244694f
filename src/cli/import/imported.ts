import type { EntryText } from '../../config/servers-file.ts';

/** An entry for `servers.yaml`, and what is to be said about it. */
export interface Imported {
  readonly entry: EntryText;
  readonly notes: readonly string[];
}

/** A server that is not imported, and why. */
export class LeftOut extends Error {
  override readonly name = 'LeftOut';
}
