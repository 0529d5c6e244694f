import { spawn, type ChildProcess } from 'node:child_process';
import { execa } from 'execa';
import { deferred } from '../base/deferred.ts';
import { codeOf } from '../base/errors.ts';
import type { Child, Exit, Life, Stdio } from './engine.ts';
import { needSpareDescriptors } from './spare-descriptors.ts';

interface SpawnOptions {
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Which process it is; undefined when there never was one. */
interface Started {
  readonly pid: number | undefined;
}

/** Starts a program, see `spawnChild`: with streams of its own, or on those that it is given. */
export type Spawn<T extends Life> = (
  name: string,
  file: string,
  args: readonly string[],
  options: SpawnOptions,
) => T & Started;

/**
 * Starts a program with three pipes.
 *
 * In a process group of its own, so that Ctrl-C in our terminal does not reach it: a container's client passes the
 * signal on, and calls that could still be answered would die. And not killed when we exit: a signalled client can
 * leave its container behind, while the end of its standard input ends it in order.
 *
 * @throws {BridgeError} `OVERLOADED` when too few file descriptors are left
 */
export function spawnChild(
  name: string,
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): Child & Started {
  needSpareDescriptors();
  const child = execa(file, args, {
    ...{ stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', buffer: false, reject: false, extendEnv: false },
    ...{ detached: true, cleanup: false, env: options.env, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) },
  });
  // Until somebody reads: execa would throw away what nobody listens to.
  child.stdout.pause();
  const { exited, running } = follow(child);
  // A start that the system refuses outright (E2BIG, EAGAIN) raises no event: only the promise tells.
  void child.then(({ code, exitCode, signal }) => {
    exited.resolve({
      code: exitCode,
      signal,
      ...(exitCode === undefined && !signal ? { error: code ?? 'unknown' } : {}),
    });
  });
  // The peer may be gone when we write; its exit is reported once, above.
  child.stdin.on('error', () => undefined);
  return {
    ...{ name, pid: child.pid, stdin: child.stdin, stdout: child.stdout, stderr: child.stderr },
    ...{ running: running.promise, died: exited.promise, exited: exited.promise },
    kill: () => void child.kill('SIGKILL'),
  };
}

/**
 * The same on streams that are there. Not with execa, which takes the end of a stream that it is given for an end of
 * the program.
 *
 * @param stdio become the child's, for whom they block; the caller closes its own ends of them, right afterwards
 */
export function spawnOn(
  stdio: Stdio,
  name: string,
  file: string,
  args: readonly string[],
  { env, cwd }: SpawnOptions,
): Life & Started {
  needSpareDescriptors();
  let child: ChildProcess;
  try {
    child = spawn(file, args, { stdio: [...stdio], detached: true, env, ...(cwd === undefined ? {} : { cwd }) });
  } catch (error) {
    return stillborn(name, { code: undefined, signal: undefined, error: codeOf(error) ?? 'unknown' });
  }
  const { exited, running } = follow(child);
  return {
    ...{ name, pid: child.pid, running: running.promise, died: exited.promise, exited: exited.promise },
    kill: () => void child.kill('SIGKILL'),
  };
}

function follow(child: Pick<ChildProcess, 'once'>) {
  const exited = deferred<Exit>();
  child.once('exit', (code, signal) => {
    exited.resolve({ code: code ?? undefined, signal: signal ?? undefined });
  });
  // A program that cannot be started never exits.
  child.once('error', (error: NodeJS.ErrnoException) => {
    exited.resolve({ code: undefined, signal: undefined, error: error.code ?? error.message });
  });
  const running = deferred();
  child.once('spawn', running.resolve);
  void exited.promise.then(() => {
    running.resolve();
  });
  return { exited, running };
}

function stillborn(name: string, exit: Exit): Life & Started {
  const ended = Promise.resolve(exit);
  return { name, pid: undefined, running: Promise.resolve(), died: ended, exited: ended, kill: () => undefined };
}

/** Ends its child at the end of its input, which comes with our own end, whatever that is. */
const tie = '"$@" & exec >&-; read -r line; kill $!';

/**
 * Starts a program that only tells, and would outlive us when we are killed: it does not look at its standard input.
 * The end of that input ends it.
 */
export function spawnTied(name: string, file: string, args: readonly string[], options: SpawnOptions): Child {
  return spawnChild(name, '/bin/sh', ['-c', tie, 'sh', file, ...args], options);
}
