// snippet
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
// end
import { sdkSession } from './session.mjs';

export async function connect(url) {
  // snippet
  const client = new Client({ name: 'my-app', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(new URL(url));
  await client.connect(transport);
  const result = await client.callTool({ name: 'echo', arguments: { text: 'hello' } });
  // end
  return {
    ...sdkSession(client, result, (params, options) => client.callTool(params, undefined, options)),
    close: async () => {
      // snippet
      await transport.terminateSession(); // close() alone leaves the session to the server
      await client.close();
      // end
    },
  };
}
