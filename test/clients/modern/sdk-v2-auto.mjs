import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { sdkSession } from '../session.mjs';

export async function connect(url, answer) {
  const options = { versionNegotiation: { mode: 'auto' }, capabilities: { elicitation: { form: {} } } };
  const client = new Client({ name: 'my-app', version: '1.0.0' }, options);
  client.setRequestHandler('elicitation/create', ({ params }) => answer(params.message));
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return {
    ...sdkSession(client, undefined, (params, more) => client.callTool(params, more)),
    abortTool: (name, signal) => client.callTool({ name, arguments: {} }, { signal }),
    listen: async (onChange) => {
      client.setNotificationHandler('notifications/tools/list_changed', onChange);
      await client.listen({ toolsListChanged: true });
    },
    close: () => client.close(),
  };
}
