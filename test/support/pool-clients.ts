import { BridgeError } from '../../src/base/errors.ts';
import type { Lease } from '../../src/pool/pool.ts';
import { never, type PoolRig } from './pool-rig.ts';

/** What became of a caller. */
export interface Wait {
  lease: Lease | undefined;
  error: unknown;
}

/** Asks for a lease and writes down what becomes of it. */
export function ask({ pool }: PoolRig, client = '', signal = never()): Wait {
  const wait: Wait = { lease: undefined, error: undefined };
  pool.acquire(signal, client).then(
    (lease) => (wait.lease = lease),
    (error: unknown) => (wait.error = error),
  );
  return wait;
}

/** Fills the pool; how the first start goes is seen in the stats. */
export function fill({ pool }: PoolRig): void {
  pool.fill().catch(() => undefined);
}

export function codeOf({ error }: Wait): string | undefined {
  return error instanceof BridgeError ? error.code : undefined;
}
