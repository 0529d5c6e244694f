import type { Backend } from '../relay/backend.ts';
import type { Supply } from './supply.ts';

/** A server without a process: nothing is started for a session. */
export function backendSupply(backend: Backend): Supply {
  return {
    lease: (signal, client) => backend.lease(signal, client),
    // A session takes nothing away from another one.
    waiting: 0,
    shortage: 0,
    open: () => backend.open(),
    recycle: () => {
      // What fails is shown as its trouble.
      backend.open().catch(() => undefined);
    },
    refresh: () => {
      backend.refresh?.();
      return Promise.resolve();
    },
    drain: () => {
      backend.close?.();
    },
    resize: () => undefined,
    retire: () => undefined,
    get containers() {
      return backend.leases ?? 0;
    },
    unexpected: 0,
    get trouble() {
      return backend.failure?.message;
    },
    stats: () => undefined,
    describe: () => backend.describe(),
  };
}
