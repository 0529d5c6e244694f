import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll } from '@jest/globals';
import { until } from './until.ts';

const run = promisify(execFile);

/** Daemons that still run. A test that ran out of time disposes of nothing, so its file does. */
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** Why no Docker daemon of our own can be started here; undefined when it can. */
export function whyNoDockerd(): string | undefined {
  if (process.getuid?.() !== 0) return 'it needs root';
  for (const program of ['dockerd', 'unshare', 'docker']) {
    if (spawnSync('which', [program]).status !== 0) return `there is no ${program}`;
  }
  return undefined;
}

/** A Docker daemon that can be killed and frozen, with nobody else's containers. Disposing takes it and all it has away. */
export class OwnDockerd implements AsyncDisposable {
  /** For `DOCKER_HOST`. */
  readonly host: string;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'gangway-d-'));
  #process: ChildProcess | undefined;

  private constructor() {
    this.host = `unix://${this.#folder}/s`;
  }

  static async start(): Promise<OwnDockerd> {
    const dockerd = new OwnDockerd();
    await dockerd.start();
    return dockerd;
  }

  /** Starts it, again after a kill. Resolves when it answers. */
  async start(): Promise<void> {
    await this.#untilContainerdIsGone();
    const places = { 'data-root': 'root', 'exec-root': 'run', pidfile: 'pid' };
    const args = Object.entries(places).map(([flag, name]) => `--${flag}=${this.#folder}/${name}`);
    // In a network of its own: with `--bridge=none` a daemon deletes the docker0 that it finds, whoever uses it.
    const own = ['--net', 'dockerd', '--bridge=none', '--iptables=false', '--ip6tables=false'];
    const log = openSync(path.join(this.#folder, 'log'), 'a');
    const child = spawn('unshare', [...own, `--host=${this.host}`, ...args], { stdio: ['ignore', log, log] });
    closeSync(log);
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#process = child;
    const answers = async (): Promise<boolean> => {
      if (!running.has(child)) throw new Error(readFileSync(path.join(this.#folder, 'log'), 'utf8').slice(-2000));
      await this.ask('version');
      return true;
    };
    await until('dockerd to answer', answers, { limitMs: 60_000, everyMs: 50 });
  }

  /** SIGKILL: it is gone, its containers run on. SIGSTOP: it is there and does nothing, until SIGCONT. */
  async signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const child = this.#process;
    if (!child) throw new Error('it does not run');
    child.kill(name);
    if (name === 'SIGKILL') await once(child, 'exit');
  }

  /** Runs the client on it. */
  async ask(...args: string[]): Promise<string> {
    const env = { ...process.env, DOCKER_HOST: this.host };
    return (await run('docker', args, { env, timeout: 60_000 })).stdout;
  }

  /** Gives it an image of the engine that everybody uses. */
  async copyImage(image: string): Promise<void> {
    await run('sh', ['-c', 'docker save "$0" | docker --host "$1" load', image, this.host], { timeout: 120_000 });
  }

  /** The names of its containers. */
  async containers(): Promise<string[]> {
    return (await this.ask('ps', '--all', '--format', '{{.Names}}')).split('\n').filter((name) => name !== '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process?.kill('SIGCONT');
    // One that was killed has left containers.
    if (!this.#process || !running.has(this.#process)) await this.start();
    const names = await this.containers();
    if (names.length > 0) await this.ask('rm', '--force', ...names);
    const exited = this.#process && once(this.#process, 'exit');
    this.#process?.kill('SIGTERM');
    await exited;
    for (const mount of this.#mounts()) await run('umount', ['--lazy', mount]);
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  /** It dies with a daemon that is killed; as long as the system has not buried it, the next one takes it for alive. */
  async #untilContainerdIsGone(): Promise<void> {
    const file = path.join(this.#folder, 'run/containerd/containerd.pid');
    if (!existsSync(file)) return;
    const pid = readFileSync(file, 'utf8').trim();
    await until('containerd to be gone', () => !existsSync(`/proc/${pid}`));
  }

  /** What a daemon that was killed has left mounted, the innermost first. */
  #mounts(): string[] {
    const all = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '');
    return all.filter((place) => place.startsWith(`${this.#folder}/`)).reverse();
  }
}
