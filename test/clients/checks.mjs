// Runs the checks of one client and prints what came of each as JSON: `node checks.mjs NAME URL`.
//
// A client is a module beside this one with `connect(url)`, which resolves to { first, listTools, callTool, close }:
// `first` is the text that `echo` gave to "hello", a call resolves to { text, isError } or rejects with what the client
// throws. `notOffered` names the checks that the client cannot do, with the reason.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const [name, url] = process.argv.slice(2);
const bigBytes = 20_000_000;
const steps = 5;
const limitMs = 20_000;
/** By when the client knows that its server has ended; far below any time limit for a call. */
const deathMs = 5_000;

// Libraries write to stdout as they please; the result has it for itself.
const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

/** What the client has no means for. It is a fact, not a failure. */
class NotOffered extends Error {}

const { connect, notOffered = {}, progressNote } = await import(`./${name}.mjs`);
const checks = { list, call, progress, big, errors, reconnect, leave };
let session;
let revision;

const found = { connect: await check('connect', open) };
if (session) for (const [what, run] of Object.entries(checks)) found[what] = await check(what, run);
print(`${JSON.stringify({ revision, found })}\n`, () => process.exit());

async function check(what, run) {
  if (notOffered[what]) return { mark: 'not offered', note: notOffered[what] };
  const deadline = new AbortController();
  const tooLate = sleep(limitMs, undefined, { signal: deadline.signal }).then(() => {
    throw new Error(`no end within ${limitMs / 1000} s`);
  });
  try {
    return { mark: 'pass', note: await Promise.race([run(), tooLate]) };
  } catch (error) {
    return { mark: error instanceof NotOffered ? 'not offered' : 'fail', note: wordsOf(error.message) };
  } finally {
    deadline.abort();
    tooLate.catch(() => undefined);
  }
}

async function open() {
  session = await connect(url);
  expectEqual(session.first, 'hello');
  revision = JSON.parse((await session.callTool('who', {})).text).protocolVersion;
}

async function list() {
  const tools = await session.listTools();
  for (const tool of ['echo', 'progress', 'big', 'digest', 'fail', 'refuse', 'die', 'who']) {
    if (!tools.includes(tool)) throw new Error(`the tool "${tool}" is not in the list`);
  }
}

async function call() {
  const text = 'Grüße, "€" \\ 𝄞\n';
  expectEqual((await session.callTool('echo', { text })).text, text);
}

async function progress() {
  const seen = [];
  await session.callTool('progress', { steps }, (value) => seen.push(value));
  // A client may hand on the last one after the answer.
  await sleep(50);
  expectEqual(seen.join(), Array.from({ length: steps }, (_, index) => index + 1).join());
  return progressNote;
}

async function big() {
  const { text } = await session.callTool('big', { bytes: bigBytes });
  const digest = createHash('sha256').update(text).digest('hex');
  const { text: wanted } = await session.callTool('digest', { bytes: bigBytes });
  expectEqual(`${Buffer.byteLength(text)}:${digest}`, wanted);
}

/** Both kinds reach the application with their words, and it can tell which is which. */
async function errors() {
  const ofTool = await outcome('fail');
  const ofProtocol = await outcome('refuse');
  if (ofTool.how === 'a result') throw new Error('the error of a tool looks like a success');
  if (!ofTool.text.includes('the probe did not do it')) throw new Error(`the error of a tool is ${ofTool.text}`);
  if (!ofProtocol.text.includes('the probe refuses')) throw new Error(`the JSON-RPC error is ${ofProtocol.text}`);
  const notes = [];
  if (ofTool.how === ofProtocol.how) notes.push(`both are ${ofTool.how}, the message tells them apart`);
  if (ofProtocol.code !== -32050 && !ofProtocol.text.includes('-32050'))
    notes.push('the code of a JSON-RPC error is lost');
  return notes.join('; ') || undefined;
}

/** The server's process ends in the middle of a call. */
async function reconnect() {
  const startedAt = performance.now();
  const death = await outcome('die');
  if (death.how === 'a result') throw new Error('the call that ended the server succeeded');
  if (performance.now() - startedAt > deathMs)
    throw new Error(`the call that ended the server took over ${deathMs} ms`);
  const first = await outcome('echo', { text: 'again' });
  if (first.text === 'again') return session.isOneShot ? 'each command' : 'by itself';
  const second = await outcome('echo', { text: 'again' });
  if (second.text === 'again') return 'by itself, after one more failed call';
  // The session is over: a client that wants to end it may be told so.
  await session.close().catch(() => undefined);
  session = await connect(url);
  expectEqual((await outcome('echo', { text: 'again' })).text, 'again');
  return `connect again; until then calls fail with "${wordsOf(second.text)}"`;
}

/** Whether the server hears that the client is done. */
async function leave() {
  await session.close();
  const { pathname, origin } = new URL(url);
  const server = pathname.split('/')[1];
  for (let count = 0; count < 20; count++) {
    const { servers } = await (await fetch(`${origin}/status`)).json();
    if (servers[server].sessions === 0) return;
    await sleep(50);
  }
  throw new NotOffered('it never ends its session, which stays until `pool.idleTimeout`');
}

/** How a call shows to the application. */
async function outcome(tool, args = {}) {
  try {
    const { text, isError } = await session.callTool(tool, args);
    return { how: isError ? 'a result with isError' : 'a result', text };
  } catch (error) {
    return { how: `thrown as ${error.name}`, text: String(error.message), code: error.code };
  }
}

/** What a message says, without the JSON around it. */
function wordsOf(message) {
  const words = /"message":"([^"]*)"/.exec(message)?.[1] ?? message;
  return words.replaceAll(url, 'URL').replace(/\s+/g, ' ').slice(0, 120);
}

function expectEqual(is, wanted) {
  if (is !== wanted) throw new Error(`got "${String(is).slice(0, 80)}", wanted "${wanted.slice(0, 80)}"`);
}
