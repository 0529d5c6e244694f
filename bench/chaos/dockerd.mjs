// A Docker daemon of our own, with its own data and socket, which may be killed and frozen. Needs root.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { commandLines } from './processes.mjs';

const baseImage = 'docker.io/library/node:22-bookworm-slim';

export class Dockerd {
  #folder;
  #child;
  #exited;

  /** @param {string} folder for all that it keeps */
  constructor(folder) {
    this.#folder = folder;
  }

  get environment() {
    return { ...process.env, DOCKER_HOST: `unix://${this.#folder}/docker.sock` };
  }

  /** Starts it, and gives it the base image out of the daemon of this machine. */
  async start() {
    await this.#spawn();
    const archive = path.join(this.#folder, 'base.tar');
    execFileSync('docker', ['save', '--output', archive, baseImage]);
    execFileSync('docker', ['load', '--input', archive], { env: this.environment, stdio: 'ignore' });
  }

  /** SIGKILL, and after a while it is back. @param {number} downMs */
  async restart(downMs) {
    this.#child.kill('SIGKILL');
    await this.#exited;
    await pause(downMs);
    await this.#spawn();
  }

  /** @param {number} frozenMs */
  async freeze(frozenMs) {
    this.#child.kill('SIGSTOP');
    await pause(frozenMs);
    this.#child.kill('SIGCONT');
  }

  /** Ends it, and all that a daemon that was killed has left to itself: its containerd, shims and mounts. */
  async stop() {
    this.#child.kill('SIGTERM');
    await this.#exited;
    const isOurs = (word) => word.includes(this.#folder);
    for (const { pid, words } of commandLines()) if (pid !== process.pid && words.some(isOurs)) kill(pid);
    await pause(1000);
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '');
    for (const mount of mounts.filter(isOurs).reverse()) execFileSync('umount', ['--lazy', mount]);
  }

  async #spawn() {
    const at = (name) => path.join(this.#folder, name);
    await this.#untilContainerdIsGone(at('exec/containerd/containerd.pid'));
    const log = openSync(at('dockerd.log'), 'a');
    // In a network of its own: with `--bridge=none` a daemon deletes the docker0 that it finds, whoever uses it.
    const args = ['--net', 'dockerd', '--bridge=none', '--iptables=false', '--ip6tables=false'];
    const places = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('dockerd.pid')];
    const all = [...args, ...places, '--host', `unix://${at('docker.sock')}`];
    this.#child = spawn('unshare', all, { stdio: ['ignore', log, log] });
    this.#exited = once(this.#child, 'exit');
    for (let attempt = 0; !this.#answers(); attempt++) {
      if (attempt > 300) throw new Error(`dockerd does not answer; see ${at('dockerd.log')}`);
      await pause(100);
    }
  }

  /** It dies with a daemon that is killed; as long as the system has not buried it, the next one takes it for alive. */
  async #untilContainerdIsGone(file) {
    if (!existsSync(file)) return;
    const pid = readFileSync(file, 'utf8').trim();
    while (existsSync(`/proc/${pid}`)) await pause(50);
  }

  #answers() {
    try {
      execFileSync('docker', ['version'], { env: this.environment, stdio: 'ignore', timeout: 2000 });
      return true;
    } catch {
      return false;
    }
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
