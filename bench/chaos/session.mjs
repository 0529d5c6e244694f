// One MCP session of a client, over bare HTTP, that writes down all that it sees.
import { setTimeout as pause } from 'node:timers/promises';
import { exchange, parse } from './wire.mjs';

/**
 * @typedef {object} Manner how the client behaves during a call
 * @property {number} [cancelAfterMs]
 * @property {number} [leaveAfterMs] tears its connection, and comes back
 * @property {number} [awayMs] for so long it is away
 */

const protocolVersion = '2025-11-25';

export class Session {
  /** @type {import('./history.mjs').Session | undefined} */
  record;
  /** Whether the bridge does not know it any more. */
  isOver = false;
  #id;
  #url;
  #around;
  #client;
  #server;
  #key;
  #lastCall = 0;

  /**
   * @param {{ url: string, history: import('./history.mjs').History, now: () => number, limitMs: number, agent?: import('node:http').Agent }} around
   * @param {number} client @param {'own' | 'common'} server @param {string} key
   */
  constructor(around, client, server, key) {
    this.#around = around;
    this.#client = client;
    this.#server = server;
    this.#key = key;
    this.#url = `${around.url}/${server}/mcp`;
  }

  /** Opens it. @returns {Promise<import('./history.mjs').Call>} how that went; the session can be used when it was answered */
  async open() {
    const { history, now } = this.#around;
    const clientInfo = { name: this.#key, version: '1' };
    const params = { protocolVersion, capabilities: {}, clientInfo };
    const call = this.#begin('initialize', this.#key);
    let info;
    const posted = this.#post({ jsonrpc: '2.0', id: 0, method: 'initialize', params }, (message) => {
      info = message.result?.serverInfo;
      const nonce = this.#server === 'own' ? info?.firstClient : this.#key;
      this.#answer(call, message, { nonce: message.error ? undefined : nonce, container: info?.container });
    });
    const end = await posted.ended;
    this.#settle(call, end);
    if (call.outcome !== 'answered') return call;
    this.#id = end.headers['mcp-session-id'];
    const container = this.#server === 'own' ? { container: info?.container } : {};
    this.record = { key: this.#key, server: this.#server, openedAt: now(), ...container };
    history.sessions.push(this.record);
    await this.#notify('notifications/initialized');
    return call;
  }

  /** @param {string} tool @param {object} args @param {Manner} manner */
  async call(tool, args, manner = {}) {
    const { now } = this.#around;
    this.#lastCall += 1;
    const id = this.#lastCall % 3 === 0 ? `call-${this.#lastCall}` : this.#lastCall;
    const nonce = `${this.#key}.${this.#lastCall}`;
    const call = this.#begin(tool, nonce);
    let lastEventId;
    const onMessage = (message) => this.#onMessage(call, id, message);
    const onEventId = (eventId) => (lastEventId = eventId);
    const params = { name: tool, arguments: { ...args, nonce }, _meta: { progressToken: id } };
    const posted = this.#post({ jsonrpc: '2.0', id, method: 'tools/call', params }, onMessage, onEventId);
    const timers = [];
    if (manner.cancelAfterMs !== undefined) timers.push(setTimeout(() => this.#cancel(call, id), manner.cancelAfterMs));
    if (manner.leaveAfterMs !== undefined) {
      timers.push(
        setTimeout(() => {
          if (call.answers.length === 0) call.leftAt ??= now();
          posted.destroy();
        }, manner.leaveAfterMs),
      );
    }
    let end = await posted.ended;
    for (const timer of timers) clearTimeout(timer);
    // Also a stream that ends in order without the answer is one to come back to.
    for (let visit = 1; this.#isToCome(call, end) && lastEventId !== undefined && visit <= 3; visit++) {
      await pause(manner.awayMs ?? 1000);
      end = await this.#resume(lastEventId, onMessage, onEventId);
    }
    this.#settle(call, end);
    return call;
  }

  /** Listens to what belongs to no call, until the session ends. @returns {() => void} stops it */
  listen() {
    const { history, now } = this.#around;
    const heard = this.#begin('listen', `${this.#key}.get`);
    const got = exchange(this.#url, { method: 'GET', headers: this.#headers(), limitMs: 2 ** 30 }, (message) => {
      // Answers and progress belong to the streams of their calls.
      if (message.method === undefined || message.params?.progressToken !== undefined) {
        heard.foreign.push(JSON.stringify(message).slice(0, 200));
        heard.outcome = 'left';
        heard.endedAt = now();
        history.calls.push(heard);
      }
    });
    return got.destroy;
  }

  async delete() {
    if (this.record) this.record.deletedAt = this.#around.now();
    this.isOver = true;
    await exchange(this.#url, { method: 'DELETE', headers: this.#headers(), limitMs: 10_000 }).ended;
  }

  /** Its client loses interest without a word. */
  leave() {
    if (this.record) this.record.leftAt = this.#around.now();
    this.isOver = true;
  }

  #begin(tool, nonce) {
    const { now } = this.#around;
    const who = { client: this.#client, session: this.#key, server: this.#server, tool, nonce };
    return { ...who, askedAt: now(), endedAt: 0, outcome: 'silent', answers: [], foreign: [] };
  }

  #post(body, onMessage, onEventId) {
    const { limitMs, agent } = this.#around;
    return exchange(this.#url, { body, headers: this.#headers(), limitMs, agent }, onMessage, onEventId);
  }

  async #resume(lastEventId, onMessage, onEventId) {
    const headers = { ...this.#headers(), 'last-event-id': lastEventId };
    const { limitMs } = this.#around;
    return exchange(this.#url, { method: 'GET', headers, limitMs }, onMessage, onEventId).ended;
  }

  #headers() {
    return this.#id === undefined ? {} : { 'mcp-session-id': this.#id, 'mcp-protocol-version': protocolVersion };
  }

  #notify(method, params) {
    return this.#post({ jsonrpc: '2.0', method, ...(params ? { params } : {}) }).ended;
  }

  #cancel(call, id) {
    if (call.answers.length > 0) return;
    call.cancelledAt = this.#around.now();
    void this.#notify('notifications/cancelled', { requestId: id, reason: 'chaos' });
  }

