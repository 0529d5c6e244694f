// What is measured, and how each is started: on the same servers, with what it does by default.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { programOf } from './install.mjs';
import { childWith } from './process-facts.mjs';

/**
 * @typedef {{ url: string } | { command: readonly string[] }} Place
 * @typedef {{ name: string, at: Place, pid?: number, launcherPid?: number, stop: () => Promise<void> }} Target
 */

const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const startMs = 30_000;
const stopMs = 10_000;
/** Each has a file of its own, since it reads it again when it changes. */
let gangways = 0;
/** Whatever happens to this process, nothing that it has started goes on. */
const running = new Set();
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

const starters = { ideal, gangway, 'gangway-shared': gangwayShared, supergateway, 'mcp-proxy': mcpProxy, direct };

/**
 * @param {string} name of `starters`
 * @param {{ folder: string, command: readonly string[], engine?: string }} around the server that it is to start
 * @param {object} [entry] what else `servers.yaml` says of the server, for Gangway
 * @returns {Promise<Target>}
 */
export function start(name, around, entry = {}) {
  return starters[name](around, entry);
}

async function ideal({ command }) {
  const bridge = new Program([here('ideal.mjs'), ...command]);
  const url = await bridge.says(/^ready (\S+)/m);
  return { name: 'ideal', at: { url }, pid: bridge.pid, stop: () => bridge.kill() };
}

/** Everything on, as it is by default; only its caps are raised to what the other ones allow. */
async function gangway({ folder, command, engine = 'auto' }, entry, name = 'gangway') {
  const stem = path.join(folder, `${name}-${++gangways}`);
  const file = `${stem}.yaml`;
  const source = entry.image === undefined ? { command } : {};
  const server = { ...source, ...entry, pool: { max: 2000, queue: 2000, acquireTimeout: '60s', ...entry.pool } };
  const limits = { containers: 0, sessions: 10_000 };
  writeFileSync(file, JSON.stringify({ listen: { port: 0 }, engine, limits, servers: { echo: server } }));
  const args = ['serve', '--config', file, '--allow-process'];
  const bridge = new Program([here('../../dist/main.js'), ...args], `${stem}.log`);
  const url = `${await bridge.says(/^Gangway \S+ on (\S+)/m)}/echo/mcp`;
  await bridge.says(/^(✓ echo)/m);
  return {
    name,
    at: { url },
    pid: bridge.pid,
    launcherPid: childWith(bridge.pid, 'launcher'),
    stop: () => bridge.stop(),
  };
}

/** One server process for all sessions. */
function gangwayShared(around, entry) {
  const pool = { min: 1, max: 1, target: 1000, maxOngoing: 2000, ...entry.pool };
  return gangway(around, { sharing: 'shared', ...entry, pool }, 'gangway-shared');
}

async function supergateway({ command }) {
  const port = await freePort();
  const line = command.map((word) => JSON.stringify(word)).join(' ');
  const args = ['--stdio', line, '--outputTransport', 'streamableHttp', '--stateful', '--logLevel', 'none'];
  return listening('supergateway', [...args, '--port', String(port)], port);
}

async function mcpProxy({ command }) {
  const port = await freePort();
  const args = ['--server', 'stream', '--host', '127.0.0.1', '--port', String(port), '--', ...command];
  return listening('mcp-proxy', args, port);
}

/** @returns {Promise<Target>} a peer that answers at a port */
async function listening(name, args, port) {
  const bridge = new Program([programOf(name), ...args]);
  await bridge.listensOn(port);
  return { name, at: { url: `http://127.0.0.1:${port}/mcp` }, pid: bridge.pid, stop: () => bridge.kill() };
}

/** No bridge: the client starts the server itself. */
function direct({ command }) {
  return Promise.resolve({ name: 'direct', at: { command }, stop: () => Promise.resolve() });
}

/** A Node program that serves until it is stopped. */
class Program {
  #child;
  #said = '';
  #exited;

  constructor(args, logFile) {
    const log = logFile === undefined ? 'ignore' : openSync(logFile, 'a');
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', log] });
    this.#child.stdout.on('data', (chunk) => (this.#said += chunk));
    running.add(this.#child);
    this.#exited = once(this.#child, 'exit').then(() => running.delete(this.#child));
    this.what = args
      .slice(0, 2)
      .map((word) => path.basename(word))
      .join(' ');
  }

  get pid() {
    return this.#child.pid;
  }

  /** @param {RegExp} pattern @returns {Promise<string>} its first group */
  async says(pattern) {
    await this.#until(() => pattern.test(this.#said));
    return pattern.exec(this.#said)[1];
  }

  listensOn(port) {
    return this.#until(async () => {
      const socket = connect(port, '127.0.0.1');
      const isThere = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      return isThere;
    });
  }

  /** Its servers end with their input. */
  async kill() {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** What it has to remove, it removes. */
  async stop() {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopMs);
    await this.#exited;
    clearTimeout(timer);
  }

  async #until(isTrue) {
    const startedAt = performance.now();
    while (!(await isTrue())) {
      if (this.#child.exitCode !== null)
        throw new Error(`${this.what} ended with ${this.#child.exitCode}: ${this.#said}`);
      if (performance.now() - startedAt > startMs) throw new Error(`${this.what} is not ready after ${startMs} ms`);
      await pause(20);
    }
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
