import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { codeOf } from '../base/errors.ts';
import { processEnvironment } from '../engine/process-environment.ts';
import { clientEnvironment } from '../engine/run-args.ts';
import { needSpareDescriptors } from '../engine/spare-descriptors.ts';
import type { Port, Report, Request } from './protocol.ts';

/** A launcher that was started, seen from its bridge. */
export interface LauncherProcess {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  readonly port: Port<Report, Request>;
  /** Resolves when it has ended, to how. */
  readonly ended: Promise<{ readonly exitCode?: number; readonly signal?: string; readonly error?: string }>;
  /** What it says on stderr, which is nothing as long as all is well. */
  onLine(listener: (line: string) => void): void;
  kill(): void;
  /** Lets it go: it ends by itself when nothing is left to do, and keeps nobody from ending. */
  release(): void;
}

/** From the sources, the launcher runs as they do. */
const isFromSource = import.meta.url.endsWith('.ts');
const program = fileURLToPath(new URL(isFromSource ? './main.ts' : './main.js', import.meta.url));

/**
 * Starts a launcher: a small process with a short environment, in a process group of its own, so that Ctrl-C in our
 * terminal does not reach it.
 *
 * @param token of this run, whose children its children are, see `Owner`
 * @throws {BridgeError} `OVERLOADED` when too few file descriptors are left
 */
export function spawnLauncher(environment: NodeJS.ProcessEnv, token: string, file = program): LauncherProcess {
  needSpareDescriptors();
  const options = [...(isFromSource && file === program ? process.execArgv : []), '--max-semi-space-size=1'];
  const child = spawn(process.execPath, [...options, file, token], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true,
    env: { ...processEnvironment(environment), ...clientEnvironment(environment, []) },
  });
  const { stderr } = child;
  let isReleased = false;
  const ended: LauncherProcess['ended'] = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ ...(code === null ? {} : { exitCode: code }), ...(signal === null ? {} : { signal }) });
    });
    child.once('error', (error) => {
      resolve({ error: codeOf(error) ?? error.message });
    });
  });
  return {
    pid: child.pid,
    port: portOf(child, ended, () => isReleased),
    ended,
    onLine: (listener) => {
      if (stderr) createInterface({ input: stderr }).on('line', listener);
    },
    kill: () => void child.kill('SIGKILL'),
    release: () => {
      isReleased = true;
      if (child.connected) child.disconnect();
      stderr?.destroy();
      child.unref();
    },
  };
}

function portOf(child: ChildProcess, ended: Promise<unknown>, isReleased: () => boolean): Port<Report, Request> {
  return {
    // One that is gone, or never was there, is told by its end.
    send: (message) => {
      if (child.connected) child.send(message, () => undefined);
    },
    onMessage: (listener) =>
      child.on('message', (message) => {
        listener(message as Report);
      }),
    onClose: (listener) => {
      const once = (): void => {
        listener();
        // One that hangs up by itself is of no use any more.
        if (!isReleased()) child.kill('SIGKILL');
      };
      child.once('disconnect', once);
      void ended.then(once);
    },
  };
}
