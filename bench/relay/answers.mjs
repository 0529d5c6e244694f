// Whether an answer is the one to this call: its id, the text that only this session sent, its length, its progress.

/** @typedef {{ id: number, text: string, token?: string, steps?: number }} Call what was asked, and what is wanted back */

/** From here on a message is not parsed as a whole: its text is looked for, taken out, and the rest is. */
const largeBytes = 65_536;

/**
 * @param {Call} call
 * @param {import('./response-reader.mjs').Response} response
 * @returns {string | undefined} what is wrong with it
 */
export function faultOfResponse(call, { status, contentType, body }) {
  if (status !== 200) return `HTTP ${status}`;
  return faultOf(call, contentType.startsWith('text/event-stream') ? events(body) : [body]);
}

/** @param {Call} call @param {Buffer[]} messages all that came for it, in order @returns {string | undefined} */
export function faultOf(call, messages) {
  try {
    const last = messages.length - 1;
    if (last < 0) return 'no answer';
    if (last !== (call.steps ?? 0)) return `${last} messages before the answer, wanted ${call.steps ?? 0}`;
    for (let i = 0; i < last; i++) {
      const fault = faultOfProgress(call, i + 1, JSON.parse(messages[i].latin1Slice()));
      if (fault) return fault;
    }
    return messages[last].length < largeBytes
      ? faultOfAnswer(call, JSON.parse(messages[last].latin1Slice()), call.text)
      : faultOfLarge(call, messages[last]);
  } catch (error) {
    return `no JSON: ${error.message}`;
  }
}

function faultOfProgress({ token }, wanted, { method, params }) {
  if (method !== 'notifications/progress') return `"${method}" before the answer`;
  if (params.progressToken !== token) return `progress of ${params.progressToken}, wanted ${token}`;
  return params.progress === wanted ? undefined : `progress ${params.progress}, wanted ${wanted}`;
}

function faultOfAnswer({ id }, message, text) {
  if (message.id !== id) return `answer to ${message.id}, wanted ${id}`;
  if (message.error) return `error: ${message.error.message}`;
  const got = message.result?.content?.[0]?.text;
  if (got === text) return undefined;
  if (typeof got !== 'string') return 'an answer without a text';
  return got.length === text.length
    ? `the text of another call: ${got.slice(0, 20)}`
    : `${got.length} characters, wanted ${text.length}`;
}

function faultOfLarge(call, message) {
  const at = message.indexOf(call.text, 0, 'latin1');
  if (at === -1) return `a text that is not this call's, in ${message.length} bytes`;
  const rest = message.latin1Slice(0, at) + message.latin1Slice(at + call.text.length);
  return faultOfAnswer(call, JSON.parse(rest), '');
}

/** The messages of an event stream; events without one are left out. */
function events(body) {
  const messages = [];
  for (let from = 0; from < body.length;) {
    const newline = body.indexOf(10, from);
    const end = newline === -1 ? body.length : newline;
    // "data:", with or without a space
    if (body[from] === 0x64 && body[from + 4] === 0x3a) {
      const start = from + (body[from + 5] === 0x20 ? 6 : 5);
      if (end > start) messages.push(body.subarray(start, end));
    }
    from = end + 1;
  }
  return messages;
}
