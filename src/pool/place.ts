import type { SharedUpstream } from '../upstream/shared-upstream.ts';

/**
 * What a call needs of its upstream. `any`: a place beside others. `quiet`: that nothing else is worked on meanwhile;
 * calls that wait for their clients may be there. `alone`: that there is no other call at all.
 */
export type Room = 'any' | 'quiet' | 'alone';

/** Room for one call on one upstream, until it is released. */
export interface Place {
  readonly shared: SharedUpstream;
  /** The call is over. Any number of times. */
  release(): void;
  /** The call got no answer in time: the upstream has to show that it lives. */
  suspect(): void;
  /** The call waits for its client: others may be worked on. */
  rest(): void;
  /** It goes on: no other call comes. Resolves when those that came have ended. */
  wake(): Promise<void>;
}
