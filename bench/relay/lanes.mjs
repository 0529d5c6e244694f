// Where a call goes: a lane carries one at a time. Of an HTTP session each lane is a connection of its own; of a stdio
// session all lanes are the same pair of pipes.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { faultOf, faultOfResponse } from './answers.mjs';
import { ResponseReader } from './response-reader.mjs';

const protocolVersion = '2025-06-18';
const initialize = {
  ...{ jsonrpc: '2.0', id: 0, method: 'initialize' },
  params: { protocolVersion, capabilities: {}, clientInfo: { name: 'bench', version: '1' } },
};
const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
const readBytes = 262_144;

/** A session of a bridge. */
export class HttpSession {
  #url;
  /** The connections that it has, each a lane. */
  #connections = [];
  #id;
  #head;

  /** @param {string} url */
  constructor(url) {
    this.#url = new URL(url);
  }

  /** @returns how long the answer to `initialize` took, in ms @throws when it is refused */
  async open() {
    const connection = this.#connection(0);
    const startedAt = performance.now();
    const { status, sessionId, body } = await connection.exchange(this.#request('POST', JSON.stringify(initialize)));
    const ms = performance.now() - startedAt;
    if (status !== 200) throw new Error(`initialize: HTTP ${status} ${body}`);
    this.#id = sessionId;
    await connection.exchange(this.#request('POST', JSON.stringify(initialized)));
    this.#head = this.#heading('POST');
    return ms;
  }

  /** @returns {(call: import('./answers.mjs').Call, body: string, done: (fault: string | undefined) => void) => void} */
  lane(number) {
    return (call, body, done) => {
      this.#connection(number).send(`${this.#head}Content-Length: ${body.length}\r\n\r\n${body}`, (response) =>
        done(response ? faultOfResponse(call, response) : 'the connection was closed before the answer'),
      );
    };
  }

  /** Gives the connections back; the session stays. */
  rest() {
    for (const connection of this.#connections) connection.close();
    this.#connections = [];
  }

  async close() {
    await this.#connection(0).exchange(this.#request('DELETE', ''));
    this.rest();
  }

  #connection(number) {
    if (this.#connections[number]?.isUsable !== true) {
      this.#connections[number]?.close();
      this.#connections[number] = new Connection(this.#url);
    }
    return this.#connections[number];
  }

  #request(method, body) {
    return `${this.#heading(method)}Content-Length: ${body.length}\r\n\r\n${body}`;
  }

  #heading(method) {
    const { host, pathname } = this.#url;
    const session = this.#id ? `Mcp-Session-Id: ${this.#id}\r\nMcp-Protocol-Version: ${protocolVersion}\r\n` : '';
    const types = 'Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n';
    return `${method} ${pathname} HTTP/1.1\r\nHost: ${host}\r\n${types}${session}`;
  }
}

/** A keep-alive connection with one request under way at most. */
class Connection {
  #socket;
  #onResponse;
  #usedAt = performance.now();

  constructor({ hostname, port }) {
    const reader = new ResponseReader((response) => this.#settle(response));
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const callback = (length) => {
      reader.push(buffer.subarray(0, length));
      return true;
    };
    this.#socket = connect({ host: hostname, port, noDelay: true, onread: { buffer, callback } });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => this.#settle(undefined));
  }

  /** A server closes what is idle for long, and Node's do so after 5 s. */
  get isUsable() {
    return !this.#socket.destroyed && performance.now() - this.#usedAt < 3000;
  }

  /** @param {string} request @param {(response: import('./response-reader.mjs').Response | undefined) => void} onResponse without one when there is none */
  send(request, onResponse) {
    this.#onResponse = onResponse;
    this.#socket.write(request, 'latin1');
  }

  async exchange(request) {
    const response = await new Promise((resolve) => {
      this.send(request, (response) => resolve(response && { ...response, body: response.body.latin1Slice() }));
    });
    if (!response) throw new Error('The connection was closed before the answer');
    return response;
  }

  close() {
    this.#socket.destroy();
  }

  #settle(response) {
    const onResponse = this.#onResponse;
    this.#onResponse = undefined;
    this.#usedAt = performance.now();
    onResponse?.(response);
  }
}

/** A server without any bridge: what the client itself costs, and the server. */
export class StdioSession {
  #child;
  /** The calls under way, by what names them: [call, messages so far, done]. */
  #waiting = new Map();
  #parts = [];

  /** @param {readonly string[]} command */
  constructor(command) {
    this.#child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdout.on('data', (chunk) => this.#read(chunk));
    this.#child.stdin.on('error', () => undefined);
    this.#child.on('close', () => {
      for (const [, , done] of this.#waiting.values()) done('the server ended before the answer');
    });
  }

  async open() {
    const startedAt = performance.now();
    await new Promise((resolve) => this.lane()({ id: 0, text: '' }, JSON.stringify(initialize), resolve));
    const ms = performance.now() - startedAt;
    this.#child.stdin.write(`${JSON.stringify(initialized)}\n`);
    return ms;
  }

  lane() {
    return (call, body, done) => {
      const entry = [call, [], done];
      this.#waiting.set(call.id, entry);
      if (call.token) this.#waiting.set(call.token, entry);
      this.#child.stdin.write(`${body}\n`, 'latin1');
    };
  }

  rest() {
    // Its pipes are all that it has.
  }

  async close() {
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin.end();
    await closed;
  }

  #read(chunk) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      this.#hear(Buffer.concat([...this.#parts, chunk.subarray(from, end)]));
      this.#parts = [];
      from = end + 1;
    }
    if (from < chunk.length) this.#parts.push(chunk.subarray(from));
  }

  #hear(line) {
    const key = keyOf(line);
    const entry = this.#waiting.get(key);
    if (!entry) return;
    const [call, messages, done] = entry;
    messages.push(line);
    if (key !== call.id) return;
    this.#waiting.delete(call.id);
    this.#waiting.delete(call.token);
    done(faultOf(call, messages));
  }
}

/** The id of an answer, or the token of progress. The echo server puts it in front, others where they like. */
function keyOf(line) {
  const front = line.latin1Slice(0, Math.min(200, line.length));
  const found = /"(?:id|progressToken)":("[^"]*"|\d+)/.exec(front)?.[1];
  if (found !== undefined) return JSON.parse(found);
  const { id, params } = JSON.parse(line.toString());
  return id ?? params?.progressToken;
}
