// The stdio MCP server of bench/chaos and bench/scale.mjs, without dependencies. All that it says about a call carries
// the nonce of that call, the container that says it, and the first client that this process ever heard of.
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';

const container = hostname();
let firstClient;

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => resolve(clearTimeout(timer)));
  });
const drained = (stream, chunk) => new Promise((resolve) => stream.write(chunk, resolve));
const forever = new Promise(() => undefined);

/** Name → (arguments, { token, signal }). Those below `hang` are what a nemesis asks for. */
const tools = {
  echo: () => undefined,
  slow: ({ ms }, { signal }) => sleep(ms, signal),
  /** Progress, one after the other, each with the nonce and so many bytes. */
  steps: async ({ nonce, count, ms, bytes = 0 }, { token: progressToken, signal }) => {
    for (let progress = 1; progress <= count && !signal.aborted; progress++) {
      if (ms > 0) await sleep(ms, signal);
      const message = `${nonce} ${'.'.repeat(bytes)}`;
      send({ method: 'notifications/progress', params: { progressToken, progress, total: count, message } });
    }
  },
  hang: () => {
    process.kill(process.pid, 'SIGSTOP');
    return forever;
  },
  die: () => process.exit(7),
  /** More memory than the container may have. */
  exhaust: async () => {
    const held = [];
    for (;;) {
      held.push(Buffer.alloc(8 * 1024 * 1024, held.length + 1));
      await new Promise(setImmediate);
    }
  },
  /** 16 MiB on stderr, then the answer. */
  scream: async () => {
    for (let left = 256; left > 0; left--) await drained(process.stderr, `${'a'.repeat(64 * 1024 - 1)}\n`);
  },
  /** Lines that are no messages. */
  babble: async () => {
    for (let left = 5000; left > 0; left--) await drained(process.stdout, 'this is no message\n');
    return forever;
  },
  /** A line without an end. */
  ramble: async () => {
    for (;;) await drained(process.stdout, 'x'.repeat(64 * 1024));
  },
};

const calls = new Map();

async function callTool(id, { name, arguments: args = {}, _meta = {} }) {
  const abort = new AbortController();
  calls.set(id, abort);
  await tools[name](args, { token: _meta.progressToken, signal: abort.signal });
  calls.delete(id);
  // Nobody waits for the answer to a call that was cancelled.
  if (abort.signal.aborted) return;
  const text = JSON.stringify({ nonce: args.nonce, container, firstClient });
  send({ id, result: { content: [{ type: 'text', text }] } });
}

const methods = {
  initialize: (id, { protocolVersion, clientInfo }) => {
    firstClient ??= clientInfo.name;
    const serverInfo = { name: 'chaos', version: '1', container, firstClient };
    send({ id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } });
  },
  ping: (id) => send({ id, result: {} }),
  'tools/list': (id) =>
    send({ id, result: { tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })) } }),
  'tools/call': (id, params) => void callTool(id, params),
  'notifications/cancelled': (_id, { requestId }) => calls.get(requestId)?.abort(),
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  methods[method]?.(id, params);
});
