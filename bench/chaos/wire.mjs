// HTTP as it is: no fetch, no SDK, so that a socket can be torn at any moment.
import { Agent, request } from 'node:http';

/**
 * @typedef {object} Ended how a response ended
 * @property {number} status 0 when none came
 * @property {Record<string, string | string[] | undefined>} headers
 * @property {boolean} isWhole whether it came to its proper end
 * @property {string} [error] of the connection, such as ECONNREFUSED
 * @property {string} text what came, unless it was a stream
 */

/** One connection for each request: which request a lost connection belonged to is then never in doubt. */
const oneEach = new Agent({ keepAlive: false });

/**
 * One request.
 *
 * @param {string} url
 * @param {{ method?: string, headers?: Record<string, string>, body?: unknown, limitMs?: number, agent?: Agent }} options
 * @param {(message: object, eventId: string | undefined) => void} [onMessage] each JSON-RPC message, as it comes
 * @param {(eventId: string) => void} [onEventId] each id of an event, also of those without a message
 * @returns {{ ended: Promise<Ended>, destroy: () => void }} `ended` never rejects
 */
export function exchange(url, options, onMessage = () => undefined, onEventId = () => undefined) {
  const { method = 'POST', headers = {}, body, limitMs = 60_000, agent = oneEach } = options;
  const text = body === undefined ? undefined : JSON.stringify(body);
  const outgoing = request(url, {
    ...{ method, agent },
    headers: {
      accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
      ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      ...headers,
    },
  });
  const ended = new Promise((resolve) => {
    const timer = setTimeout(() => outgoing.destroy(Object.assign(new Error('limit'), { code: 'LIMIT' })), limitMs);
    const finish = (end) => {
      clearTimeout(timer);
      resolve({ status: 0, headers: {}, isWhole: false, text: '', ...end });
    };
    outgoing.once('error', ({ code, message }) => finish({ error: code ?? message }));
    outgoing.once('response', (response) => {
      const read = reader(response, onMessage, onEventId);
      const head = { status: response.statusCode ?? 0, headers: response.headers };
      let error;
      response.on('data', (chunk) => read.push(chunk));
      response.once('error', (reason) => (error = reason.code ?? reason.message));
      response.once('close', () =>
        finish({ ...head, isWhole: response.complete, text: read.end(response.complete), error }),
      );
    });
  });
  outgoing.end(text);
  return { ended, destroy: () => outgoing.destroy() };
}

/** Takes the body in, as a document or as an event stream. */
function reader(response, onMessage, onEventId) {
  response.setEncoding('utf8');
  const isStream = response.headers['content-type']?.startsWith('text/event-stream') === true;
  let rest = '';
  return {
    push: (chunk) => {
      rest += chunk;
      if (!isStream) return;
      const events = rest.split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) readEvent(event, onMessage, onEventId);
    },
    end: (isComplete) => {
      if (isStream) return '';
      const message = isComplete ? parse(rest) : undefined;
      if (message !== undefined && response.statusCode === 200) onMessage(message, undefined);
      return rest;
    },
  };
}

function readEvent(event, onMessage, onEventId) {
  const field = (name) =>
    event
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2);
  const id = field('id');
  if (id !== undefined) onEventId(id);
  const message = parse(field('data') ?? '');
  if (message !== undefined) onMessage(message, id);
}

/** @param {string} text @returns {any} undefined when it is no JSON */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
