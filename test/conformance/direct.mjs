// The server of the conformance test without Gangway: on HTTP by the MCP SDK, a transport for each session. What fails
// here is the server's or the suite's fault. Prints its URL; ends with its stdin.
import { randomUUID } from 'node:crypto';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import { connect } from '../fixtures/servers/conformance-server.mjs';

/** Everything that one session was sent, for `Last-Event-ID`. An event's id is its number, from 1. */
class EventLog {
  #events = [];

  async storeEvent(streamId, message) {
    return String(this.#events.push({ streamId, message }));
  }

  async getStreamIdForEventId(eventId) {
    return this.#events[eventId - 1]?.streamId;
  }

  async replayEventsAfter(lastEventId, { send }) {
    const { streamId } = this.#events[lastEventId - 1];
    for (const [index, event] of this.#events.entries()) {
      if (index >= lastEventId && event.streamId === streamId) await send(String(index + 1), event.message);
    }
    return streamId;
  }
}

/** By session id. */
const transports = new Map();

async function openSession() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: new EventLog(),
    retryInterval: 100,
    onsessioninitialized: (id) => transports.set(id, transport),
    onsessionclosed: (id) => transports.delete(id),
  });
  await connect(transport);
  return transport;
}

// It refuses a Host that is not loopback.
const app = createMcpExpressApp();
app.all('/mcp', async (request, response) => {
  const transport = isInitializeRequest(request.body)
    ? await openSession()
    : transports.get(request.headers['mcp-session-id']);
  if (transport) await transport.handleRequest(request, response, request.body);
  else response.status(404).json({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } });
});
const listener = app.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${listener.address().port}/mcp`);
});
process.stdin.on('end', () => process.exit(0)).resume();
