import { Client } from '@modelcontextprotocol/sdk-1.10/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk-1.10/client/streamableHttp.js';
import { sdkSession } from './session.mjs';

export async function connect(url) {
  const client = new Client({ name: 'my-app', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(new URL(url));
  await client.connect(transport);
  const result = await client.callTool({ name: 'echo', arguments: { text: 'hello' } });
  return {
    ...sdkSession(client, result, (params, options) => client.callTool(params, undefined, options)),
    close: async () => {
      await transport.terminateSession(); // close() alone leaves the session to the server
      await client.close();
    },
  };
}

export const usage = 'As the newest 1.x.';
