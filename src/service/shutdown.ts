import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Bridge } from './bridge.ts';

/** After a fault, or a second signal, the program ends within this time whatever the engine does. */
const hardLimitMs = 5000;

/**
 * Lets a bridge run until a signal: the first drains it, a second ends it at once. A fault that nobody caught removes
 * the containers and ends the program as well: its state cannot be trusted any more.
 *
 * @returns the exit code
 */
export function runUntilSignal(bridge: Bridge, log: Log): Promise<number> {
  // Every timer of the bridge lets the program end; this one keeps it until the containers are gone.
  const stayAlive = setInterval(() => undefined, 60_000);
  return new Promise<number>((resolve) => {
    let signals = 0;
    const end = (code: number): void => {
      clearInterval(stayAlive);
      resolve(code);
      // Open handles of a peer or an engine that hangs must not hold the program up.
      setTimeout(() => process.exit(code), 100).unref();
    };
    const endNow = (code: number): void => {
      setTimeout(() => process.exit(code), hardLimitMs).unref();
      bridge.stopNow().then(
        () => {
          end(code);
        },
        () => {
          end(code);
        },
      );
    };
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        signals += 1;
        log.info({ signal }, signals === 1 ? 'signal: draining (once more to end at once)' : 'signal: ending at once');
        if (signals === 1) {
          void bridge.drain().then(() => {
            end(0);
          });
        } else endNow(1);
      });
    }
    for (const fault of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(fault, (error: unknown) => {
        log.fatal({ err: error, fault }, `a fault in Gangway: ${messageOf(error)}`);
        endNow(1);
      });
    }
  });
}
