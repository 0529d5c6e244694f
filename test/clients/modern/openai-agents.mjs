import { MCPServerStreamableHttp } from '@openai/agents';
import { textOf } from '../session.mjs';

export async function connect(url) {
  const server = new MCPServerStreamableHttp({ url });
  await server.connect();
  return {
    listTools: async () => (await server.listTools()).map(({ name }) => name),
    callTool: async (name, args) => {
      const result = await server.callToolResult(name, args);
      return { text: textOf(result), isError: result.isError === true };
    },
    abortTool: (name, signal) => server.callToolResult(name, {}, null, { signal }),
    close: () => server.close(),
  };
}

export const notOffered = {
  progress: 'no callback for progress',
  listen: 'no means to hear of changes',
};
