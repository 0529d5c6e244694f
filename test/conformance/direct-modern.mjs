// The server of the conformance test on HTTP as 2026-07-28 has it, without Gangway. What fails here is the server's or the
// suite's fault. Prints its URL; ends with its stdin.
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { connect, isModern, tools } from '../fixtures/servers/conformance-modern-server.mjs';
import { mismatchOf } from './mirrored-headers.mjs';

/** Errors that have a status of their own. */
const statuses = new Map([
  [-32601, 404],
  [-32020, 400],
  [-32021, 400],
  [-32022, 400],
]);

/** Serves one request: a notification before its answer makes it a stream. */
function serve(message, response) {
  const transport = {
    send(out) {
      if (out.id === undefined) {
        if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        response.write(event(out));
      } else if (response.headersSent) response.end(event(out));
      else response.status(statusOf(message, out)).json(out);
    },
  };
  connect(transport);
  response.on('close', () => {
    transport.onmessage({ method: 'notifications/cancelled', params: { requestId: message.id } });
  });
  transport.onmessage(message);
}

const event = (message) => `data: ${JSON.stringify(message)}\n\n`;

function statusOf(message, { error }) {
  const lacksMeta = error?.code === -32602 && !isComplete(message);
  return lacksMeta ? 400 : (statuses.get(error?.code) ?? 200);
}

const isComplete = (message) =>
  isModern(message) && message.params._meta['io.modelcontextprotocol/clientCapabilities'] !== undefined;

// It refuses a Host that is not loopback.
const app = createMcpExpressApp();
app.post('/mcp', ({ headers, body }, response) => {
  const mismatch = mismatchOf(headers, body, tools);
  if (mismatch === undefined) serve(body, response);
  else response.status(400).json({ jsonrpc: '2.0', id: body.id, error: { code: -32020, message: mismatch } });
});
app.all('/mcp', (_, response) => response.status(405).end());
const listener = app.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${listener.address().port}/mcp`);
});
process.stdin.on('end', () => process.exit(0)).resume();
