import { isatty } from 'node:tty';
import { deferred } from '../base/deferred.ts';
import { codeOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Bridge } from './bridge.ts';

/** After a fault, or a second signal, the program ends within this time whatever the engine does. */
const hardLimitMs = 5000;

/**
 * Starts a bridge and lets it run until an operator drains it, or SIGTERM or SIGINT: the first drains it, a second ends it
 * at once. SIGHUP has the configuration read again, and folders that are built looked at, unless it says that the terminal is gone. A fault that nobody caught
 * removes the containers and ends the program as well: its state cannot be trusted any more.
 *
 * @param start what makes it run; signals are heard from its beginning
 * @returns the exit code
 * @throws what `start` throws
 */
export async function runUntilSignal(bridge: Bridge, log: Log, start: () => Promise<void>): Promise<number> {
  // Every timer of the bridge lets the program end; this one keeps it until the containers are gone.
  const stayAlive = setInterval(() => undefined, 60_000);
  const ended = deferred<number>();
  listenForSignals(bridge, log, ended.resolve);
  try {
    // A signal is obeyed while the start still looks for an engine.
    await Promise.race([start(), ended.promise]);
    const code = await ended.promise;
    // Open handles of a peer or an engine that hangs must not hold the program up.
    setTimeout(() => process.exit(code), 500).unref();
    return code;
  } finally {
    clearInterval(stayAlive);
  }
}

function listenForSignals(bridge: Bridge, log: Log, end: (code: number) => void): void {
  let signals = 0;
  let isEnding = false;
  const endNow = (): void => {
    if (isEnding) return;
    isEnding = true;
    setTimeout(() => process.exit(1), hardLimitMs).unref();
    void bridge.stopNow().finally(() => {
      end(1);
    });
  };
  const onEndSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    log.info({ signal }, signals === 1 ? 'signal: draining (once more to end at once)' : 'signal: ending at once');
    if (signals > 1) endNow();
    else void bridge.drain();
  };
  // Also when it was not a signal that asked for it.
  void bridge.drained.then(() => {
    if (!isEnding) end(0);
  });
  process.on('SIGTERM', onEndSignal).on('SIGINT', onEndSignal);
  const hadTerminal = hasTerminal();
  process.on('SIGHUP', (signal) => {
    // The word for two things: "read your configuration again", and "the terminal that you were started in is gone".
    if (hadTerminal && !hasTerminal()) onEndSignal(signal);
    else bridge.reread();
  });
  for (const fault of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(fault, (error: unknown) => {
      if (isStillborn(error)) {
        log.error({ error: messageOf(error) }, 'a program could not be started');
        return;
      }
      log.fatal({ err: error, fault }, `a fault in Gangway: ${messageOf(error)}`);
      endNow();
    });
  }
}

/** Whether one of the standard streams is a terminal, and the terminal is still there. */
function hasTerminal(): boolean {
  return [0, 1, 2].some((descriptor) => isatty(descriptor));
}

/**
 * A program for which the system had no file descriptors left. Whoever wanted it was told already; Node raises this for
 * its process too, which nobody else has ever seen.
 */
function isStillborn(error: unknown): boolean {
  const code = codeOf(error);
  return (code === 'EMFILE' || code === 'ENFILE') && messageOf(error).startsWith('spawn ');
}