  #onMessage(call, id, message) {
    if (message.method === 'notifications/progress') {
      call.didProgress = true;
      const [nonce] = String(message.params.message).split(' ', 1);
      if (nonce !== call.nonce || message.params.progressToken !== id) call.foreign.push(nonce);
    } else if (message.method !== undefined) {
      call.foreign.push(message.method);
    } else if (message.id !== id) {
      call.foreign.push(`answer to ${JSON.stringify(message.id)}`);
    } else {
      const said = parse(message.result?.content?.[0]?.text ?? '') ?? {};
      this.#answer(call, message, { nonce: said.nonce, container: said.container });
      // A server of one's own has never heard of anybody else.
      if (this.#server === 'own' && said.firstClient !== undefined && said.firstClient !== this.#key)
        call.foreign.push(said.firstClient);
    }
  }

  #answer(call, { error }, { nonce, container }) {
    const at = this.#around.now();
    const reason = error && { reason: error.data?.gangway?.reason ?? String(error.code) };
    call.answers.push({ at, ...(nonce ? { nonce } : {}), ...(container ? { container } : {}), ...reason });
  }

  #isToCome(call, end) {
    return call.answers.length === 0 && call.cancelledAt === undefined && (end.status === 200 || end.status === 0);
  }

  /** @param {import('./wire.mjs').Ended} end */
  #settle(call, end) {
    const { history, now } = this.#around;
    call.endedAt = now();
    call.outcome = outcomeOf(call, end);
    if (end.status === 200) call.wasBegun = true;
    if (call.outcome === 'refused') call.reason = reasonOf(end);
    if (call.outcome === 'cut' || call.outcome === 'silent') call.reason = end.error ?? `status ${end.status}`;
    if (end.status === 404) this.isOver = true;
    history.calls.push(call);
  }
}

/** @returns {import('./history.mjs').Outcome} */
function outcomeOf(call, end) {
  const [answer] = call.answers;
  if (answer) return answer.reason === undefined ? 'answered' : 'failed';
  if (end.status >= 400) return 'refused';
  if (call.cancelledAt !== undefined) return 'cancelled';
  if (end.error === 'LIMIT' || (end.status === 200 && end.isWhole)) return 'silent';
  if (call.leftAt !== undefined) return 'left';
  return 'cut';
}

/** @param {import('./wire.mjs').Ended} end */
function reasonOf(end) {
  return parse(end.text)?.error?.data?.gangway?.reason ?? `HTTP ${end.status}`;
}
