// The real program, which can be killed and comes back under the same address.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { exchange, parse } from './wire.mjs';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export class Bridge {
  #around;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  #exited;

  /** @param {{ url: string, file: string, logFile: string, engine: string, environment: NodeJS.ProcessEnv, history: import('./history.mjs').History, now: () => number }} around */
  constructor(around) {
    this.#around = around;
  }

  /** The life that it lives now, or lived last. */
  get life() {
    return this.#around.history.lives.at(-1);
  }

  get isUp() {
    return this.life?.readyAt !== undefined && this.life.signalledAt === undefined;
  }

  /** Starts it. Resolves when it is ready. @throws when it is not within a minute */
  async start() {
    const { history, now, file, engine, environment, logFile } = this.#around;
    const log = openSync(logFile, 'a');
    const args = [main, 'serve', '--config', file, '--engine', engine, '--log-format', 'json'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', log, log], env: environment });
    /** @type {import('./history.mjs').Life} */
    const life = { pid: child.pid ?? 0, startedAt: now() };
    history.lives.push(life);
    this.#child = child;
    this.#exited = once(child, 'exit').then(([code, signal]) => {
      life.exitedAt = now();
      life.exit = code ?? signal;
    });
    while (!(await this.#isReady())) {
      if (life.exitedAt !== undefined) throw new Error(`The bridge ended by itself: ${life.exit}`);
      if (now() - life.startedAt > 60_000) throw new Error('The bridge is not ready after a minute');
      await pause(25);
    }
    life.readyAt = now();
  }

  /** Ends it. Resolves when it has exited. @param {'SIGKILL' | 'SIGTERM'} signal */
  async end(signal) {
    const { life } = this;
    if (!life || life.exitedAt !== undefined) return;
    life.signal = signal;
    life.signalledAt = this.#around.now();
    this.#child?.kill(signal);
    await this.#exited;
  }

  /** What `/status` says of the launcher; undefined when there is no answer. @returns {Promise<{ pid: number | null } | undefined>} */
  async launcher() {
    return (await this.#wholeStatus())?.engine.launcher;
  }

  /** `/status`, cut down to what counts here; undefined when there is no answer. @returns {Promise<import('./history.mjs').Status & { instance: string } | undefined>} */
  async status() {
    const all = await this.#wholeStatus();
    if (!all) return undefined;
    const { instance, containers: held, sessions, load, servers } = all;
    const { refusals, loopDelayMs, isRefusing } = load;
    return { instance, held, sessions, refusals, loopDelayMs, isRefusing, servers: slots(servers) };
  }

  async #wholeStatus() {
    const { status, text } = await exchange(`${this.#around.url}/status`, {
      method: 'GET',
      headers: { accept: '*/*' },
      limitMs: 10_000,
    }).ended;
    return status === 200 ? parse(text) : undefined;
  }

  async #isReady() {
    return (
      (await exchange(`${this.#around.url}/readyz`, { method: 'GET', headers: { accept: '*/*' }, limitMs: 2000 }).ended)
        .status === 200
    );
  }
}

function slots(servers) {
  return Object.fromEntries(
    Object.entries(servers).map(([name, { pool }]) => {
      const { warm = 0, leased = 0, ready = 0, draining = 0, starting, retiring, starts, max } = pool;
      return [name, { solid: warm + leased + ready + draining, moving: starting + retiring, starts, max }];
    }),
  );
}

/** A port that is free now, and stays the same when the bridge is started again. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
