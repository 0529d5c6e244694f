import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll } from '@jest/globals';
import { until } from './until.ts';

/** The built program. */
export const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const servers = fileURLToPath(new URL('../fixtures/servers/', import.meta.url));

/** Programs that have not ended. A test that ran out of time disposes of nothing, so its file does. */
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** A configuration as text, or as a value: JSON is YAML. */
export type ConfigSource = string | object;

export interface ServeOptions {
  /** What stands after `serve --config FILE`. */
  readonly args?: readonly string[];
  /** Added to this process' own environment; undefined takes a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** An existing folder, for a second start with the same file; a temporary one otherwise. */
  readonly folder?: string;
  /** A command that becomes the program, such as `prlimit --nofile=192`: the program's own line is appended to it. */
  readonly through?: readonly string[];
}

/** What `GET /status` says, as far as tests read it. */
interface Status {
  readonly memoryBytes: number;
  readonly ready: boolean;
  readonly notReady?: string;
  readonly instance: string;
  readonly engine: { readonly kind?: string; readonly missing?: string };
  readonly sessions: number;
  readonly callsInFlight: number;
  readonly listening: number;
  readonly containers: number;
  readonly limits: Readonly<Record<'containers' | 'memoryBytes' | 'maxContainers' | 'maxMemoryBytes', number>>;
  readonly leaked: readonly { readonly container: string; readonly server: string; readonly attempts: number }[];
  readonly config: {
    readonly loadedAt: string;
    readonly lastError?: string;
    readonly needsRestart?: readonly string[];
  };
  readonly retiring: readonly { readonly name: string; readonly sessions: number }[];
  readonly servers: Readonly<
    Record<
      string,
      {
        readonly disabled?: string;
        readonly sessions: number;
        readonly sandbox: Readonly<Record<string, unknown>>;
        readonly unexpectedMessages: number;
        /** `warm` and `leased` of a server whose sessions have containers of their own; the second row of a shared one. */
        readonly pool: Readonly<
          Record<'starting' | 'warm' | 'leased' | 'retiring' | 'waiting' | 'starts' | 'restarts', number> &
            Record<'ready' | 'draining' | 'ongoing' | 'target', number>
        > & { readonly lastError?: string; readonly circuit: string };
      }
    >
  >;
}

/** Gives a bridge another `servers.yaml`, and waits until it has been read, whatever came of it. */
export async function reconfigure(bridge: Program, config: ConfigSource): Promise<void> {
  const before = JSON.stringify((await bridge.status()).config);
  writeConfig(bridge.folder, config);
  await until('the file to be read', async () => JSON.stringify((await bridge.status()).config) !== before);
}

/** A running `gangway serve`. Disposing ends it and takes its folder away. */
export interface Program extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly folder: string;
  /** Lines so far. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Resolves when it has ended: its exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  waitForLine(pattern: RegExp, limitMs?: number): Promise<string>;
  status(): Promise<Status>;
  signal(name: NodeJS.Signals): void;
  /** Sends a signal and waits for the end; SIGKILL after 40 s. */
  stop(name?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** `command:` for one of `test/fixtures/servers`. */
export function fixture(name: string, ...args: string[]): [string, ...string[]] {
  return ['node', `${servers}${name}.mjs`, ...args];
}

/** The finished output of one command line. */
export interface Finished {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  /** Lines so far. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly ended: Promise<number | NodeJS.Signals>;
  signal(name: NodeJS.Signals): void;
}

/** Starts a command that goes on until something ends it. */
export function begin(args: readonly string[]): Running {
  const { child, stdout, stderr, ended } = launch(args, {});
  return { stdout, stderr, ended, signal: (name) => void child.kill(name) };
}

/** Runs a command to its end. */
export async function gangway(args: readonly string[], options: Omit<ServeOptions, 'args'> = {}): Promise<Finished> {
  const { child, stdout, stderr, ended } = launch(args, options);
  const killer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const code = await ended;
  clearTimeout(killer);
  return { code, stdout: stdout.join('\n'), stderr: stderr.join('\n') };
}

/**
 * Starts a bridge that listens on a free port, and waits for its banner.
 *
 * @throws {Error} with all that it said, when it ends before that
 */
export async function serve(config: ConfigSource, options: ServeOptions = {}): Promise<Program> {
  const { folder, isOwn } = folderFor(options.folder);
  const file = writeConfig(folder, config);
  const args = ['serve', '--config', file, '--port', '0', '--log-format', 'json', ...(options.args ?? [])];
  const { child, stdout, stderr, ended } = launch(args, options);
  const { pid } = child;
  if (pid === undefined) throw new Error('the program could not be started');
  let exit: number | NodeJS.Signals | undefined;
  void ended.then((how) => {
    exit = how;
  });

  const waitForLine = (pattern: RegExp, limitMs = 15_000): Promise<string> =>
    until(
      `a line like ${String(pattern)}`,
      () => {
        const line = [...stdout, ...stderr].find((text) => pattern.test(text));
        if (line === undefined && exit !== undefined) throw new Error(`it ended (${exit}): ${stderr.join('\n')}`);
        return line;
      },
      { limitMs },
    );
  const signal = (name: NodeJS.Signals): void => {
    if (exit === undefined) child.kill(name);
  };
  const stop = async (name: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> => {
    signal(name);
    const killer = setTimeout(() => child.kill('SIGKILL'), 40_000);
    return ended.finally(() => {
      clearTimeout(killer);
    });
  };
  const dispose = async (): Promise<void> => {
    signal('SIGTERM');
    // The second one ends it at once, calls under way or not.
    signal('SIGINT');
    await stop();
    if (isOwn) rmSync(folder, { recursive: true, force: true });
  };

  try {
    const banner = await waitForLine(/^Gangway \S+ on http/);
    const url = /on (http:\S+) /.exec(banner)?.[1] ?? '';
    const status = async (): Promise<Status> => JSON.parse(await textAt(`${url}/status`)) as Status;
    return {
      ...{ url, pid, folder, stdout, stderr, ended, waitForLine, status, signal, stop },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Writes `servers.yaml` into a folder. @returns its path */
export function writeConfig(folder: string, config: ConfigSource): string {
  const file = path.join(folder, 'servers.yaml');
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, undefined, 2));
  return file;
}

/** A temporary folder, which is gone with the block that holds it. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'gangway-'));
  return {
    path: folder,
    [Symbol.dispose]: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function folderFor(given: string | undefined): { folder: string; isOwn: boolean } {
  return given === undefined
    ? { folder: mkdtempSync(path.join(tmpdir(), 'gangway-')), isOwn: true }
    : { folder: given, isOwn: false };
}

interface Launched {
  readonly child: ChildProcess;
  readonly stdout: string[];
  readonly stderr: string[];
  readonly ended: Promise<number | NodeJS.Signals>;
}

function launch(args: readonly string[], { env = {}, through = [] }: Pick<ServeOptions, 'env' | 'through'>): Launched {
  const [file = '', ...rest] = [...through, process.execPath, main, ...args];
  const child = spawn(file, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  running.add(child);
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve(code ?? signal ?? 'SIGKILL');
    });
  });
  return { child, stdout: lines(child.stdout), stderr: lines(child.stderr), ended };
}

function lines(stream: Readable): string[] {
  const all: string[] = [];
  createInterface({ input: stream }).on('line', (line) => all.push(line));
  return all;
}

/** On a connection of its own: one that was kept may just be closing, which `fetch` takes for a failure. */
function textAt(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      text(response).then(resolve, reject);
    }).once('error', reject);
  });
}
