// What one client does on 2026-07-28, as JSON: `node modern-checks.mjs NAME URL FILE`. FILE is what the server of
// clients-modern.mjs writes to.
//
// A client is a module in modern/ with `connect(url, answer)`, which resolves to { listTools, callTool, abortTool, listen,
// close }; `answer` answers a question of the server. `notOffered` names what the client cannot do, with the reason.
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [name, url, file] = process.argv.slice(2);
const steps = 5;
const limitMs = 15_000;

// Libraries write to stdout as they please; the result has it for itself.
const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

const { connect, notOffered = {} } = await import(`./modern/${name}.mjs`);
const asked = [];
const session = await connect(url, (message) => {
  asked.push(message);
  return { action: 'accept', content: { name: 'Ada' } };
});

const found = {};
for (const [what, run] of Object.entries({ list, call, progress, elicitation, cancel, listen }))
  found[what] = notOffered[what] ?? (await outcome(run));
await session.close();
print(`${JSON.stringify(found)}\n`, () => process.exit());

async function outcome(run) {
  const deadline = new AbortController();
  const tooLate = sleep(limitMs, `no end within ${limitMs / 1000} s`, { signal: deadline.signal }).catch(
    () => undefined,
  );
  try {
    return await Promise.race([run(), tooLate]);
  } catch (error) {
    return `${error.name} ${error.code}: ${error.message}`;
  } finally {
    deadline.abort();
  }
}

async function list() {
  return (await session.listTools()).sort().join();
}

async function call() {
  return (await session.callTool('echo', { text: 'Grüße' })).text;
}

async function progress() {
  const seen = [];
  await session.callTool('progress', { steps }, (value) => seen.push(value));
  // A client may hand on the last one after the answer.
  await until(() => seen.length === steps);
  return seen.join();
}

/** The server asks in the middle of a call, and goes on with what it is answered. */
async function elicitation() {
  const { text } = await session.callTool('greet', {});
  return [...asked, text].join(' ');
}

/** A call that its caller gives up: what the server heard of it. */
async function cancel() {
  const abort = new AbortController();
  const call = session.abortTool('wait', abort.signal).then(
    () => 'an answer',
    () => 'given up',
  );
  await until(() => record().includes('begun'));
  abort.abort();
  const how = await call;
  await until(() => record().includes('cancelled'));
  return [how, ...record()].join();
}

/** Hears that the tools have changed. */
async function listen() {
  let heard = 0;
  await session.listen(() => {
    heard += 1;
  });
  await session.callTool('change', {});
  await until(() => heard > 0);
  return 'heard';
}

function record() {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

async function until(look) {
  for (const giveUpAt = performance.now() + limitMs; !look() && performance.now() < giveUpAt;) await sleep(20);
}
